//! A connection on its way from those who made it to the thread that owns the node.

use std::net::TcpStream;

use super::incoming::Incoming;
use super::session::Sealer;
use crate::key::Fingerprint;
use crate::ring::{Hello, Incarnation, NodeId};

/// A connection on which both sides have introduced themselves, on its way to the thread that owns the node.
pub struct NewLink {
    /// Tells connections apart; never used again.
    pub(super) id: u32,
    pub(super) peer: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) key: Option<Fingerprint>,
    /// Both sides agree that it continues the link that is open.
    pub(super) continues: bool,
    /// This side opened the connection.
    pub(super) dialled: bool,
    /// What this side still has to say: the answer to the hello of a peer that dialled.
    pub(super) hello: Option<Hello>,
    pub(super) stream: TcpStream,
    pub(super) incoming: Incoming,
    pub(super) sealer: Option<Sealer>,
}
