//! Splits received bytes into lines of bounded length. Bytes in, lines out: it knows no socket.

use std::ops::Range;

/// The size of a first buffer; most lines are under 300 bytes.
const FIRST_SIZE: usize = 2 * 1024;

/// Received bytes that are not yet consumed as lines.
pub(super) struct LineBuffer {
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    unread: Range<usize>,
    /// So many bytes of the unread part are known to hold no newline.
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
            buffer: Vec::new(),
            unread: 0..0,
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
        let rest = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let new = rest.get(self.scanned..).unwrap_or_default();
        let Some(found) = memchr::memchr(b'\n', new) else {
            self.scanned = rest.len();
            if rest.len() >= self.longest {
                return Err(TooLong(self.longest));
            }
            return Ok(None);
        };
        if self.scanned + found >= self.longest {
            return Err(TooLong(self.longest));
        }
        let line = self.unread.start..self.unread.start + self.scanned + found;
        self.unread.start = line.end + 1;
        self.scanned = 0;
        Ok(Some(line))
    }

    /// The line that [`Self::take_line`] found. Valid until more bytes are added.
    pub(super) fn line(&self, line: Range<usize>) -> &[u8] {
        self.buffer.get(line).unwrap_or_default()
    }

    /// Where received bytes are to be put; never empty after [`Self::take_line`] has found no line.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.compact();
        if self.unread.end == self.buffer.len() {
            let size = (self.buffer.len() * 2).clamp(FIRST_SIZE.min(self.longest), self.longest);
            self.buffer.resize(size.max(self.buffer.len()), 0);
        }
        self.buffer.get_mut(self.unread.end..).unwrap_or_default()
    }

    /// Room for at least `size` more bytes, however long the longest line is.
    pub(super) fn room_for(&mut self, size: usize) -> &mut [u8] {
        self.compact();
        let needed = self.unread.end + size;
        if self.buffer.len() < needed {
            self.buffer.resize(needed.max(FIRST_SIZE), 0);
        }
        self.buffer.get_mut(self.unread.end..).unwrap_or_default()
    }

    /// Takes out all that has come after the last line.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let rest = rest.to_vec();
        self.unread = 0..0;
        self.scanned = 0;
        rest
    }

    /// So many bytes have been put into [`Self::room`] or [`Self::room_for`].
    pub(super) fn add(&mut self, count: usize) {
        self.unread.end = (self.unread.end + count).min(self.buffer.len());
    }

    /// The memory that it has, in bytes.
    pub(super) fn size(&self) -> usize {
        self.buffer.len()
    }

    /// Moves the unread part to the front.
    fn compact(&mut self) {
        if self.unread.start > 0 {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
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
        assert!(buffer.buffer.len() <= 4_096);
    }
}
