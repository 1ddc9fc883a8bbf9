//! The sending half of a link: writes at once what the socket takes, and queues a bounded rest.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::rc::Rc;

use async_io::Async;
use smol::channel::{Receiver, Sender, bounded};
use thiserror::Error;

/// How much may be queued for a slow peer, in bytes; beyond it the link is closed.
const MOST_QUEUED: usize = 256 * 1024;

/// Why this side closes a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum CloseReason {
    #[error("nothing was heard for three heartbeats")]
    Silent,
    #[error("the peer does not read what it is sent")]
    Overflow,
    #[error("the peer opened a newer connection")]
    Superseded,
    #[error("the ring file gives it another address")]
    Moved,
}

/// The sending half of a link, shared by the link's task and the table.
pub(super) struct Outbox {
    stream: Rc<Async<TcpStream>>,
    queued: RefCell<Vec<u8>>,
    close_reason: Cell<Option<CloseReason>>,
    wake_sender: Sender<()>,
    wake_receiver: Receiver<()>,
    /// Sweeps since the last line came in.
    pub(super) silent: Cell<u32>,
}

impl Outbox {
    pub(super) fn new(stream: Rc<Async<TcpStream>>) -> Self {
        let (wake_sender, wake_receiver) = bounded(1);
        Self {
            stream,
            queued: RefCell::default(),
            close_reason: Cell::new(None),
            wake_sender,
            wake_receiver,
            silent: Cell::new(0),
        }
    }

    /// Sends a line: straight to the socket, unless earlier bytes are queued.
    pub(super) fn send(&self, line: &[u8]) {
        let mut queued = self.queued.borrow_mut();
        let mut rest = line;
        if queued.is_empty() {
            match self.stream.get_ref().write(line) {
                Ok(count) => rest = line.get(count..).unwrap_or_default(),
                // The reader notices a broken socket, too, and reports why.
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
        if rest.is_empty() {
            return;
        }
        if queued.len() + rest.len() > MOST_QUEUED {
            drop(queued);
            self.close(CloseReason::Overflow);
            return;
        }
        queued.extend_from_slice(rest);
        drop(queued);
        self.wake();
    }

    /// Ends the link; its task logs the reason.
    pub(super) fn close(&self, reason: CloseReason) {
        if self.close_reason.get().is_none() {
            self.close_reason.set(Some(reason));
        }
        self.wake();
    }

    fn wake(&self) {
        // A wake-up that is already queued does as well.
        let _ = self.wake_sender.try_send(());
    }

    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason.get()
    }

    /// Writes what is queued, as the socket takes it; returns when the link is to be closed.
    pub(super) async fn flush(&self) -> Result<CloseReason, io::Error> {
        loop {
            if let Some(reason) = self.close_reason.get() {
                return Ok(reason);
            }
            if self.queued.borrow().is_empty() {
                // Fails only if the sender is gone, and that is ours.
                let _ = self.wake_receiver.recv().await;
                continue;
            }
            self.stream.writable().await?;
            let mut queued = self.queued.borrow_mut();
            match self.stream.get_ref().write(&queued) {
                Ok(count) => drop(queued.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if queued.is_empty() {
                queued.shrink_to(0);
            }
        }
    }
}
