//! What the ring costs as it grows: messages and bytes per node, messages per hop, recovery time.
//!
//! Not a promise but a measurement: `tests/sim/run --cost` prints the table and draws the plot
//! that docs/EVIDENCE.md shows. Everything here is counted in the simulator, not timed.

use std::fmt::Write as _;

use carom::ring::Message;

use crate::clock::Nanos;
use crate::script::{LEASE, holder, holder_now, plan};
use crate::trace::Trace;
use crate::world::World;

const SIZES: [usize; 9] = [3, 5, 7, 10, 20, 40, 100, 250, 1_000];

/// The recovery time is the median over so many crashes of the holder.
const DEATHS: usize = 3;

/// Messages and their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount {
    lines: u64,
    bytes: u64,
}

/// Counts the messages sent, by purpose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    heartbeats: Amount,
    renewals: Amount,
    passes: Amount,
    /// Of these, what the node sends that has the ball.
    holder: Amount,
}

impl Traffic {
    pub(crate) fn count(&mut self, message: &Message, is_holder: bool) {
        let mut line = Vec::new();
        carom::net::encode(message, &mut line);
        let amount = if matches!(message, Message::Heartbeat { .. }) {
            &mut self.heartbeats
        } else if matches!(message, Message::Pass(_) | Message::PassAck { .. }) {
            &mut self.passes
        } else {
            &mut self.renewals
        };
        amount.lines += 1;
        amount.bytes += line.len() as u64;
        if is_holder {
            self.holder.lines += 1;
        }
    }
}

struct Row {
    nodes: usize,
    /// Messages per second that a node sends at rest, on average: heartbeats, and for the lease.
    heartbeats: f64,
    renewals: f64,
    /// The bytes per second of both.
    bytes: f64,
    /// Messages per second that the node with the ball sends.
    holder: f64,
    /// Messages and bytes of the pass itself, per hop.
    hop_lines: f64,
    hop_bytes: f64,
    /// Messages for the lease, per second and node, while a ball crosses ten screens per lease.
    flying: f64,
    /// Time from the holder's crash to the next LED, in leases.
    relit: f64,
}

/// A world without checkers, for measuring: they would compare all pairs of 250 nodes at each step.
fn world(nodes: usize, crossing: Nanos) -> World {
    let mut world = World::new(&plan(nodes, crossing), Trace::default());
    world.remove_checkers();
    // Looked at now and then: to look for a holder among 1,000 nodes at every event would take longest.
    while holder(&world).is_none() {
        assert!(world.now < 20 * LEASE, "{nodes}");
        world.run_until(world.now + LEASE / 8);
    }
    world.run_until(world.now + 2 * LEASE);
    world
}

fn metered(world: &mut World, span: Nanos) -> Traffic {
    world.traffic = Some(Traffic::default());
    world.run_until(world.now + span);
    world.traffic.take().unwrap_or_default()
}

fn measure(nodes: usize) -> Row {
    // So long that the heartbeats to far peers, about one a lease, are counted to a few percent.
    let span = 80 * LEASE;
    let per_node = span as f64 / 1e9 * nodes as f64;
    let rest = metered(&mut world(nodes, 1_000 * LEASE), span);
    let mut flying = world(nodes, LEASE / 10);
    let before = flying.last[0].passes;
    let flown_for = 2 * LEASE;
    let flown = metered(&mut flying, flown_for);
    let hops = (flying.last[0].passes - before) as f64;
    let bytes = rest.heartbeats.bytes + rest.renewals.bytes;
    Row {
        nodes,
        heartbeats: rest.heartbeats.lines as f64 / per_node,
        renewals: rest.renewals.lines as f64 / per_node,
        bytes: bytes as f64 / per_node,
        holder: rest.holder.lines as f64 / (span as f64 / 1e9),
        hop_lines: flown.passes.lines as f64 / hops,
        hop_bytes: flown.passes.bytes as f64 / hops,
        flying: flown.renewals.lines as f64 / (flown_for as f64 / 1e9 * nodes as f64),
        relit: relit(nodes),
    }
}

/// The median over several crashes of the holder.
fn relit(nodes: usize) -> f64 {
    let mut world = world(nodes, 2 * LEASE);
    let mut times: Vec<Nanos> = (0..DEATHS)
        .map(|_| {
            assert!(world.run_to(world.now + 4 * LEASE, |world| holder(world).is_some()));
            let dead = holder_now(&mut world);
            let died = world.now;
            world.kill(dead, true);
            assert!(
                world.run_to(died + 10 * LEASE, |world| holder(world).is_some()),
                "{nodes}"
            );
            let took = world.now - died;
            world.start(dead);
            world.run_until(world.now + 3 * LEASE + LEASE / 7);
            took
        })
        .collect();
    times.sort_unstable();
    times[DEATHS / 2] as f64 / LEASE as f64
}

#[test]
#[ignore = "a measurement of a minute, printed: tests/sim/run --cost"]
fn cost() {
    let rows: Vec<Row> = SIZES.into_iter().map(measure).collect();
    println!(
        "| nodes | heartbeats/s a node | lease lines/s a node | bytes/s a node | lines/s of the holder | lines a hop | bytes a hop | lease lines/s a node, flying | relit, leases |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for row in &rows {
        println!(
            "| {} | {:.0} | {:.1} | {:.0} | {:.0} | {:.1} | {:.0} | {:.1} | {:.2} |",
            row.nodes,
            row.heartbeats,
            row.renewals,
            row.bytes,
            row.holder,
            row.hop_lines,
            row.hop_bytes,
            row.flying,
            row.relit
        );
    }
    let path = std::env::var_os("CAROM_COST_SVG").unwrap_or_else(|| "docs/cost.svg".into());
    std::fs::write(path, plot(&rows)).expect("a place for the plot");
}

/// The table as a plot on log axes: what a node sends against the size of its ring.
fn plot(rows: &[Row]) -> String {
    let across =
        |nodes: usize| 70.0 + (nodes as f64 / 3.0).log10() / (1_000.0_f64 / 3.0).log10() * 500.0;
    let up = |value: f64| 260.0 - (value.max(1.0)).log10() / 6.0 * 230.0;
    let mut text = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 320\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"Lines and bytes a second that a node sends at rest, against the number of nodes, on log axes\">\n<rect width=\"640\" height=\"320\" fill=\"#ffffff\"/>\n",
    );
    for power in 0..=6 {
        let y = up(10f64.powi(power));
        let label = 10u64.pow(power.unsigned_abs());
        let _ = writeln!(
            text,
            "<path d=\"M 70 {y:.1} H 570\" stroke=\"#dddddd\"/><text x=\"62\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            y + 4.0
        );
    }
    for row in rows {
        let x = across(row.nodes);
        let _ = writeln!(
            text,
            "<text x=\"{x:.1}\" y=\"280\" text-anchor=\"middle\">{}</text>",
            row.nodes
        );
    }
    type Series = (&'static str, &'static str, fn(&Row) -> f64);
    let series: [Series; 2] = [
        ("#c2410c", "bytes a second", |row| row.bytes),
        ("#1d4ed8", "lines a second", |row| {
            row.heartbeats + row.renewals
        }),
    ];
    for (color, name, value) in series {
        let points: Vec<String> = rows
            .iter()
            .map(|row| format!("{:.1},{:.1}", across(row.nodes), up(value(row))))
            .collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        let last = rows.last().map_or(0.0, |row| up(value(row)));
        let _ = writeln!(
            text,
            "<text x=\"560\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{color}\">{name}</text>",
            last - 10.0
        );
    }
    text.push_str("<text x=\"320\" y=\"305\" text-anchor=\"middle\">nodes in the ring (lease 500 ms, at rest, per node)</text>\n</svg>\n");
    text
}
