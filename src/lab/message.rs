//! What a message is: the bytes up to a newline, or up to the end of the stream.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::count::Count;
use super::time::{Nanos, seconds};
use crate::escape::EscapedBytes;

/// The first bytes of a message that are kept, to be shown.
const PREVIEW: usize = 200;

/// How a message or a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// With a newline.
    Newline,
    /// With the end of the stream (FIN).
    EndOfStream,
    /// With a reset (RST), or because the network failed.
    Reset,
    /// Cut off at the idle limit: the sender was silent for too long.
    Idle,
    /// Cut off at the limit of a connection's age.
    TooLong,
    /// Cut off to make room: the sender was slow, and others wanted to connect.
    #[serde(rename = "pushed-out")]
    Evicted,
    /// Cut off because this endpoint stopped.
    Stopped,
}

impl End {
    /// Why the message is incomplete; `None` if it ended as it should.
    pub(super) fn reason(self) -> Option<&'static str> {
        Some(match self {
            Self::Newline | Self::EndOfStream => return None,
            Self::Reset => "broken off by the sender: connection reset",
            Self::Idle => "cut off: nothing more came in time",
            Self::TooLong => "cut off: it took too long",
            Self::Evicted => "cut off: it was slow, and others waited",
            Self::Stopped => "cut off: this end stopped",
        })
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The sender's address and port.
    pub peer: SocketAddr,
    /// Its first bytes without the newline. What can do harm and bytes that are not UTF-8 are
    /// escaped.
    pub text: String,
    /// Whether `text` is only the beginning of the message.
    pub cut: bool,
    /// Its length in bytes, the newline included.
    pub bytes: u64,
    /// SHA-256 of these bytes, in hexadecimal.
    pub sha256: String,
    /// The number of reads that brought it.
    pub reads: u64,
    /// From its first read to its end.
    pub seconds: f64,
    /// How it ended.
    pub end: End,
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, text, .. } = self;
        write!(formatter, "Data from {peer} --> '{text}'")?;
        if self.cut {
            write!(formatter, "... ({})", self.figures())?;
        }
        match self.end.reason() {
            Some(reason) => write!(formatter, " ({reason})"),
            None => Ok(()),
        }
    }
}

impl Message {
    /// Its size, reads, time and digest, for people.
    pub fn figures(&self) -> String {
        let Self {
            bytes,
            reads,
            sha256,
            ..
        } = self;
        let (size, reads) = (Count(*bytes, "byte"), Count(*reads, "read"));
        // The time is between the first read and the last: one read has none.
        let time = if self.seconds > 0.0 {
            format!(", {:.6} s", self.seconds)
        } else {
            String::new()
        };
        format!("{size} in {reads}{time}, SHA-256 {sha256}")
    }
}

/// Assembles the messages of one connection from its reads.
#[derive(Debug)]
pub(super) struct Assembly {
    peer: SocketAddr,
    preview: Vec<u8>,
    hash: Sha256,
    bytes: u64,
    reads: u64,
    begun: Nanos,
}

impl Assembly {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            preview: Vec::new(),
            hash: Sha256::new(),
            bytes: 0,
            reads: 0,
            begun: 0,
        }
    }

    /// Takes the bytes of one read, and calls `done` with every message that they complete.
    pub(super) fn feed(&mut self, read: &[u8], now: Nanos, mut done: impl FnMut(Message)) {
        let mut rest = read;
        while !rest.is_empty() {
            let newline = memchr::memchr(b'\n', rest);
            let length = newline.map_or(rest.len(), |at| at + 1);
            let (part, later) = rest.split_at(length);
            self.take(part, now);
            if newline.is_some() {
                done(self.finish(End::Newline, now));
            }
            rest = later;
        }
    }

    fn take(&mut self, part: &[u8], now: Nanos) {
        if self.bytes == 0 {
            self.begun = now;
        }
        self.hash.update(part);
        self.bytes = self.bytes.saturating_add(part.len() as u64);
        self.reads += 1;
        let text = part.strip_suffix(b"\n").unwrap_or(part);
        // One byte more than is shown, to know whether the message is longer.
        let room = (PREVIEW + 1).saturating_sub(self.preview.len());
        self.preview
            .extend_from_slice(text.get(..room).unwrap_or(text));
    }

    /// The connection has ended: the last message, if it ended in the middle of one.
    pub(super) fn end(&mut self, end: End, now: Nanos) -> Option<Message> {
        (self.bytes > 0).then(|| self.finish(end, now))
    }

    fn finish(&mut self, end: End, now: Nanos) -> Message {
        let cut = self.preview.len() > PREVIEW;
        let shown = if cut {
            whole_characters(self.preview.get(..PREVIEW).unwrap_or_default())
        } else {
            &self.preview
        };
        let digest = self.hash.finalize_reset();
        let message = Message {
            peer: self.peer,
            text: EscapedBytes(shown).to_string(),
            cut,
            bytes: self.bytes,
            sha256: base16ct::lower::encode_string(&digest),
            reads: self.reads,
            seconds: seconds(now.saturating_sub(self.begun)),
            end,
        };
        self.preview.clear();
        (self.bytes, self.reads) = (0, 0);
        message
    }
}

/// Drops an incomplete character at the end.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).unwrap_or(bytes)
        }
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembly() -> Assembly {
        Assembly::new("192.168.7.20:51514".parse().unwrap())
    }

    fn feed(assembly: &mut Assembly, reads: &[&[u8]]) -> Vec<Message> {
        let mut messages = Vec::new();
        for (read, now) in reads.iter().zip(0..) {
            assembly.feed(read, now * 1_000_000_000, |message| messages.push(message));
        }
        messages
    }

    #[test]
    fn the_end_of_the_stream_ends_a_message_that_has_no_newline() {
        let mut assembly = assembly();
        assert!(feed(&mut assembly, &[b"Hello, ", b"World!"]).is_empty());
        let message = assembly.end(End::EndOfStream, 2_000_000_000).unwrap();
        assert_eq!(
            message.to_string(),
            "Data from 192.168.7.20:51514 --> 'Hello, World!'"
        );
        assert_eq!(
            (message.bytes, message.reads, message.seconds),
            (13, 2, 2.0)
        );
        // `printf 'Hello, World!' | sha256sum`
        let sum = "dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f";
        assert_eq!(message.sha256, sum);
        assert_eq!(assembly.end(End::EndOfStream, 3), None);
    }

    #[test]
    fn one_read_may_bring_several_messages_and_a_message_may_be_empty() {
        let messages = feed(&mut assembly(), &[b"one\ntwo\n\nthr", b"ee\n"]);
        let read: Vec<_> = messages
            .iter()
            .map(|message| (message.text.as_str(), message.bytes, message.reads))
            .collect();
        let expected = [("one", 4, 1), ("two", 4, 1), ("", 1, 1), ("three", 6, 2)];
        assert_eq!(read, expected);
        // `printf 'two\n' | sha256sum`
        let sum = "27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a";
        assert_eq!(messages[1].sha256, sum);
    }

    #[test]
    fn only_the_first_bytes_are_kept_and_a_cut_character_is_left_out() {
        let mut long = vec![b'x'; PREVIEW - 1];
        long.extend("\u{e9}and more\n".bytes());
        let [message] = &feed(&mut assembly(), &[&long])[..] else {
            panic!("one message");
        };
        assert!(message.cut);
        assert_eq!(message.text, "x".repeat(PREVIEW - 1));
        assert!(message.to_string().contains("'... (210 bytes in 1 read, "));
        let exact = [&[b'x'; PREVIEW][..], b"\n"].concat();
        let [message] = &feed(&mut assembly(), &[&exact])[..] else {
            panic!("one message");
        };
        assert!(!message.cut && message.text.len() == PREVIEW);
        let mut open = assembly();
        feed(&mut open, &[&[b'x'; 100_000][..]; 3]);
        assert!(open.preview.capacity() < 2 * PREVIEW + 2);
    }

    #[test]
    fn control_characters_are_escaped_and_a_reset_is_reported() {
        let mut assembly = assembly();
        feed(&mut assembly, &[b"\x1b[2J\xff\r"]);
        let message = assembly.end(End::Reset, 1).unwrap().to_string();
        assert!(
            message.ends_with(r"'\u{1b}[2J\xff\r' (broken off by the sender: connection reset)"),
            "{message}"
        );
    }
}
