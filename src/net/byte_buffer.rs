//! Received bytes that are not yet consumed, in memory that grows only when it must.

use std::ops::Range;

/// The size of a first buffer; most lines are under 300 bytes.
const FIRST_SIZE: usize = 2 * 1024;

/// Bytes that are added at the end and consumed at the front.
#[derive(Default)]
pub(super) struct ByteBuffer {
    bytes: Vec<u8>,
    unread: Range<usize>,
}

impl ByteBuffer {
    /// What has been added and not consumed.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.unread.clone()).unwrap_or_default()
    }

    /// Consumes so many bytes, and returns where they are: see [`Self::consumed`].
    pub(super) fn consume(&mut self, count: usize) -> Range<usize> {
        let begin = self.unread.start;
        self.unread.start = (begin + count).min(self.unread.end);
        begin..self.unread.start
    }

    /// Bytes that [`Self::consume`] has consumed. Valid until more are added.
    pub(super) fn consumed(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Takes out all unread bytes.
    pub(super) fn take(&mut self) -> Self {
        let bytes = self.unread().to_vec();
        self.unread = 0..0;
        let unread = 0..bytes.len();
        Self { bytes, unread }
    }

    /// Where bytes are to be added; empty only if `most` bytes are unread.
    pub(super) fn room(&mut self, most: usize) -> &mut [u8] {
        self.compact();
        if self.unread.end == self.bytes.len() {
            let size = (self.bytes.len() * 2).clamp(FIRST_SIZE.min(most), most);
            self.bytes.resize(size.max(self.bytes.len()), 0);
        }
        self.bytes.get_mut(self.unread.end..).unwrap_or_default()
    }

    /// Room for at least `size` more bytes.
    pub(super) fn room_for(&mut self, size: usize) -> &mut [u8] {
        self.compact();
        let needed = self.unread.end + size;
        if self.bytes.len() < needed {
            self.bytes.resize(needed.max(FIRST_SIZE), 0);
        }
        self.bytes.get_mut(self.unread.end..).unwrap_or_default()
    }

    /// So many bytes have been put into [`Self::room`] or [`Self::room_for`].
    pub(super) fn add(&mut self, count: usize) {
        self.unread.end = (self.unread.end + count).min(self.bytes.len());
    }

    /// The memory that it has, in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Moves the unread part to the front.
    fn compact(&mut self) {
        if self.unread.start > 0 {
            self.bytes.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
    }
}
