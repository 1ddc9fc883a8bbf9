//! `carom check`: everything that is wrong with a ring file, or the ring in one screen.

use std::io::{self, Write as _};

use clap::Args;

use super::{Failure, RingFile};
use crate::config::{Config, Led};
use crate::ring::{OnPartition, Shape};

/// Reports every fault of a ring file in one run, or prints the ring that it describes
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
    print(&config)?;
    Ok(())
}

fn print(config: &Config) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let topology = config.topology();
    let (count, quorum) = (config.nodes.len(), config.nodes.len() / 2 + 1);
    let shape = match config.ring.shape {
        Shape::Ring => "a ring",
        Shape::Row => "a row",
    };
    writeln!(
        out,
        "{}: {shape} of {count}, lease {:?}, topology {}",
        config.ring.name,
        config.ring.lease,
        topology.fingerprint()
    )?;
    match config.ring.on_partition {
        OnPartition::Freeze => writeln!(
            out,
            "plays while {quorum} of {count} can talk: {} may be missing",
            count - quorum
        )?,
        OnPartition::PlayOn => writeln!(
            out,
            "plays on in every island; the newest ball survives when they meet"
        )?,
    }
    let longest = |text: fn(&crate::config::Node) -> &str| {
        config
            .nodes
            .iter()
            .map(|node| text(node).len())
            .max()
            .unwrap_or(0)
    };
    let (names, hosts) = (longest(|node| &node.name), longest(|node| &node.host));
    for node in &config.nodes {
        writeln!(
            out,
            "  {:names$}  {:hosts$}  ring {:5}  receiver {:5}  rate {:5}  http {:5}  led {}",
            node.name,
            node.host,
            node.ports.ring,
            node.ports.receiver,
            node.ports.rate,
            node.ports.http,
            led(&node.led)
        )?;
    }
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

/// The node's LED in a few words.
pub(super) fn led(led: &Led) -> String {
    match led {
        Led::Gpio { pin, .. } => format!("gpio {pin}"),
        Led::GpioChip { chip, pin, .. } => format!("{} {pin}", chip.display()),
        Led::Sysfs { name, .. } => format!("sysfs {name}"),
        Led::Act => "act".to_owned(),
        Led::Trace { path } => format!("trace {}", path.display()),
        Led::None => "none".to_owned(),
    }
}
