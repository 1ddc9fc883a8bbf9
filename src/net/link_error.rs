//! Why a link ended, as the sentences of the log and of the refusals that are sent to peers.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::handshake::HandshakeError;
use super::outbox::CloseReason;
use super::reader::ReadError;
use super::session::BadRecord;
use crate::escape::Escaped;

/// How long the other end has for its hello.
pub(super) const HELLO_LIMIT: Duration = Duration::from_secs(2);

/// Why a connection ended.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    #[error("the peer closed the connection")]
    ClosedByPeer,
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("no hello came within {HELLO_LIMIT:?}: this port is for carom's peers only")]
    NoHello,
    #[error("the first line was no hello: this port is for carom's peers only")]
    NotHello,
    #[error("a line was no message of the ring protocol ({0})")]
    NotMessage(serde_json::Error),
    #[error("a line was longer than {0} bytes")]
    TooLong(usize),
    /// The two sides have no key in common.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// An encrypted connection was tampered with.
    #[error("{BadRecord}: somebody may be tampering with the connection")]
    BadRecord,
    /// The peer's hello does not fit this ring; the sentence may quote the hello.
    #[error("{}", Escaped(.0))]
    Mismatch(String),
    /// Another process with that node's name has the link.
    #[error(
        "another process named {0} is in the ring: stop one of the two, or name them differently"
    )]
    Duplicate(String),
    /// The peer refused this node; `duplicate` if because another process has its name.
    #[error("the peer refused: {}", Escaped(.reason))]
    Refused { reason: String, duplicate: bool },
    /// This side ended the link.
    #[error(transparent)]
    Closed(CloseReason),
}

impl LinkError {
    /// Whether the peer is told: it can do something about it.
    pub(super) fn is_refused(&self) -> bool {
        matches!(
            self,
            Self::Mismatch(_)
                | Self::Duplicate(_)
                | Self::NotHello
                | Self::NotMessage(_)
                | Self::TooLong(_)
                | Self::Handshake(_)
        )
    }

    /// Whether the peer sent what is no line of the protocol, or none of this connection.
    pub(super) fn is_bad_line(&self) -> bool {
        matches!(
            self,
            Self::NotMessage(_) | Self::TooLong(_) | Self::BadRecord
        )
    }
}

impl From<ReadError> for LinkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::ClosedByPeer,
            ReadError::TooLong(longest) => Self::TooLong(longest),
            ReadError::BadRecord => Self::BadRecord,
            ReadError::Io(error) => Self::Io(error),
        }
    }
}
