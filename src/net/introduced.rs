//! A connection on which both sides know each other.

use std::net::IpAddr;

use super::wire::Wire;
use crate::obituary::{Commitment, Obituary};
use crate::ring::{Incarnation, NodeId};

/// What a connection has brought.
pub(super) enum First {
    /// A peer.
    Peer(Box<Introduced>),
    /// The proof that a process has ended, and where to answer.
    Obituary(Obituary, Box<Wire>),
}

/// A connection on which both sides know each other.
pub(super) struct Introduced {
    pub(super) wire: Wire,
    pub(super) address: IpAddr,
    /// Whether this side opened the connection.
    pub(super) dialled: bool,
    pub(super) hellos: Hellos,
}

/// What the two hellos say.
pub(super) struct Hellos {
    pub(super) peer: NodeId,
    pub(super) incarnation: Incarnation,
    /// What proves the end of that process.
    pub(super) commitment: Option<Commitment>,
    /// Both sides agree that the connection continues the link that is open.
    pub(super) continues: bool,
}
