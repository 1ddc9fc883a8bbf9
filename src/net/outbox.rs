//! The sending half of a link: writes at once what the socket takes, and queues a bounded rest.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use async_io::{Async, Timer};
use smol::channel::{Receiver, Sender, bounded};
use smol::future;
use thiserror::Error;

use super::session::Sealer;

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
    #[error("the key that it was made with is no longer in the key file")]
    KeyForgotten,
}

/// The sending half of a link, shared by the link's task and the table.
pub(super) struct Outbox {
    stream: Rc<Async<TcpStream>>,
    /// Encrypts the lines, unless the connection is plain.
    sealer: Option<RefCell<Sealing>>,
    queued: RefCell<Vec<u8>>,
    /// Another connection to the same process has taken over: send what is queued, then nothing.
    retired: Cell<Option<Retired>>,
    /// Closed when the link has ended.
    end_sender: Sender<()>,
    end_receiver: Receiver<()>,
    close_reason: Cell<Option<CloseReason>>,
    wake_sender: Sender<()>,
    wake_receiver: Receiver<()>,
    /// Sweeps since the last line came in.
    pub(super) silent: Cell<u32>,
}

/// Which side of a link is retired. The side that dialled ends its half first: by then it knows of the
/// connection that has taken over, so the end of the other half does not look like the end of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retired {
    EndsNow,
    AwaitsEnd,
}

struct Sealing {
    sealer: Sealer,
    /// The records that are being sent; kept to reuse its memory.
    records: Vec<u8>,
}

impl Outbox {
    pub(super) fn new(stream: Rc<Async<TcpStream>>, sealer: Option<Sealer>) -> Self {
        let (wake_sender, wake_receiver) = bounded(1);
        let (end_sender, end_receiver) = bounded(1);
        let sealing = |sealer| {
            RefCell::new(Sealing {
                sealer,
                records: Vec::new(),
            })
        };
        Self {
            stream,
            sealer: sealer.map(sealing),
            queued: RefCell::default(),
            retired: Cell::new(None),
            end_sender,
            end_receiver,
            close_reason: Cell::new(None),
            wake_sender,
            wake_receiver,
            silent: Cell::new(0),
        }
    }

    /// Sends a line: straight to the socket, unless earlier bytes are queued.
    pub(super) fn send(&self, line: &[u8]) {
        let Some(sealer) = &self.sealer else {
            self.write(line);
            return;
        };
        let Sealing { sealer, records } = &mut *sealer.borrow_mut();
        records.clear();
        // Fails after 2^64 records: the peer then finds that nothing comes.
        if sealer.seal(line, records).is_ok() {
            self.write(records);
        }
    }

    /// Writes bytes: straight to the socket, unless earlier ones are queued.
    fn write(&self, line: &[u8]) {
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

    /// Another connection to the same process takes over: nothing more is sent here.
    pub(super) fn retire(&self, dialled: bool) {
        let side = if dialled {
            Retired::EndsNow
        } else {
            Retired::AwaitsEnd
        };
        self.retired.set(Some(side));
        self.wake();
    }

    /// Whether another connection has taken over.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.get().is_some()
    }

    /// To be called when the link has ended.
    pub(super) fn end(&self) {
        self.end_sender.close();
    }

    /// Waits until the link has ended, for at most `limit`.
    pub(super) async fn ended(&self, limit: Duration) {
        let late = async {
            Timer::after(limit).await;
        };
        let ended = async {
            // Nothing is ever sent: this is the end of the channel.
            let _ = self.end_receiver.recv().await;
        };
        future::or(ended, late).await;
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
    ///
    /// A link that is retired has `limit` to read what the peer sent before it knew.
    pub(super) async fn flush(&self, limit: Duration) -> Result<CloseReason, io::Error> {
        loop {
            if let Some(reason) = self.close_reason.get() {
                return Ok(reason);
            }
            if self.queued.borrow().is_empty()
                && let Some(side) = self.retired.get()
            {
                if side == Retired::EndsNow {
                    self.stream.get_ref().shutdown(Shutdown::Write)?;
                }
                Timer::after(limit).await;
                return Ok(CloseReason::Superseded);
            }
            if self.queued.borrow().is_empty() {
                // Fails only if the sender is gone, and that is ours.
                let _ = self.wake_receiver.recv().await;
                continue;
            }
            self.stream.writable().await?;
            self.write_queued()?;
        }
    }

    /// Writes what is still queued, for at most `limit`.
    pub(super) async fn flush_rest(&self, limit: Duration) {
        let written = async {
            while !self.queued.borrow().is_empty() {
                if self.stream.writable().await.is_err() || self.write_queued().is_err() {
                    return;
                }
            }
        };
        let late = async {
            Timer::after(limit).await;
        };
        future::or(written, late).await;
    }

    /// Writes as much of the queue as the socket takes.
    fn write_queued(&self) -> io::Result<()> {
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
        Ok(())
    }
}
