//! Gives balls to a window, and says which it certainly did not take.

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

use super::wire;
use crate::clock;
use crate::connect::connect;
use crate::escape::Escaped;
use crate::ring::{Time, WindowBall};
use crate::throttle::DedupLog;

/// The window has this long to take a connection, its name looked up included.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// After a failure, the window counts as closed for this time without being asked.
const BACKOFF: Duration = Duration::from_millis(100);

/// How long a connection is kept after the ball, for the window to close it first.
///
/// Closing while something of the window's is unread would reset the connection, and a reset can
/// take the ball out of the hands of a program that has not read it yet.
const CLOSING_LIMIT: Duration = Duration::from_secs(1);

/// So much of what a window says is thrown away, in bytes; one that goes on is cut off.
const MOST_DISCARDED: usize = 4096;

/// So many connections may be closing at a time; one more cuts off the oldest.
const MOST_CLOSING: usize = 64;

/// So many different troubles of one window are told apart in the log.
const MOST_LOGGED: usize = 4;

/// The window beside a node, as the node dials it.
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
#[derive(Debug)]
pub enum OpenError {
    /// It did not answer a moment ago, and was not asked again.
    BackingOff,
    /// It does not answer.
    Unreachable(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BackingOff => write!(formatter, "it did not answer in the last {BACKOFF:?}"),
            Self::Unreachable(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for OpenError {}

/// The ball was not written over: the window's side has not one byte of it.
#[derive(Debug)]
pub struct NotSent(io::Error);

impl fmt::Display for NotSent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it closed before it took the ball ({})", self.0)
    }
}

impl std::error::Error for NotSent {}

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

    /// Connects, within a second. Logs a window that does not answer, ever more rarely while it
    /// does not.
    ///
    /// # Errors
    /// When the window does not take the connection, or did not a moment ago.
    pub async fn open(self: &Rc<Self>) -> Result<OpenConnection, OpenError> {
        if clock::now() < self.retry_at.get() {
            return Err(OpenError::BackingOff);
        }
        let late = async {
            Timer::after(CONNECT_LIMIT).await;
            let sentence = format!("no answer within {CONNECT_LIMIT:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, sentence))
        };
        match future::or(connect(&self.host, self.port, CONNECT_LIMIT), late).await {
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

    /// Keeps a connection until the window has closed it too.
    fn await_close(&self, mut stream: Async<TcpStream>) {
        let Some(executor) = self.executor.upgrade() else {
            return;
        };
        let closed = async move {
            let mut discarded = [0; 512];
            let mut rest = MOST_DISCARDED;
            // Whether it ends well or badly makes no difference any more.
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

/// A connection that a window has taken, with no ball on it yet.
pub struct OpenConnection {
    stream: Async<TcpStream>,
    window: Rc<WindowClient>,
}

impl OpenConnection {
    /// Hands the ball over: its bytes in one write, and the end of the stream.
    ///
    /// Nothing in the chapter's format says that a window has the ball. So `Ok` means only that it
    /// may have: the ball is in the hands of the kernels between here and there.
    ///
    /// # Errors
    /// When the window certainly has nothing of the ball: it closed or reset the connection before
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

/// Fails only if not one byte was written over.
fn write_ball(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<Written> {
    let closed = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ended the connection");
    match stream.peek(&mut [0]) {
        Ok(0) => return Err(closed()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        // It has discarded nothing, as it should, or something, which is nothing to us.
        Err(_) | Ok(_) => {}
    }
    let socket = SockRef::from(stream);
    // The ball leaves at once all the same: nothing unacknowledged is before it.
    if let Err(error) = socket.set_tcp_nodelay(true) {
        tracing::debug!("TCP_NODELAY could not be set for a window: {error}");
    }
    let count = stream.write(bytes)?;
    // From here on the window may have the ball, so nothing that fails may say that it has not.
    let (written, ended) = if count == bytes.len() {
        (Written::Whole, stream.shutdown(Shutdown::Write))
    } else {
        // The beginning of a ball can read as another ball: take it back if that is still possible.
        (Written::Part, socket.set_linger(Some(Duration::ZERO)))
    };
    if let Err(error) = ended {
        tracing::debug!("a connection to a window ended early: {error}");
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
