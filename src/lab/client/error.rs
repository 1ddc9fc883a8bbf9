//! Why nothing could be sent or measured.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::delay::Stall;
use crate::escape::Escaped;

/// A receiver that takes no bytes for this long makes a write fail.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Why nothing could be sent or measured.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The name has no address.
    #[error(
        "the name {} cannot be resolved ({error}): check it, or write the IP address",
        Escaped(host)
    )]
    Unknown {
        /// The name.
        host: String,
        /// The error of the look-up.
        error: io::Error,
    },
    /// This machine has no free port left.
    #[error(
        "no connection to {0}: this machine has no free port left for it, for every closed connection keeps its port for a minute (TIME_WAIT); wait, or send fewer chunks"
    )]
    NoFreePort(SocketAddr),
    /// No connection could be opened.
    #[error(
        "no connection to {0} ({1}): check the address and the port, and that a receiver runs there"
    )]
    Unreachable(SocketAddr, io::Error),
    /// The receiver has taken no bytes for too long.
    #[error("{peer} has taken nothing for {limit} s, and this gave up: {stall}", limit = WRITE_LIMIT.as_secs())]
    NotReading {
        /// The receiver.
        peer: SocketAddr,
        /// Why it takes none.
        stall: Stall,
    },
    /// The connection broke.
    #[error("the connection to {0} broke ({1}): the receiver has ended or closed it")]
    Broken(SocketAddr, io::Error),
    /// The receiver refused, with a reason.
    #[error("{peer} says: {}", Escaped(reason))]
    Refused {
        /// The receiver.
        peer: SocketAddr,
        /// Its reason.
        reason: String,
    },
    /// The input to be sent cannot be read.
    #[error("what is to be sent cannot be read: {0}")]
    Input(io::Error),
}

impl ClientError {
    /// The error of a failed connect.
    pub(super) fn connecting(peer: SocketAddr, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::AddrNotAvailable {
            Self::NoFreePort(peer)
        } else {
            Self::Unreachable(peer, error)
        }
    }
}
