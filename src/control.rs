//! The requests that a person on the same machine may send to a node, and the replies: one JSON
//! object per line, both ways.
//!
//! The socket is a file, and the permissions of that file decide who may send requests.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::http::BallStatus;

/// Where the daemon listens under systemd, and where `carom ball` connects by default.
pub const DEFAULT_PATH: &str = "/run/carom/control.sock";

/// The longest line, in bytes.
pub const LONGEST_LINE: usize = 64 * 1024;

/// A request to the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// List all balls.
    List,
    /// Add a guest: a new ball on this node's screen.
    Add(NewBall),
    /// Remove a guest, wherever it is.
    Remove {
        /// The number of the guest.
        ball: u32,
    },
}

/// The initial state of a new ball. Lengths are in pixels; y points upwards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewBall {
    /// The position of its centre, from the lower left corner.
    pub position: [f64; 2],
    /// Its velocity, in pixels a second.
    pub velocity: [f64; 2],
    /// Its radius, in pixels.
    pub radius: f64,
    /// Its color: red, green, blue.
    pub color: [u8; 3],
}

/// The reply to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// All balls that this node knows.
    Balls(Vec<BallStatus>),
    /// The node has requested it of the ring. The list shows when the ring has agreed.
    #[serde(rename = "asked")]
    Requested,
    /// The request was refused; the sentence says why.
    Refused(String),
}

/// The path of the socket in the runtime directory that systemd made for this process, if it did.
pub fn path_from_environment() -> Option<PathBuf> {
    let folders = std::env::var_os("RUNTIME_DIRECTORY")?;
    // Colons separate several directories; the unit has one.
    let first = std::env::split_paths(&folders).next()?;
    Some(first.join("control.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_people_would_write_it() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        assert_eq!(read(r#"{"do":"list"}"#).unwrap(), Request::List);
        assert_eq!(
            read(r#"{"do":"remove","ball":3}"#).unwrap(),
            Request::Remove { ball: 3 }
        );
        for wrong in [
            r#"{"do":"remove"}"#,
            r#"{"do":"dance"}"#,
            "{}",
            "[]",
            r#"{"do":"remove","ball":-1}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
