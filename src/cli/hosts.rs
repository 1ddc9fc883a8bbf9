//! `carom hosts`: one line per node, for scripts.

use std::io::{self, Write as _};

use clap::Args;

use super::failure::Failure;
use super::ring_file::RingFile;
use crate::ring::Direction;

/// Prints one line per node, for scripts: name, ssh target, host, ports, and the listen address if there is one
#[derive(Args)]
#[command(
    after_help = "Example: carom hosts --config ring.toml | while read -r name ssh host ports; do echo \"$name: $ssh\"; done"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: RingFile,
}

pub(super) fn hosts(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.file.load()?;
    let mut out = io::stdout().lock();
    for (id, node) in config.topology().node_ids().zip(&config.nodes) {
        let ports = node.ports;
        let window = |direction, word, port: u16| match config.window(id, direction) {
            Some(_) => format!(" {word}={port}"),
            None => String::new(),
        };
        let listen = node.listen.map(|address| format!(" listen={address}"));
        writeln!(
            out,
            "{} {} {} ring={} receiver={} rate={} http={}{}{}{}",
            node.name,
            node.ssh,
            node.host,
            ports.ring,
            ports.receiver,
            ports.rate,
            ports.http,
            window(Direction::Left, "window-left", ports.window_left),
            window(Direction::Right, "window-right", ports.window_right),
            listen.unwrap_or_default()
        )?;
    }
    Ok(())
}
