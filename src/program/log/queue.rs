//! The lines that wait to be written: bounded in bytes, and never a reason to wait.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// How many bytes may wait. A second buffer of this size is with the thread that writes.
const CAPACITY: usize = 64 * 1024;

/// The queue between the threads that log and the one that writes.
///
/// The lock is held to copy one line, or to swap two buffers, and never while anything is written. It is a lock that
/// sleeps: one that spins could keep the only processor of a Pi from the thread that holds it.
#[derive(Clone, Default)]
pub(super) struct LineQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Default)]
struct Pending {
    /// Whole lines.
    bytes: Vec<u8>,
    /// How many lines did not fit since the last [`LineQueue::take`].
    dropped: u64,
    /// No more lines will come.
    closed: bool,
}

/// What a [`LineQueue::take`] found.
pub(super) struct Taken {
    /// How many lines did not fit after those that were taken.
    pub(super) dropped: u64,
    /// No more lines will come.
    pub(super) closed: bool,
}

impl LineQueue {
    /// Queues a whole line. Counts it if there is no room.
    fn push(&self, line: &[u8]) {
        let mut pending = self.lock();
        if pending.bytes.len() + line.len() > CAPACITY {
            pending.dropped += 1;
        } else {
            pending.bytes.extend_from_slice(line);
        }
        drop(pending);
        self.0.changed.notify_one();
    }

    /// No more lines will come: what is there is to be written, and then the thread ends.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_one();
    }

    /// Waits until there is something, and swaps it into the empty `buffer`.
    pub(super) fn take(&self, buffer: &mut Vec<u8>) -> Taken {
        let idle = |pending: &mut Pending| {
            pending.bytes.is_empty() && pending.dropped == 0 && !pending.closed
        };
        let pending = self.0.changed.wait_while(self.lock(), idle);
        let mut pending = pending.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut pending.bytes, buffer);
        Taken {
            dropped: std::mem::take(&mut pending.dropped),
            closed: pending.closed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        // A thread that panicked with the lock has at most left out its line.
        let lock = self.0.pending.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// `tracing_subscriber` writes each event in one call.
impl io::Write for &LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{CAPACITY, LineQueue};

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let (queue, mut buffer) = (LineQueue::default(), Vec::new());
        for line in ["one\n", "two\n"] {
            (&queue).write_all(line.as_bytes()).unwrap();
        }
        let taken = queue.take(&mut buffer);
        assert_eq!(buffer, b"one\ntwo\n");
        assert!(taken.dropped == 0 && !taken.closed);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_rest_is_kept() {
        let (queue, mut buffer) = (LineQueue::default(), Vec::new());
        let line = [b'x'; 1024];
        for _ in 0..CAPACITY / line.len() + 3 {
            (&queue).write_all(&line).unwrap();
        }
        let taken = queue.take(&mut buffer);
        assert_eq!((buffer.len(), taken.dropped), (CAPACITY, 3));
        buffer.clear();
        (&queue).write_all(b"room again\n").unwrap();
        let taken = queue.take(&mut buffer);
        assert_eq!(
            (buffer.as_slice(), taken.dropped),
            (&b"room again\n"[..], 0)
        );
    }

    #[test]
    fn a_closed_queue_keeps_nobody_waiting() {
        let (queue, mut buffer) = (LineQueue::default(), Vec::new());
        queue.close();
        assert!(queue.take(&mut buffer).closed);
        assert!(buffer.is_empty());
    }
}
