//! Why a link ended, as the sentences of the log and of the refusals that are sent to peers.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use super::close_reason::CloseReason;
use super::handshake::HandshakeError;
use super::reader::ReadError;
use super::session::BadRecord;
use crate::escape::Escaped;
use crate::ring::Message;

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
    /// The error may quote the line.
    #[error("a line was no message of the ring protocol ({})", Escaped(&.0.to_string()))]
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
    /// The hello does not fit this ring, and it came from an address that no node has.
    #[error("no node of the ring file has the address {address}, and {}", Escaped(.reason))]
    Unlisted { address: IpAddr, reason: String },
    /// The hello fits this ring, but that node has another address.
    #[error(
        "the host of {node} in the ring file does not stand for {address}: if {node} has this address, too, \
         make it the host of {node}, or give the ring a key"
    )]
    NotBelieved { address: IpAddr, node: String },
    /// Another process with that node's name has the link; where both are, if that is known.
    #[error(
        "another process named {node} is in the ring{}: stop one of the two, or name them differently",
        in_words(.places)
    )]
    Duplicate {
        node: String,
        places: Option<(IpAddr, IpAddr)>,
    },
    /// An obituary that proves nothing.
    #[error("it brought an obituary {0}, which proves nothing")]
    FalseObituary(&'static str),
    /// The peer refused this node; `duplicate` if because another process has its name.
    #[error("the peer refused: {}", Escaped(.reason))]
    Refused { reason: String, duplicate: bool },
    /// Both sides dialled, and the other connection is kept.
    #[error("the peer is connected already")]
    AlreadyConnected,
    /// This side ended the link.
    #[error(transparent)]
    Closed(CloseReason),
}

impl LinkError {
    /// The message that tells the peer why this side closes, if it can do something about the error.
    pub(super) fn refused(&self, me: &str) -> Option<Message> {
        Some(Message::Refused {
            reason: self.refusal(me)?,
            duplicate: matches!(self, Self::Duplicate { .. }),
        })
    }

    /// The sentence of that message.
    ///
    /// Only a peer that has proved to have the key, is at the address of a node, or knows the topology, is
    /// told a name.
    fn refusal(&self, me: &str) -> Option<String> {
        match self {
            Self::Mismatch(_) | Self::Duplicate { .. } | Self::Closed(CloseReason::Resigned) => {
                Some(format!("{me} says: {self}"))
            }
            Self::NotHello | Self::NotMessage(_) | Self::TooLong(_) | Self::Handshake(_) => {
                Some(self.to_string())
            }
            Self::Unlisted { address, .. } => Some(format!("{address} is not in the ring file")),
            Self::NotBelieved { address, .. } => Some(format!(
                "{address} is not in the ring file: make it the host of this node there, or give the ring a key"
            )),
            Self::ClosedByPeer
            | Self::Io(_)
            | Self::NoHello
            | Self::BadRecord
            | Self::FalseObituary(_)
            | Self::Refused { .. }
            | Self::AlreadyConnected
            | Self::Closed(_) => None,
        }
    }

    /// Whether the peer sent what is no line of the protocol, or none of this connection.
    pub(super) fn is_bad_line(&self) -> bool {
        matches!(
            self,
            Self::NotMessage(_) | Self::TooLong(_) | Self::BadRecord
        )
    }
}

/// Where two processes of one name are: the one that is connected, and this one.
fn in_words(places: &Option<(IpAddr, IpAddr)>) -> String {
    places.map_or_else(String::new, |(connected, this)| {
        format!(", at {connected}, beside the one at {this}")
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_peer_says_reaches_a_log_unescaped() {
        let line = r#"{"type":"found","seq":3,"edge":"\u001b[2J\u202e","ball":{}}"#;
        let error = super::super::frame::parse(line.as_bytes()).unwrap_err();
        let text = "\u{1b}[2J\u{202e}".to_owned();
        let address = IpAddr::from([192, 168, 7, 66]);
        for error in [
            LinkError::NotMessage(error),
            LinkError::Mismatch(text.clone()),
            LinkError::Unlisted {
                address,
                reason: text.clone(),
            },
            LinkError::Refused {
                reason: text,
                duplicate: false,
            },
        ] {
            let shown = error.to_string();
            assert!(shown.contains("\\u{1b}[2J\\u{202e}"), "{shown}");
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }

    #[test]
    fn a_peer_that_is_not_in_the_ring_file_learns_no_name() {
        let address = IpAddr::from([192, 168, 7, 66]);
        let unlisted = LinkError::Unlisted {
            address,
            reason: "the ring file of pi1 (topology 0123456789abcdef) differs".to_owned(),
        };
        let not_believed = LinkError::NotBelieved {
            address,
            node: "pi5".to_owned(),
        };
        for error in [unlisted, not_believed] {
            let told = error.refusal("pi1").unwrap();
            assert!(told.starts_with("192.168.7.66 is not in the ring file"));
            assert!(!told.contains("pi") && !told.contains("0123"), "{told}");
        }
        let known = LinkError::Mismatch("pi2 differs".to_owned());
        assert_eq!(known.refusal("pi1").unwrap(), "pi1 says: pi2 differs");
        assert_eq!(LinkError::NoHello.refusal("pi1"), None);
    }
}
