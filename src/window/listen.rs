//! Takes balls from a window: one connection, one ball.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use async_io::{Async, Timer};
use smol::channel::Sender;
use smol::io::AsyncReadExt as _;
use smol::{LocalExecutor, Task, future};
use thiserror::Error;

use super::sliding_window::SlidingWindow;
use super::wire::{self, LONGEST, WireError};
use crate::accept::{self, Service, Standing};
use crate::clock;
use crate::escape::EscapedBytes;
use crate::ring::{Direction, InvalidWindowBall, Screen, WindowBall};
use crate::throttle::RateLimitedLog;

/// A ball that came in at one of a node's window ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The edge of the node's screen that the port stands for: the left one takes balls from a
    /// window on the left.
    pub edge: Direction,
    /// The address that sent it.
    pub peer: SocketAddr,
    /// The ball, as it was written.
    pub ball: WindowBall,
}

/// The limits of one listener.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections at a time; one more closes the oldest that has sent no whole ball.
    connections: usize,
    /// The time from the beginning of a connection until its ball must have come.
    timeout: Duration,
    /// Balls from one address in any one second, so that one fast sender does not block the others.
    balls_per_second: usize,
}

const LIMITS: Limits = Limits {
    connections: 16,
    timeout: Duration::from_secs(5),
    balls_per_second: 10,
};

/// A port that takes balls, for as long as this is kept.
pub struct WindowListener {
    port: Rc<WindowPort>,
    _accepting: Task<()>,
}

impl WindowListener {
    /// How many connections brought no ball that could be taken.
    pub fn refused(&self) -> u64 {
        self.port.refused.get()
    }
}

/// Takes balls at `listener`, for as long as the returned value is kept.
///
/// A ball ends with its connection or with a newline; what comes after that is not read. Nothing
/// is answered. While the events are not taken, balls wait on their connections; when as many wait
/// as may be open, further connections wait in the system's queue.
///
/// A ball that cannot come in on a screen of that size is refused here, where its sender is known.
/// What is refused is logged: at most one line a minute, with the number of suppressed ones.
pub fn spawn(
    executor: &Rc<LocalExecutor<'static>>,
    listener: Async<TcpListener>,
    edge: Direction,
    screen: Screen,
    events: Sender<Event>,
) -> WindowListener {
    let port = WindowPort::new(edge, screen, events, LIMITS);
    let accepting = accept::run(Rc::downgrade(executor), listener, Rc::clone(&port));
    WindowListener {
        port,
        _accepting: executor.spawn(accepting),
    }
}

/// What all connections of a listener share.
struct WindowPort {
    edge: Direction,
    screen: Screen,
    events: Sender<Event>,
    limits: Limits,
    rate: RefCell<SlidingWindow>,
    log: RefCell<RateLimitedLog>,
    refused: Cell<u64>,
}

impl WindowPort {
    fn new(edge: Direction, screen: Screen, events: Sender<Event>, limits: Limits) -> Rc<Self> {
        Rc::new(Self {
            edge,
            screen,
            events,
            limits,
            rate: RefCell::default(),
            log: RefCell::default(),
            refused: Cell::default(),
        })
    }

    fn count_refused(&self) {
        self.refused.set(self.refused.get().saturating_add(1));
    }

    fn warn(&self, sentence: impl FnOnce() -> String) {
        self.log.borrow_mut().warn(sentence);
    }

    fn side(&self) -> &'static str {
        match self.edge {
            Direction::Left => "left",
            Direction::Right => "right",
        }
    }

    /// Checks that the ball can come in on this screen, and that its address has not sent too many.
    fn check(&self, ball: WindowBall, peer: SocketAddr) -> Result<WindowBall, Rejection> {
        if let Err(why) = ball.entering(self.edge, self.screen) {
            return Err(Rejection::InvalidWindowBall { why, ball });
        }
        let limit = self.limits.balls_per_second;
        let mut rate = self.rate.borrow_mut();
        if !rate.admit(clock::now(), peer.ip(), limit) {
            return Err(Rejection::TooMany(limit));
        }
        Ok(ball)
    }
}

/// Why a connection brought no ball.
#[derive(Debug, Error)]
enum Rejection {
    #[error("{error}{}", beginning(.bytes))]
    Malformed { error: WireError, bytes: Vec<u8> },
    #[error("{why}; it was {}", wire::format(.ball))]
    InvalidWindowBall {
        why: InvalidWindowBall,
        ball: WindowBall,
    },
    #[error("no whole ball came within {0:?}: send the eight numbers and close")]
    Slow(Duration),
    #[error("the connection broke ({0})")]
    Broken(io::Error),
    #[error("more than {0} balls a second: send fewer")]
    TooMany(usize),
}

fn beginning(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    format!("; it began '{}'", EscapedBytes(bytes))
}

impl Service for WindowPort {
    fn limit(&self) -> usize {
        self.limits.connections
    }

    fn on_accept_error(&self, error: &io::Error) {
        let side = self.side();
        self.warn(|| format!("a window on the {side} could not connect: {error}"));
    }

    fn on_evicted(&self) {
        self.count_refused();
        let (side, most) = (self.side(), self.limits.connections);
        self.warn(|| {
            format!(
                "more than {most} connections wait at the port for windows on the {side}: \
                 the oldest are closed, let programs send their ball at once"
            )
        });
    }

    async fn serve(
        self: Rc<Self>,
        mut stream: Async<TcpStream>,
        peer: SocketAddr,
        standing: Rc<Cell<Standing>>,
    ) {
        let peer = canonical(peer);
        let read = read_ball(&mut stream, self.limits.timeout).await;
        drop(stream);
        let ball = match read.and_then(|ball| self.check(ball, peer)) {
            Ok(ball) => ball,
            Err(rejection) => {
                let side = self.side();
                self.count_refused();
                self.warn(|| {
                    format!("a ball from {peer} on the {side} is no ball of a window: {rejection}")
                });
                return;
            }
        };
        // The ball is whole and waits for the loop: from now on it must not be lost.
        standing.set(Standing::Protected);
        let edge = self.edge;
        // Fails only when the daemon has stopped listening, and then this task is about to be dropped.
        let _ = self.events.send(Event { edge, peer, ball }).await;
    }
}

/// Reads one ball: up to the end of the stream or the first newline.
async fn read_ball(
    stream: &mut Async<TcpStream>,
    timeout: Duration,
) -> Result<WindowBall, Rejection> {
    // One byte more than a ball takes, to tell a ball from what only begins like one.
    let mut buffer = [0; LONGEST + 1];
    let mut filled = 0;
    let read = async {
        loop {
            let room = buffer.get_mut(filled..).unwrap_or_default();
            if room.is_empty() {
                return Ok(());
            }
            match stream.read(room).await {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    let ends = room.iter().take(count).any(|&byte| byte == b'\n');
                    filled += count;
                    if ends {
                        return Ok(());
                    }
                }
                Err(error) => return Err(Rejection::Broken(error)),
            }
        }
    };
    let late = async {
        Timer::after(timeout).await;
        Err(Rejection::Slow(timeout))
    };
    future::or(read, late).await?;
    let bytes = buffer.get(..filled).unwrap_or_default();
    let line = bytes.split_inclusive(|&byte| byte == b'\n').next();
    let line = line.unwrap_or_default();
    wire::parse(line).map_err(|error| Rejection::Malformed {
        error,
        bytes: line.to_vec(),
    })
}

/// An IPv4 address as such, also where it came to a socket for IPv4 and IPv6.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

#[cfg(test)]
mod tests;
