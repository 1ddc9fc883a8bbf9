//! A bounded queue from one thread to another that neither ever waits for, and the signal that goes with it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rtrb::{Consumer, Producer, PushError, RingBuffer};
use rustix::event::{EventfdFlags, eventfd};

/// The end that puts items in.
pub(super) struct Sender<T> {
    items: Producer<T>,
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
        signal: signal.clone(),
    };
    let receiver = Receiver {
        items: consumer,
        signal,
    };
    Ok((sender, receiver))
}

impl<T> Sender<T> {
    /// Puts an item in and wakes the other end; gives it back if there is no room.
    pub(super) fn send(&mut self, item: T) -> Result<(), T> {
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
    fn items_come_out_in_order_and_what_has_no_room_comes_back() {
        let (mut sender, mut receiver) = mailbox(2).unwrap();
        assert_eq!(sender.send('a'), Ok(()));
        assert_eq!(sender.send('b'), Ok(()));
        assert_eq!(sender.send('c'), Err('c'));
        assert_eq!(receiver.next(), Some('a'));
        assert_eq!(sender.send('d'), Ok(()));
        assert_eq!([receiver.next(), receiver.next()], [Some('b'), Some('d')]);
        assert_eq!(receiver.next(), None);
    }
}
