//! Cuts a stream of bytes into lines of bounded length; knows no socket.

use std::ops::Range;

/// The size of the first buffer; most lines are under 300 bytes.
const FIRST_SIZE: usize = 2 * 1024;

/// The bytes that have come in and were not taken as lines yet.
#[derive(Debug)]
pub(super) struct LineBuffer {
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    unread: Range<usize>,
    /// So many bytes of the unread part are known to hold no newline.
    scanned: usize,
    longest: usize,
}

/// A line is longer than so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineTooLong(pub(super) usize);

impl LineBuffer {
    /// A buffer for lines of up to `longest` bytes, the newline included.
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

    /// Takes the next whole line, and returns where it is, without its newline; `None` if more bytes
    /// must come first.
    ///
    /// # Errors
    /// When no line can be so long.
    pub(super) fn take_line(&mut self) -> Result<Option<Range<usize>>, LineTooLong> {
        let rest = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let fresh = rest.get(self.scanned..).unwrap_or_default();
        let Some(found) = fresh.iter().position(|&byte| byte == b'\n') else {
            self.scanned = rest.len();
            if rest.len() >= self.longest {
                return Err(LineTooLong(self.longest));
            }
            return Ok(None);
        };
        let line = self.unread.start..self.unread.start + self.scanned + found;
        self.unread.start = line.end + 1;
        self.scanned = 0;
        Ok(Some(line))
    }

    /// The bytes of a line that was just taken.
    pub(super) fn line(&self, line: Range<usize>) -> &[u8] {
        self.buffer.get(line).unwrap_or_default()
    }

    /// Where the next bytes go; never empty after [`Self::take_line`] has returned `None`.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.unread.start > 0 {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        if self.unread.end == self.buffer.len() {
            // Grow only when a line needs it.
            let size = (self.buffer.len() * 2).clamp(FIRST_SIZE.min(self.longest), self.longest);
            self.buffer.resize(size, 0);
        }
        self.buffer.get_mut(self.unread.end..).unwrap_or_default()
    }

    /// So many bytes were put at the beginning of [`Self::room`].
    pub(super) fn on_filled(&mut self, count: usize) {
        self.unread.end = (self.unread.end + count).min(self.buffer.len());
    }

    /// The memory that it has, in bytes.
    pub(super) fn size(&self) -> usize {
        self.buffer.len()
    }
}
