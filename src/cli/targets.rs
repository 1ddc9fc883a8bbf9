//! The nodes that a command asks over HTTP: those of a ring file, or those at given addresses.

use std::path::Path;

use super::address;
use super::failure::Failure;
use super::ring_file;
use crate::config::{NodeConfig, defaults};

/// The HTTP port of an address that gives none.
const DEFAULT_PORT: u16 = defaults::PORTS.http;

/// The HTTP endpoint of a node.
pub(super) struct Target {
    /// The node's name, if a ring file gives it.
    pub(super) node: Option<String>,
    pub(super) host: String,
    pub(super) port: u16,
}

/// Every node of the ring file if there is one, else the given addresses.
pub(super) fn targets(config: Option<&Path>, addresses: &[String]) -> Result<Vec<Target>, Failure> {
    let Some(path) = config else {
        return addresses.iter().map(|address| parse(address)).collect();
    };
    let nodes = ring_file::load(path)?.nodes.into_iter();
    let target = |node: NodeConfig| Target {
        node: Some(node.name),
        host: node.host,
        port: node.ports.http,
    };
    Ok(nodes.map(target).collect())
}

fn parse(address: &str) -> Result<Target, Failure> {
    let (host, port) = address::parse(address, DEFAULT_PORT)?;
    Ok(Target {
        node: None,
        host,
        port,
    })
}
