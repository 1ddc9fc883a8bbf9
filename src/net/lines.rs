//! Splits received bytes into lines of bounded length. Bytes in, lines out: it knows no socket.

use std::ops::Range;

use super::byte_buffer::ByteBuffer;

/// Received bytes that are not yet consumed as lines.
pub(super) struct LineBuffer {
    bytes: ByteBuffer,
    /// So many unread bytes are known to hold no newline.
    scanned: usize,
    longest: usize,
}

/// A line is longer than this many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong(pub(super) usize);

impl LineBuffer {
    /// A buffer that accepts lines of up to `longest` bytes.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            bytes: ByteBuffer::default(),
            scanned: 0,
            longest,
        }
    }

    /// From now on accepts lines of up to `longest` bytes.
    pub(super) fn allow(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// Where the next line stands without its newline, if it has come whole: see [`Self::line`].
    ///
    /// # Errors
    /// When as many bytes as a line may have came without a newline.
    pub(super) fn take_line(&mut self) -> Result<Option<Range<usize>>, TooLong> {
        let unread = self.bytes.unread();
        let new = unread.get(self.scanned..).unwrap_or_default();
        let found = memchr::memchr(b'\n', new).map(|found| self.scanned + found);
        // Without a newline, the line is at least as long as what has come of it.
        if found.unwrap_or(unread.len()) >= self.longest {
            return Err(TooLong(self.longest));
        }
        let Some(length) = found else {
            self.scanned = unread.len();
            return Ok(None);
        };
        self.scanned = 0;
        let begin = self.bytes.consume(length + 1).start;
        Ok(Some(begin..begin + length))
    }

    /// The line that [`Self::take_line`] found. Valid until more bytes are added.
    pub(super) fn line(&self, line: Range<usize>) -> &[u8] {
        self.bytes.consumed(line)
    }

    /// Where received bytes are to be put; never empty after [`Self::take_line`] has found no line.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.bytes.room(self.longest)
    }

    /// Room for at least `size` more bytes, however long the longest line is.
    pub(super) fn room_for(&mut self, size: usize) -> &mut [u8] {
        self.bytes.room_for(size)
    }

    /// So many bytes have been put into [`Self::room`] or [`Self::room_for`].
    pub(super) fn add(&mut self, count: usize) {
        self.bytes.add(count);
    }

    /// Takes out all that has come after the last line.
    pub(super) fn take_rest(&mut self) -> ByteBuffer {
        self.scanned = 0;
        self.bytes.take()
    }

    /// The memory that it has, in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::frame::LONGEST_LINE;

    /// All lines of `bytes`, which arrive in pieces of `size`.
    fn lines(bytes: &[u8], size: usize) -> Vec<String> {
        let mut buffer = LineBuffer::new(LONGEST_LINE);
        let mut lines = Vec::new();
        for piece in bytes.chunks(size) {
            let mut rest = piece;
            while !rest.is_empty() {
                let room = buffer.room();
                let count = room.len().min(rest.len());
                room[..count].copy_from_slice(&rest[..count]);
                buffer.add(count);
                rest = &rest[count..];
                while let Some(line) = buffer.take_line().unwrap() {
                    lines.push(String::from_utf8(buffer.line(line).to_vec()).unwrap());
                }
            }
        }
        lines
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let long = "x".repeat(30_000);
        let text = format!("one\n\ntwo\n{long}\nrest");
        for size in [1, 2, 777, 100_000] {
            assert_eq!(lines(text.as_bytes(), size), ["one", "", "two", &long]);
        }
    }

    #[test]
    fn a_line_without_end_is_refused_at_its_bound() {
        let mut buffer = LineBuffer::new(4_096);
        let mut read = 0;
        loop {
            match buffer.take_line() {
                Ok(None) => {}
                Ok(Some(_)) => panic!("there is no newline"),
                Err(error) => break assert_eq!(error, TooLong(4_096)),
            }
            let count = buffer.room().len();
            buffer.add(count);
            read += count;
            assert!(read <= 4_096 && count > 0);
        }
        assert!(buffer.size() <= 4_096);
    }
}
