//! What the fuzz targets in `fuzz/` call of this module.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use smol::future;
use smol::io::{AsyncRead, AsyncWrite};

use super::fetch::{FetchError, ask};
use super::status::Status;
use super::subscribe::{Update, take_events};

/// A server that has sent these bytes, in reads of a few bytes each, and then closed.
struct Answer<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl AsyncRead for Answer<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = self.read.min(buffer.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        if let Some(room) = buffer.get_mut(..count) {
            room.copy_from_slice(now);
        }
        self.bytes = later;
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Answer<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What the client of `/status` makes of an answer that comes in reads of `read` bytes.
///
/// # Errors
/// When the answer holds no status.
pub fn status_in(answer: &[u8], read: usize) -> Result<Status, FetchError> {
    let bytes = answer;
    future::block_on(ask(Answer { bytes, read }, "localhost", 8080))
}

/// What the client of `/events` makes of a part of the stream; leaves the incomplete event in `buffer`.
pub fn updates_in(buffer: &mut Vec<u8>) -> Vec<Update> {
    let mut updates = Vec::new();
    take_events(buffer, &mut |update| updates.push(update));
    updates
}
