//! From received bytes to lines, plain or encrypted. Bytes in, lines out: it knows no socket.

use std::ops::Range;

use super::byte_buffer::ByteBuffer;
use super::lines::{LineBuffer, TooLong};
use super::session::{BadRecord, LONGEST_RECORD, Opener};

/// The bytes of a record before it, which give its length.
const HEADER: usize = 2;

/// The receiving half of a connection.
pub(super) struct Incoming {
    lines: LineBuffer,
    /// What is not yet decrypted, once the connection is encrypted.
    records: Option<RecordBuffer>,
}

struct RecordBuffer {
    opener: Opener,
    bytes: ByteBuffer,
}

impl Incoming {
    /// A plain connection, with lines of up to `longest` bytes.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            lines: LineBuffer::new(longest),
            records: None,
        }
    }

    /// From now on accepts lines of up to `longest` bytes.
    pub(super) fn allow(&mut self, longest: usize) {
        self.lines.allow(longest);
    }

    /// From now on the bytes are records, those included that have come after the last line.
    ///
    /// # Errors
    /// When these are no records of this connection.
    pub(super) fn decrypt(&mut self, opener: Opener) -> Result<(), BadRecord> {
        let bytes = self.lines.take_rest();
        let mut records = RecordBuffer { opener, bytes };
        records.decrypt_into(&mut self.lines)?;
        self.records = Some(records);
        Ok(())
    }

    /// Where received bytes are to be put; not empty after [`Self::take_line`] has found no line.
    pub(super) fn room(&mut self) -> &mut [u8] {
        match &mut self.records {
            // A whole record is decrypted as soon as it has come, so there is always room.
            Some(records) => records.bytes.room(HEADER + LONGEST_RECORD),
            None => self.lines.room(),
        }
    }

    /// So many bytes have been put into [`Self::room`].
    ///
    /// # Errors
    /// When they are no records of this connection.
    pub(super) fn add(&mut self, count: usize) -> Result<(), BadRecord> {
        let Some(records) = &mut self.records else {
            self.lines.add(count);
            return Ok(());
        };
        records.bytes.add(count);
        records.decrypt_into(&mut self.lines)
    }

    /// Where the next line stands without its newline, if it has come whole: see [`Self::line`].
    ///
    /// # Errors
    /// When a line is too long.
    pub(super) fn take_line(&mut self) -> Result<Option<Range<usize>>, TooLong> {
        self.lines.take_line()
    }

    /// The memory that it has, in bytes.
    pub(super) fn size(&self) -> usize {
        let records = self.records.as_ref();
        self.lines.size() + records.map_or(0, |records| records.bytes.size())
    }

    /// The line that [`Self::take_line`] found. Valid until more bytes are added.
    pub(super) fn line(&self, line: Range<usize>) -> &[u8] {
        self.lines.line(line)
    }
}

impl RecordBuffer {
    /// Decrypts every record that has come whole.
    fn decrypt_into(&mut self, lines: &mut LineBuffer) -> Result<(), BadRecord> {
        loop {
            let rest = self.bytes.unread();
            let Some((&header, rest)) = rest.split_first_chunk::<HEADER>() else {
                return Ok(());
            };
            let size = usize::from(u16::from_be_bytes(header));
            let Some(record) = rest.get(..size) else {
                return Ok(());
            };
            let plain = lines.room_for(size);
            let count = self.opener.open(record, plain)?;
            lines.add(count);
            self.bytes.consume(HEADER + size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::handshake::connect;
    use crate::net::session::Sealer;
    use crate::net::test_keys::keys;

    fn channel() -> (Sealer, Opener) {
        let (dials, answers) = connect(&keys(&[7]), &keys(&[7])).unwrap();
        (dials.sealer, answers.opener)
    }

    fn add(incoming: &mut Incoming, mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, BadRecord> {
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            let room = incoming.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            incoming.add(count)?;
            bytes = &bytes[count..];
            while let Some(line) = incoming.take_line().unwrap() {
                lines.push(incoming.line(line).to_vec());
            }
        }
        Ok(lines)
    }

    #[test]
    fn records_are_lines_again_however_both_are_cut() {
        let long = vec![b'x'; 60_000];
        let text = [&b"one\n\ntwo\n"[..], &long, b"\nthree\n"].concat();
        for (part, piece) in [
            (1, 1),
            (3, 1),
            (7, 1_000),
            (100_000, 777),
            (100_000, 100_000),
        ] {
            let (mut sealer, opener) = channel();
            let mut bytes = b"hello\n".to_vec();
            for part in text.chunks(part) {
                sealer.seal(part, &mut bytes).unwrap();
            }
            // Some records arrive together with the last plain line.
            let mut incoming = Incoming::new(64 * 1024);
            let (first, rest) = bytes.split_at(20);
            let room = incoming.room();
            room[..first.len()].copy_from_slice(first);
            incoming.add(first.len()).unwrap();
            let line = incoming.take_line().unwrap().unwrap();
            assert_eq!(incoming.line(line), b"hello");
            incoming.decrypt(opener).unwrap();
            let mut lines = Vec::new();
            while let Some(line) = incoming.take_line().unwrap() {
                lines.push(incoming.line(line).to_vec());
            }
            for piece in rest.chunks(piece) {
                lines.extend(add(&mut incoming, piece).unwrap());
            }
            assert_eq!(lines, [&b"one"[..], b"", b"two", &long, b"three"]);
        }
    }

    #[test]
    fn what_is_no_record_ends_the_connection_and_takes_bounded_memory() {
        let (_, opener) = channel();
        let mut incoming = Incoming::new(4_096);
        incoming.decrypt(opener).unwrap();
        assert_eq!(
            add(&mut incoming, &[0, 0]),
            Err(BadRecord),
            "an empty record"
        );
        let (mut sealer, opener) = channel();
        let mut incoming = Incoming::new(4_096);
        incoming.decrypt(opener).unwrap();
        let mut bytes = Vec::new();
        sealer.seal(&[b'x'; 5_000], &mut bytes).unwrap();
        let room = incoming.room();
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        incoming.add(count).unwrap();
        while incoming.take_line() == Ok(None) {
            let sent = incoming.room();
            let rest = &bytes[count..];
            let more = sent.len().min(rest.len());
            sent[..more].copy_from_slice(&rest[..more]);
            bytes.drain(count..count + more);
            incoming.add(more).unwrap();
        }
        assert_eq!(incoming.take_line(), Err(TooLong(4_096)), "a long line");
    }
}
