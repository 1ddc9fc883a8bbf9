//! Messages as lines of bounded length.

use crate::ring::Message;

/// The longest line of the ring protocol, its newline included.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Reads a line of the protocol.
pub(super) fn parse(line: &[u8]) -> Result<Message, serde_json::Error> {
    // Only passes need speed. They are read straight into their fields: serde would read a tagged
    // enum into a tree first.
    if line.starts_with(br#"{"type":"pass","#) {
        return serde_json::from_slice(line).map(Message::Pass);
    }
    serde_json::from_slice(line)
}

/// Writes a message as a line into `line`, in place of what was there.
pub fn encode(message: &Message, line: &mut Vec<u8>) {
    line.clear();
    // This cannot fail: messages have no maps with other keys than strings, and a Vec takes every byte.
    if serde_json::to_writer(&mut *line, message).is_err() {
        line.clear();
        return;
    }
    line.push(b'\n');
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
    fn messages_of_later_versions_are_skipped_and_garbage_is_not() {
        let later = br#"{"type":"teleport","ball":7,"flavour":[1,2]}"#;
        assert_eq!(parse(later).unwrap(), Message::Unknown);
        let more = br#"{"type":"heartbeat","at":5,"mood":"fine"}"#;
        assert_eq!(
            parse(more).unwrap(),
            Message::Heartbeat {
                at: 5,
                echo: None,
                since: 0
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
