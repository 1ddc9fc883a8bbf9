//! Why this side closes a link.

use thiserror::Error;

/// Why this side closes a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// Too many heartbeats have passed without a line.
    #[error("nothing was heard for three heartbeats")]
    Silent,
    /// Too much waits to be sent.
    #[error("the peer does not read what it is sent")]
    Overflow,
    /// A newer connection has taken the place of this one.
    #[error("the peer opened a newer connection")]
    Superseded,
    /// A new ring file has another address for the peer.
    #[error("the ring file gives it another address")]
    Moved,
    /// A new key file no longer has the key.
    #[error("the key that it was made with is no longer in the key file")]
    KeyForgotten,
    /// Another process plays this node, and this one leaves its links to it.
    #[error("another process of this name is in the ring, and this one leaves the ring to it")]
    Resigned,
}
