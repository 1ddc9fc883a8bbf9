//! Frames: lines of bounded length, read off a socket, and the messages in them.

use std::io::{self, Read as _};
use std::net::TcpStream;

use async_io::Async;

use super::line_buffer::{LineBuffer, LineTooLong};
use crate::ring::Message;

/// The longest line of the ring protocol, its newline included.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Reads lines that end with a newline.
pub(super) struct LineReader {
    lines: LineBuffer,
    /// The last read took all that had arrived: wait for more before the next one.
    drained: bool,
}

/// Why there is no further line.
#[derive(Debug)]
pub(super) enum ReadError {
    Closed,
    TooLong(usize),
    Io(io::Error),
}

impl LineReader {
    /// A reader that accepts lines of up to `longest` bytes.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            lines: LineBuffer::new(longest),
            drained: true,
        }
    }

    /// From now on accepts lines of up to `longest` bytes.
    pub(super) fn allow(&mut self, longest: usize) {
        self.lines.allow(longest);
    }

    /// The next line without its newline.
    pub(super) async fn next(&mut self, stream: &Async<TcpStream>) -> Result<&[u8], ReadError> {
        loop {
            match self.lines.take_line() {
                Ok(Some(line)) => return Ok(self.lines.line(line)),
                Ok(None) => self.fill(stream).await?,
                Err(LineTooLong(longest)) => return Err(ReadError::TooLong(longest)),
            }
        }
    }

    async fn fill(&mut self, stream: &Async<TcpStream>) -> Result<(), ReadError> {
        let room = self.lines.room();
        let size = room.len();
        loop {
            if self.drained {
                stream.readable().await.map_err(ReadError::Io)?;
            }
            match stream.get_ref().read(room) {
                Ok(0) => return Err(ReadError::Closed),
                Ok(count) => {
                    self.lines.on_filled(count);
                    self.drained = count < size;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::Io(error)),
            }
        }
    }
}

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
    use std::io::Write as _;
    use std::net::TcpListener;

    fn pair() -> (TcpStream, Async<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (sender, Async::new(listener.accept().unwrap().0).unwrap())
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let (mut sender, stream) = pair();
        let long = "x".repeat(30_000);
        let text = format!("one\n\ntwo\n{long}\nrest");
        let writer = std::thread::spawn(move || {
            for piece in text.as_bytes().chunks(777) {
                sender.write_all(piece).unwrap();
            }
        });
        async_io::block_on(async {
            let mut reader = LineReader::new(LONGEST_LINE);
            for expected in ["one", "", "two", &long] {
                assert_eq!(reader.next(&stream).await.unwrap(), expected.as_bytes());
            }
            assert!(matches!(reader.next(&stream).await, Err(ReadError::Closed)));
        });
        writer.join().unwrap();
    }

    #[test]
    fn a_line_without_end_is_refused_at_its_bound() {
        let (mut sender, stream) = pair();
        sender.write_all(&[0; 5_000]).unwrap();
        async_io::block_on(async {
            let mut reader = LineReader::new(4_096);
            assert!(matches!(
                reader.next(&stream).await,
                Err(ReadError::TooLong(4_096))
            ));
            assert!(reader.lines.size() <= 4_096);
        });
    }

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
