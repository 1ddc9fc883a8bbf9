//! What takes long at the other end, said while it does.

use std::fmt;
use std::net::{SocketAddr, TcpStream};

use crate::lab::tcp_info;

/// Why a receiver takes nothing, as far as the kernel can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// It has acknowledged all that was sent, and allows no more.
    WindowClosed,
    /// It does not acknowledge what was sent.
    Unacknowledged,
    /// The kernel does not tell.
    Unknown,
}

impl Stall {
    /// Why no byte can be written to that connection; `None` if all of them have arrived.
    pub(super) fn of(stream: &TcpStream) -> Option<Self> {
        let Some(info) = tcp_info::of(stream) else {
            return Some(Self::Unknown);
        };
        match (info.unacknowledged, info.unsent_bytes) {
            (1.., _) => Some(Self::Unacknowledged),
            (0, Some(0)) => None,
            (0, Some(_)) => Some(Self::WindowClosed),
            (0, None) => Some(Self::Unknown),
        }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::WindowClosed => {
                "its receive window is closed, so the program there does not read what has arrived"
            }
            Self::Unacknowledged => {
                "nothing that was sent is acknowledged, so the network loses it or that machine is gone"
            }
            Self::Unknown => "is the receiver reading?",
        })
    }
}

/// The other end keeps this one waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// It takes no bytes.
    NotReading {
        /// The receiver.
        peer: SocketAddr,
        /// For how many seconds.
        seconds: u64,
        /// Why.
        stall: Stall,
        /// After how many seconds this end gives up.
        limit: u64,
    },
    /// All bytes have arrived, but it neither answers nor ends its stream.
    NotAnswering {
        /// The receiver.
        peer: SocketAddr,
        /// For how many seconds.
        seconds: u64,
        /// After how many seconds this end gives up.
        limit: u64,
    },
}

impl fmt::Display for Delay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReading {
                peer,
                seconds,
                stall,
                limit,
            } => write!(
                formatter,
                "{peer} has taken nothing for {seconds} s: {stall}; this waits {limit} s at most"
            ),
            Self::NotAnswering {
                peer,
                seconds,
                limit,
            } => write!(
                formatter,
                "all bytes are at {peer}, but for {seconds} s it has neither answered nor ended its stream; this \
                 waits {limit} s at most"
            ),
        }
    }
}
