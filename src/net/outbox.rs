//! The sending half of a link: writes at once where the socket takes it, else keeps a bounded rest.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::rc::Rc;

use async_io::Async;
use smol::channel::{Receiver, Sender, bounded};

/// What waits for a slow peer at the most, in bytes; beyond it the link is closed.
const MOST_PENDING: usize = 256 * 1024;

/// Why this side closes a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// Nothing was heard for too long.
    Silent,
    /// The peer does not read.
    Overflow,
    /// A newer connection to the peer took its place.
    Superseded,
    /// The ring file gives the peer another address.
    Moved,
}

/// The sending half of a link, shared by its task and the table.
pub(super) struct Outbox {
    stream: Rc<Async<TcpStream>>,
    pending: RefCell<Vec<u8>>,
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
            pending: RefCell::default(),
            close_reason: Cell::new(None),
            wake_sender,
            wake_receiver,
            silent: Cell::new(0),
        }
    }

    /// Sends a line: straight to the socket where nothing waits before it.
    pub(super) fn send(&self, line: &[u8]) {
        let mut pending = self.pending.borrow_mut();
        let mut rest = line;
        if pending.is_empty() {
            match self.stream.get_ref().write(line) {
                Ok(count) => rest = line.get(count..).unwrap_or_default(),
                // A broken socket shows itself to the reader, too; it tells reason.
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
        if rest.is_empty() {
            return;
        }
        if pending.len() + rest.len() > MOST_PENDING {
            drop(pending);
            self.close(CloseReason::Overflow);
            return;
        }
        pending.extend_from_slice(rest);
        drop(pending);
        self.wake();
    }

    /// Ends the link; its task says so in the log.
    pub(super) fn close(&self, reason: CloseReason) {
        if self.close_reason.get().is_none() {
            self.close_reason.set(Some(reason));
        }
        self.wake();
    }

    fn wake(&self) {
        // A wake_sender that is already waiting does as well.
        let _ = self.wake_sender.try_send(());
    }

    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason.get()
    }

    /// Writes what waits, whenever something does; ends when the link is to be closed.
    pub(super) async fn flush(&self) -> Result<CloseReason, io::Error> {
        loop {
            if let Some(reason) = self.close_reason.get() {
                return Ok(reason);
            }
            if self.pending.borrow().is_empty() {
                // Fails only if the sender is gone, and that is ours.
                let _ = self.wake_receiver.recv().await;
                continue;
            }
            self.stream.writable().await?;
            let mut pending = self.pending.borrow_mut();
            match self.stream.get_ref().write(&pending) {
                Ok(count) => drop(pending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if pending.is_empty() {
                pending.shrink_to(0);
            }
        }
    }
}
