//! What the demo tells a node's process at its start.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// All that a process needs to play one node of the demo. The listener of the ring comes with it as a descriptor, then
/// that of the page, if there is one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    /// How many nodes the ring has.
    pub(super) nodes: u8,
    /// How many balls it has.
    pub(super) balls: u8,
    /// The number of this node, from 0.
    pub(super) me: u16,
    /// Where each node listens for its peers.
    pub(super) ring: Vec<SocketAddr>,
    /// Where each node answers HTTP; empty if none does.
    pub(super) http: Vec<SocketAddr>,
    /// The trace of this node's LED.
    pub(super) trace: PathBuf,
}
