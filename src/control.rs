//! The protocol of the control socket: requests of `carom ball` and their answers, one JSON object a
//! line.
//!
//! The socket is a file: the permissions of the file decide who may use it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::http::BallStatus;

/// Where the daemon listens under systemd, and where `carom ball` looks.
pub const USUAL_PATH: &str = "/run/carom/control.sock";

/// The longest line, in bytes.
pub const LONGEST_LINE: usize = 64 * 1024;

/// What a person on the same machine can ask of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// List all balls.
    List,
    /// Add a new ball, a guest, on this node's screen.
    Add(NewBall),
    /// Remove a guest, wherever it is.
    Remove {
        /// The number of the ball.
        ball: u32,
    },
}

/// The initial state of a new ball. Lengths in pixels, y upwards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewBall {
    /// The position of its centre, from the lower left corner.
    pub position: [f64; 2],
    /// In pixels per second.
    pub velocity: [f64; 2],
    /// In pixels.
    pub radius: f64,
    /// Red, green, blue.
    pub color: [u8; 3],
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// All balls that this node knows of.
    Balls(Vec<BallStatus>),
    /// The request has been sent to the ring; the list shows when a majority has agreed.
    Asked,
    /// The request was refused; the reason, in a sentence.
    Refused(String),
}

/// Where systemd tells this process to create its socket, if it does.
pub fn path_from_environment() -> Option<PathBuf> {
    let folders = std::env::var_os("RUNTIME_DIRECTORY")?;
    // Several are separated by colons; the unit asks for one.
    let first = std::env::split_paths(&folders).next()?;
    Some(first.join("control.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_malformed_ones_are_refused() {
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
