//! `carom check`: everything that is wrong with a ring file, or the ring in one screen.

use std::io::{self, Write};

use clap::Args;

use super::failure::Failure;
use super::ring_file::RingFile;
use crate::config::{Config, NodeConfig, WindowChainConfig};
use crate::key::Keys;
use crate::program::keys;
use crate::ring::{Direction, NodeId, OnPartition, Shape, Topology};

/// Reports every fault of a ring file and of its key file in one run, or prints the ring that it describes
#[derive(Args)]
#[command(
    after_help = "Example: carom check --config ring.toml\nExit code 2 if anything is wrong."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: RingFile,
}

pub(super) fn check(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.file.load()?;
    let keys = keys::read(&config).map_err(Failure::KeyFile)?;
    print(&config, keys.as_ref())?;
    Ok(())
}

fn print(config: &Config, keys: Option<&Keys>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let topology = config.topology();
    let count = config.nodes.len();
    let shape = match config.ring.shape {
        Shape::Ring => "a ring",
        Shape::Row => "a row",
    };
    let windows: usize = config
        .window_chains
        .iter()
        .map(|chain| chain.windows.len())
        .sum();
    let windows = match windows {
        0 => String::new(),
        1 => " and a window".to_owned(),
        count => format!(" and {count} windows"),
    };
    writeln!(
        out,
        "{}: {shape} of {count}{windows}, lease {:?}, topology {}",
        config.ring.name,
        config.ring.lease,
        topology.fingerprint()
    )?;
    match config.ring.on_partition {
        OnPartition::Freeze => voters(&mut out, &topology)?,
        OnPartition::PlayOn => writeln!(
            out,
            "plays on in every island; the newest ball survives when they meet"
        )?,
    }
    if let Some(keys) = keys {
        let other = keys.other().map(|key| key.fingerprint());
        let other = other.map(|other| format!(", also accepts {other}"));
        let used = keys.used().fingerprint();
        writeln!(out, "uses the key {used}{}", other.unwrap_or_default())?;
    }
    members(&mut out, config, &topology)?;
    for (number, ball) in (1..).zip(&config.balls) {
        let [across, up] = ball.velocity;
        let dwell = ball
            .dwell
            .map(|dwell| format!(", {dwell:?} a screen"))
            .unwrap_or_default();
        writeln!(
            out,
            "  ball {number} from {}: {across} pixels a second across, {up} up{dwell}",
            ball.start
        )?;
    }
    for warning in config.warnings() {
        writeln!(out, "note: {warning}")?;
    }
    Ok(())
}

/// Who votes, and how many of them may be missing.
fn voters(out: &mut impl Write, topology: &Topology) -> io::Result<()> {
    let voters: Vec<_> = topology
        .voter_ids()
        .map(|node| topology.name(node))
        .collect();
    let (count, quorum) = (voters.len(), topology.quorum());
    let missing = count.saturating_sub(quorum);
    if count == topology.nodes.len() {
        let all = "may be missing";
        return writeln!(
            out,
            "plays while {quorum} of {count} can talk: {missing} {all}"
        );
    }
    let names = voters.join(", ");
    match count {
        1 => writeln!(
            out,
            "1 node votes: {names}\nplays while it can talk with the others"
        ),
        _ => writeln!(
            out,
            "{count} nodes vote: {names}\nplays while {quorum} of the {count} can talk: {missing} of them may be missing"
        ),
    }
}

/// Every node and every window, from left to right.
fn members(out: &mut impl Write, config: &Config, topology: &Topology) -> io::Result<()> {
    let longest =
        |text: fn(&NodeConfig) -> &str| config.nodes.iter().map(|node| text(node).len()).max();
    let windows = config.window_chains.iter().flat_map(|chain| &chain.windows);
    let longest_window = windows.map(|window| window.name.len()).max();
    let names = longest(|node| &node.name).max(longest_window).unwrap_or(0);
    let hosts = longest(|node| &node.host).unwrap_or(0);
    let windows = |out: &mut _, left: Option<NodeId>| {
        let mut chains = config.window_chains.iter();
        match chains.find(|chain| chain.left == left) {
            Some(chain) => window_lines(out, chain, names),
            None => Ok(()),
        }
    };
    windows(out, None)?;
    for (id, node) in topology.node_ids().zip(&config.nodes) {
        let listens = |direction, side: &str, port: u16| match config.window(id, direction) {
            Some(_) => format!("  window-{side} {port}"),
            None => String::new(),
        };
        writeln!(
            out,
            "  {:names$}  {:hosts$}  ring {:5}  receiver {:5}  rate {:5}  http {:5}{}{}  led {}",
            node.name,
            node.host,
            node.ports.ring,
            node.ports.receiver,
            node.ports.rate,
            node.ports.http,
            listens(Direction::Left, "left", node.ports.window_left),
            listens(Direction::Right, "right", node.ports.window_right),
            node.led
        )?;
        windows(out, Some(id))?;
    }
    Ok(())
}

fn window_lines(out: &mut impl Write, chain: &WindowChainConfig, names: usize) -> io::Result<()> {
    for window in &chain.windows {
        let sides = [
            ("left", &window.listen_left),
            ("right", &window.listen_right),
        ];
        let takes = sides.iter().filter_map(|(side, entrance)| {
            let entrance = entrance.as_ref()?;
            Some(format!("from its {side} at {entrance}"))
        });
        let takes: Vec<_> = takes.collect();
        writeln!(
            out,
            "  {:names$}  a window, takes balls {}",
            window.name,
            takes.join(", ")
        )?;
    }
    Ok(())
}
