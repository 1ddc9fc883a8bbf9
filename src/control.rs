//! What a person on the machine itself may ask of its node: one JSON object a line, both ways.
//!
//! The socket is a file, so the rights of the file say who may.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::http::BallStatus;

/// Where the daemon listens under systemd, and where `carom ball` looks.
pub const USUAL_PATH: &str = "/run/carom/control.sock";

/// No line is longer, in bytes.
pub const LONGEST_LINE: usize = 64 * 1024;

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Which balls there are.
    List,
    /// Let a new ball begin on this node's screen.
    Add(NewBall),
    /// Let a guest leave, wherever it is.
    Remove {
        /// Its number.
        ball: u32,
    },
}

/// How a new ball begins. Lengths in pixels, y upwards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewBall {
    /// Of the centre, from the lower left corner.
    pub position: [f64; 2],
    /// In pixels a second.
    pub velocity: [f64; 2],
    /// In pixels.
    pub radius: f64,
    /// Red, green, blue.
    pub color: [u8; 3],
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// All balls that this node knows of.
    Balls(Vec<BallStatus>),
    /// The ring is being asked; the list tells when it has agreed.
    Asked,
    /// Not done, and why, in a sentence.
    Refused(String),
}

/// Where systemd wants this process to keep its socket, if it does.
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
