//! A connection on which both sides know each other.

use std::net::IpAddr;

use super::wire::Wire;
use crate::ring::{Incarnation, NodeId};

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
    /// Both sides agree that the connection continues the link that is open.
    pub(super) continues: bool,
}
