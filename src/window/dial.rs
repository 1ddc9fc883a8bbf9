//! Sends balls to a window, and says which of them it certainly did not get.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::io::AsyncReadExt as _;
use smol::{LocalExecutor, Task, future};
use socket2::SockRef;
use thiserror::Error;

use super::wire;
use crate::clock;
use crate::connect;
use crate::escape::Escaped;
use crate::ring::{Time, WindowBall};
use crate::throttle::DedupLog;

/// The time for a connection to open. A look-up that takes longer goes on, and its answer is used the next time.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// For this long after a failure, the window counts as closed and is not dialled.
const BACKOFF: Duration = Duration::from_millis(100);

/// How long a connection is kept open after the ball, for the window to close it first.
///
/// Closing it while bytes from the window are unread would reset the connection, and a reset can
/// discard a ball that the window's program has not read yet.
const CLOSING_LIMIT: Duration = Duration::from_secs(1);

/// So many bytes that a window sends back are discarded; a window that sends more is cut off.
const MOST_DISCARDED: usize = 4096;

/// So many connections may wait to be closed; one more cuts off the oldest.
const MOST_CLOSING: usize = 64;

/// So many different failures of one window are told apart in the log.
const MOST_LOGGED: usize = 4;

/// The client of a window beside this node.
pub struct WindowClient {
    name: String,
    host: String,
    port: u16,
    executor: Weak<LocalExecutor<'static>>,
    retry_at: Cell<Time>,
    closing: RefCell<VecDeque<Task<()>>>,
    log: DedupLog,
}

/// Why there is no connection to a window.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It failed a moment ago, and was not dialled again.
    #[error("it did not answer in the last {BACKOFF:?}")]
    BackingOff,
    /// It does not answer.
    #[error(transparent)]
    Unreachable(io::Error),
}

/// The ball was not sent: the window's side has not a single byte of it.
#[derive(Debug, Error)]
#[error("it closed before it took the ball ({0})")]
pub struct NotSent(io::Error);

impl WindowClient {
    /// A window that listens at that host and port; nothing is dialled yet.
    pub fn new(
        executor: &Rc<LocalExecutor<'static>>,
        name: String,
        host: String,
        port: u16,
    ) -> Rc<Self> {
        Rc::new(Self {
            name,
            host,
            port,
            executor: Rc::downgrade(executor),
            retry_at: Cell::default(),
            closing: RefCell::default(),
            log: DedupLog::new(MOST_LOGGED),
        })
    }

    /// Connects, within a second. A failure is logged, ever more rarely while it lasts.
    ///
    /// # Errors
    /// When the window does not accept the connection, or did not a moment ago.
    pub async fn open(self: &Rc<Self>) -> Result<OpenConnection, OpenError> {
        if clock::now() < self.retry_at.get() {
            return Err(OpenError::BackingOff);
        }
        let late = async {
            Timer::after(CONNECT_LIMIT).await;
            Err(connect::late(&self.host, self.port))
        };
        match future::or(connect::connect(&self.host, self.port, CONNECT_LIMIT), late).await {
            Ok((stream, _)) => Ok(OpenConnection {
                stream,
                window: Rc::clone(self),
            }),
            Err(error) => {
                self.on_failure(&error);
                Err(OpenError::Unreachable(error))
            }
        }
    }

    fn on_failure(&self, error: &dyn fmt::Display) {
        self.retry_at.set(clock::now() + BACKOFF);
        let Self {
            name, host, port, ..
        } = self;
        self.log.warn(&format!(
            "the window {name} at {} port {port} takes no ball: {error}; its balls bounce until \
             its program listens there",
            Escaped(host)
        ));
    }

    /// Keeps a connection open until the window has closed it, too.
    fn await_close(&self, mut stream: Async<TcpStream>) {
        let Some(executor) = self.executor.upgrade() else {
            return;
        };
        let closed = async move {
            let mut discarded = [0; 512];
            let mut rest = MOST_DISCARDED;
            // How it ends makes no difference any more.
            while let Ok(count @ 1..) = stream.read(&mut discarded).await {
                match rest.checked_sub(count) {
                    Some(less) => rest = less,
                    None => return,
                }
            }
        };
        let late = async {
            Timer::after(CLOSING_LIMIT).await;
        };
        let mut closing = self.closing.borrow_mut();
        closing.retain(|task| !task.is_finished());
        if closing.len() >= MOST_CLOSING {
            closing.pop_front();
        }
        closing.push_back(executor.spawn(future::or(closed, late)));
    }
}

/// A connection that a window has accepted, before a ball is sent on it.
pub struct OpenConnection {
    stream: Async<TcpStream>,
    window: Rc<WindowClient>,
}

impl OpenConnection {
    /// Sends the ball: its bytes in one write, and the end of the stream.
    ///
    /// A window never acknowledges a ball. So `Ok` means only that the window may have it: the ball
    /// may still be in the buffer of a kernel on the way.
    ///
    /// # Errors
    /// When the window certainly has nothing of the ball: the connection was closed or reset before
    /// a byte was written.
    pub fn send(self, ball: &WindowBall) -> Result<(), NotSent> {
        let Self { stream, window } = self;
        let written = write_ball(stream.get_ref(), wire::format(ball).as_bytes());
        match written {
            Ok(Written::Whole) => {
                window.await_close(stream);
                Ok(())
            }
            Ok(Written::Part) => Ok(()),
            Err(error) => {
                let error = NotSent(error);
                window.on_failure(&error);
                Err(error)
            }
        }
    }
}

/// How much of a ball was written.
enum Written {
    Whole,
    Part,
}

/// Fails only if not a single byte was written.
fn write_ball(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<Written> {
    let closed = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ended the connection");
    match stream.peek(&mut [0]) {
        Ok(0) => return Err(closed()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        // The window has sent nothing, as it should, or something that may be ignored.
        Err(_) | Ok(_) => {}
    }
    let socket = SockRef::from(stream);
    // Without the option, the ball leaves at once, too: no unacknowledged bytes are before it.
    if let Err(error) = socket.set_tcp_nodelay(true) {
        tracing::debug!("TCP_NODELAY could not be set for a window: {error}");
    }
    let count = stream.write(bytes)?;
    // From here on the window may have the ball, so no later failure may be reported as `NotSent`.
    let (written, ended) = if count == bytes.len() {
        (Written::Whole, stream.shutdown(Shutdown::Write))
    } else {
        // The beginning of a ball can read as another ball: reset the connection, which discards it if
        // the window has not read it yet.
        (Written::Part, socket.set_linger(Some(Duration::ZERO)))
    };
    if let Err(error) = ended {
        tracing::debug!("a connection to a window ended early: {error}");
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
