//! Messages as lines of bounded length.

use serde::Deserialize;

use super::pass_line;
use crate::ring::{BallId, Generation, Message};

/// The longest line of the ring protocol, its newline included.
pub const LONGEST_LINE: usize = 64 * 1024;

/// The fields of [`Message::Heartbeat`].
#[derive(Deserialize)]
struct Heartbeat {
    at: u64,
    #[serde(default)]
    echo: Option<u64>,
    #[serde(default)]
    since: u64,
    #[serde(default)]
    near: bool,
}

/// The fields of [`Message::PassAck`].
#[derive(Deserialize)]
struct PassAck {
    ball: BallId,
    generation: Generation,
    hop: u64,
}

/// Reads a line of the protocol.
pub(super) fn parse(line: &[u8]) -> Result<Message, serde_json::Error> {
    // The frequent ones are read straight into their fields: serde would read a tagged enum into a tree first.
    if line.starts_with(br#"{"type":"pass","#) {
        return match pass_line::parse(line) {
            Some(pass) => Ok(Message::Pass(pass)),
            None => serde_json::from_slice(line).map(Message::Pass),
        };
    }
    if line.starts_with(br#"{"type":"heartbeat","#) {
        let Heartbeat {
            at,
            echo,
            since,
            near,
        } = serde_json::from_slice(line)?;
        return Ok(Message::Heartbeat {
            at,
            echo,
            since,
            near,
        });
    }
    if line.starts_with(br#"{"type":"passed","#) {
        let PassAck {
            ball,
            generation,
            hop,
        } = serde_json::from_slice(line)?;
        return Ok(Message::PassAck {
            ball,
            generation,
            hop,
        });
    }
    serde_json::from_slice(line)
}

/// Appends a message as a line to `lines`.
pub fn encode(message: &Message, lines: &mut Vec<u8>) {
    let begin = lines.len();
    if let Message::Pass(pass) = message
        && pass_line::encode(pass, lines)
    {
        lines.push(b'\n');
        return;
    }
    // This cannot fail: messages have no maps with other keys than strings, and a Vec takes every byte.
    if serde_json::to_writer(&mut *lines, message).is_err() {
        lines.truncate(begin);
        return;
    }
    lines.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_flat_on_the_wire_and_read_alike_both_ways() {
        let text = r#"{"type":"pass","ball":1,"generation":"3.00000000c0ffee00","hop":7,"state":{"position":[800.0,77.5],"velocity":[240.0,-130.0],"radius":30.0,"color":[255,64,0]},"left":400000,"echo":123,"since":456,"lineage":[[5,1],[7,2]]}"#;
        let quick = parse(text.as_bytes()).unwrap();
        let slow: Message = serde_json::from_str(text).unwrap();
        assert_eq!(quick, slow);
        let mut line = Vec::new();
        encode(&quick, &mut line);
        assert_eq!(String::from_utf8(line).unwrap(), format!("{text}\n"));
    }

    #[test]
    fn frequent_messages_are_read_as_all_others() {
        for text in [
            r#"{"type":"heartbeat","at":5,"echo":3,"since":4}"#,
            r#"{"type":"heartbeat","at":5,"since":4,"near":true}"#,
            r#"{"type":"heartbeat","at":18446744073709551615}"#,
            r#"{"type":"passed","ball":1,"generation":"3.00000000c0ffee00","hop":7}"#,
        ] {
            let slow: Message = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes()).unwrap(), slow);
        }
        for garbage in [
            r#"{"type":"heartbeat","at":-5}"#,
            r#"{"type":"passed","ball":1,"generation":"3","hop":7}"#,
        ] {
            assert!(parse(garbage.as_bytes()).is_err());
        }
    }

    #[test]
    fn messages_of_later_versions_are_skipped_and_garbage_is_not() {
        let later = br#"{"type":"teleport","ball":7,"flavour":[1,2]}"#;
        assert_eq!(parse(later).unwrap(), Message::Unknown);
        let more = br#"{"type":"heartbeat","at":5,"mood":"fine"}"#;
        assert_eq!(
            parse(more).unwrap(),
            Message::Heartbeat {
                at: 5,
                echo: None,
                since: 0,
                near: false
            }
        );
        for garbage in [
            &b"garbage"[..],
            b"",
            b"{}",
            b"[]",
            b"\xff\xfe",
            br#"{"type":"pass"}"#,
        ] {
            assert!(parse(garbage).is_err());
        }
    }
}
