//! How the demo looks: drawn live on a terminal, one line per change in a pipe.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::monitor::{Ball, Monitor, SharedMonitor};
use super::ring::DemoRing;
use crate::ring::{Time, Topology};

/// The width of a node's screen, in characters.
const TRACK: usize = 40;

/// Where the demo is shown.
pub(super) enum Display {
    /// A terminal, which is drawn again and again.
    Terminal,
    /// A pipe or a file, which gets a line per change.
    Pipe,
}

impl Display {
    pub(super) fn open(terminal: bool, ring: &DemoRing) -> io::Result<Self> {
        let mut out = io::stdout().lock();
        if terminal {
            // The alternate screen, without a cursor; `drop` restores both.
            write!(out, "\x1b[?1049h\x1b[?25l")?;
            return Ok(Self::Terminal);
        }
        let topology = &ring.topology;
        writeln!(
            out,
            "carom demo: {} nodes on this machine ({}), {} ball(s), lease {:?}",
            topology.nodes.len(),
            topology.nodes.join(" "),
            topology.balls.len(),
            topology.lease
        )?;
        if let Some(address) = ring.page {
            writeln!(out, "see it at http://{address}/")?;
        }
        out.flush()?;
        Ok(Self::Pipe)
    }

    pub(super) fn show(
        &mut self,
        monitor: &SharedMonitor,
        ring: &DemoRing,
        now: Time,
    ) -> io::Result<()> {
        // Not while the monitor is locked: a terminal may take as long as it likes, and the rings must not wait for it.
        let text = {
            let mut monitor = monitor.lock();
            let lines = monitor.take_lines();
            match self {
                Self::Pipe => lines.into_iter().map(|line| line + "\n").collect(),
                Self::Terminal => draw(&monitor, ring, now),
            }
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if matches!(self, Self::Terminal) {
            let mut out = io::stdout().lock();
            // Fails only if the terminal is gone.
            let _ = write!(out, "\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
        }
    }
}

/// The whole screen as text. Every line ends by clearing the rest of the line.
fn draw(monitor: &Monitor, ring: &DemoRing, now: Time) -> String {
    let topology = &ring.topology;
    let mut text = String::from("\x1b[H");
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "carom demo: {} nodes, lease {:?}\x1b[K\r\n\x1b[K\r\n",
        topology.nodes.len(),
        topology.lease
    );
    for node in topology.node_ids() {
        let here: Vec<(&str, &Ball)> = monitor
            .balls()
            .filter(|(_, ball)| ball.holders.contains(&node))
            .collect();
        let (led, note) = if !ring.is_running(node) {
            (
                "\x1b[31mx\x1b[0m",
                format!("killed: k{} starts it", node.0 + 1),
            )
        } else if here.is_empty() {
            ("\x1b[2m○\x1b[0m", String::new())
        } else {
            ("\x1b[33m●\x1b[0m", String::new())
        };
        let track = track(topology, monitor, &here, now);
        let name = topology.name(node);
        let _ = write!(text, "  {name:>4} {led}  |{track}| {note}\x1b[K\r\n");
    }
    let _ = write!(text, "\x1b[K\r\n");
    for (name, ball) in monitor.balls() {
        let _ = write!(
            text,
            "  ball {name}  generation {}  hop {}{}\x1b[K\r\n",
            ball.generation,
            ball.hop,
            if ball.holders.is_empty() {
                "  on its way: a majority must run"
            } else {
                ""
            }
        );
    }
    let (passes, elections, overlaps) = monitor.totals();
    let _ = write!(
        text,
        "\x1b[K\r\n  passes {passes}   elections {elections}   possessions overlapping {overlaps}\x1b[K\r\n"
    );
    if let Some(returned) = monitor.last_return() {
        let _ = write!(text, "  {returned}\x1b[K\r\n");
    }
    if let Some(address) = ring.page {
        let _ = write!(text, "  see it at http://{address}/\x1b[K\r\n");
    }
    text.push_str(
        "\x1b[K\r\n  k and a digit kills that node, again starts it; q quits\x1b[K\x1b[J",
    );
    text
}

/// One node's screen seen from above, with the balls on it.
fn track(topology: &Topology, monitor: &Monitor, here: &[(&str, &Ball)], now: Time) -> String {
    let mut track = vec![' '; TRACK];
    for (name, ball) in here {
        let Some(arrived) = ball.arrived else {
            continue;
        };
        // The balls of the demo always start at an edge.
        let speed = monitor.speed(name);
        let share = now.since(arrived).as_secs_f64() * speed.abs() / topology.screen.width;
        let column = (share.clamp(0.0, 1.0) * (TRACK - 1) as f64) as usize;
        let column = if speed < 0.0 {
            TRACK - 1 - column
        } else {
            column
        };
        if let Some(cell) = track.get_mut(column) {
            *cell = 'o';
        }
    }
    track.into_iter().collect()
}
