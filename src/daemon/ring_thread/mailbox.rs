//! A bounded queue from one thread to another that neither ever waits for, and the signal that goes with it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rtrb::{Consumer, Producer, PushError, RingBuffer};
use rustix::event::{EventfdFlags, eventfd};

/// The end that puts items in.
pub(super) struct Sender<T> {
    items: Producer<T>,
    /// What had no room.
    backlog: VecDeque<T>,
    signal: Signal,
}

/// The end that takes items out.
pub(super) struct Receiver<T> {
    items: Consumer<T>,
    signal: Signal,
}

/// An eventfd: whoever watches it is woken.
#[derive(Clone)]
pub(super) struct Signal(Arc<OwnedFd>);

/// A queue for so many items.
///
/// # Errors
/// When the process has no descriptor left.
pub(super) fn mailbox<T>(capacity: usize) -> io::Result<(Sender<T>, Receiver<T>)> {
    let signal = Signal::new()?;
    let (producer, consumer) = RingBuffer::new(capacity);
    let sender = Sender {
        items: producer,
        backlog: VecDeque::new(),
        signal: signal.clone(),
    };
    let receiver = Receiver {
        items: consumer,
        signal,
    };
    Ok((sender, receiver))
}

impl<T> Sender<T> {
    /// Puts an item in, or keeps it here until there is room: see [`Self::flush`].
    pub(super) fn send(&mut self, item: T) {
        self.backlog.push_back(item);
        self.flush();
    }

    /// Puts an item in if there is room at once. Otherwise it is lost, and this is `false`.
    pub(super) fn try_send(&mut self, item: T) -> bool {
        self.flush();
        self.backlog.is_empty() && self.push(item).is_ok()
    }

    /// Puts in what had no room, as far as there is room now.
    pub(super) fn flush(&mut self) {
        while let Some(item) = self.backlog.pop_front() {
            if let Err(item) = self.push(item) {
                self.backlog.push_front(item);
                return;
            }
        }
    }

    /// How many items have no room yet.
    pub(super) fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// Puts an item in and wakes the other end; gives it back if there is no room.
    fn push(&mut self, item: T) -> Result<(), T> {
        let pushed = self.items.push(item);
        self.signal.raise();
        pushed.map_err(|PushError::Full(item)| item)
    }

    /// Wakes the other end.
    pub(super) fn signal(&self) -> &Signal {
        &self.signal
    }
}

impl<T> Receiver<T> {
    /// The next item, if there is one.
    pub(super) fn next(&mut self) -> Option<T> {
        self.items.pop().ok()
    }

    /// What wakes this end.
    pub(super) fn signal(&self) -> &Signal {
        &self.signal
    }
}

impl Signal {
    fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(Arc::new(eventfd(0, flags)?)))
    }

    /// Wakes whoever watches it.
    pub(super) fn raise(&self) {
        // Fails only when the counter is full, and then it is raised.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Makes it quiet again, for those who watch it level-triggered.
    pub(super) fn clear(&self) {
        // Fails only when it is quiet.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_in_order_and_what_has_no_room_waits_or_is_lost() {
        let (mut sender, mut receiver) = mailbox(2).unwrap();
        assert!(sender.try_send('a') && sender.try_send('b'));
        assert!(!sender.try_send('c'));
        assert_eq!(receiver.next(), Some('a'));
        assert!(sender.try_send('d'));
        sender.send('e');
        assert_eq!((sender.backlog(), receiver.next()), (1, Some('b')));
        // Never before what waits.
        assert!(!sender.try_send('f'));
        assert_eq!(sender.backlog(), 0);
        assert_eq!([receiver.next(), receiver.next()], [Some('d'), Some('e')]);
        assert_eq!(receiver.next(), None);
    }
}
