//! `carom hosts`: one line per node, for scripts.

use std::io::{self, Write as _};
use std::path::Path;

use clap::Args;

use super::failure::Failure;
use super::ring_file::RingFile;
use crate::config::Config;
use crate::ring::Direction;

/// Prints one line per node, for scripts: name, ssh target, host, ports, and, if there is one, the listen address and the key file
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
    let key_file = key_file(&config, &arguments.file.path);
    for (id, node) in config.topology().node_ids().zip(&config.nodes) {
        let ports = node.ports;
        let window = |direction, word, port: u16| match config.window(id, direction) {
            Some(_) => format!(" {word}={port}"),
            None => String::new(),
        };
        let listen = node.listen.map(|address| format!(" listen={address}"));
        writeln!(
            out,
            "{} {} {} ring={} receiver={} rate={} http={}{}{}{}{key_file}",
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

/// The last word of a line, as a path may have spaces: where the key is, from the folder of the ring file.
fn key_file(config: &Config, ring_file: &Path) -> String {
    let path = config.ring.key_file.as_deref();
    path.map(|path| {
        let folder = ring_file.parent().unwrap_or(Path::new(""));
        format!(
            " key-file={}",
            path.strip_prefix(folder).unwrap_or(path).display()
        )
    })
    .unwrap_or_default()
}
