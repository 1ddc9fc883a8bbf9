//! Takes balls from a window: one connection, one ball.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::channel::Sender;
use smol::io::AsyncReadExt as _;
use smol::{LocalExecutor, Task, future};

use super::wire::{self, LONGEST, WireError};
use crate::clock;
use crate::escape::EscapedBytes;
use crate::ring::{Direction, InvalidWindowBall, Screen, Time, WindowBall};
use crate::throttle::RateLimitedLog;

/// The wait when the system has no connection left to give, such as out of file descriptors.
const OUT_OF_RESOURCES_WAIT: Duration = Duration::from_millis(200);

/// A ball that came in at one of a node's window ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which edge of the node's screen the port stands for: the left one takes balls from a window
    /// on the left.
    pub edge: Direction,
    /// Who sent it.
    pub peer: SocketAddr,
    /// As it was written.
    pub ball: WindowBall,
}

/// What one listener does at most.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections at a time; one more pushes out the oldest that has sent no whole ball.
    connections: usize,
    /// From its beginning until a connection has sent its ball.
    timeout: Duration,
    /// Balls from one address in any one second: a program that sends more keeps no other's out.
    balls_per_second: usize,
}

/// From all addresses together, so many times the balls of one in any one second.
const ALL_ADDRESSES_FACTOR: usize = 4;

const LIMITS: Limits = Limits {
    connections: 16,
    timeout: Duration::from_secs(5),
    balls_per_second: 10,
};

/// A port that takes balls, for as long as this is kept.
pub struct WindowListener {
    shared: Rc<Shared>,
    _accepting: Task<()>,
}

impl WindowListener {
    /// How many connections brought no ball that could be taken.
    pub fn refused(&self) -> u64 {
        self.shared.refused.get()
    }
}

/// Takes balls at `listener`, for as long as the answer is kept.
///
/// A ball ends with its connection or with a newline; what comes after that is not read. Nothing
/// is answered. While nobody takes the events, so many connections wait, and then the system's
/// queue fills up.
///
/// A ball that cannot come in on a screen of that size is refused here, where its sender is known.
/// What is refused is logged: at most one line a minute, with the number of those kept back.
pub fn spawn(
    executor: &Rc<LocalExecutor<'static>>,
    listener: Async<TcpListener>,
    edge: Direction,
    screen: Screen,
    events: Sender<Event>,
) -> WindowListener {
    let shared = Shared::new(edge, screen, events, LIMITS);
    let accepting = accept(Rc::clone(&shared), listener, Rc::downgrade(executor));
    WindowListener {
        shared,
        _accepting: executor.spawn(accepting),
    }
}

/// What all connections of a listener share.
struct Shared {
    edge: Direction,
    screen: Screen,
    events: Sender<Event>,
    limits: Limits,
    rate: RefCell<SlidingWindow>,
    log: RefCell<RateLimitedLog>,
    refused: Cell<u64>,
}

impl Shared {
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

    /// One more connection brought no ball.
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
}

/// The moments of the latest balls, and where they came from.
#[derive(Default)]
struct SlidingWindow(VecDeque<(Time, IpAddr)>);

impl SlidingWindow {
    /// Whether one more ball of that address may come in without being more than `most` in a second,
    /// or [`ALL_ADDRESSES_FACTOR`] times as many with those of others.
    fn admit(&mut self, now: Time, from: IpAddr, most: usize) -> bool {
        let late = |(then, _): &(Time, IpAddr)| now.since(*then) >= Duration::from_secs(1);
        while self.0.front().is_some_and(late) {
            self.0.pop_front();
        }
        let of_one = self.0.iter().filter(|(_, peer)| *peer == from).count();
        let admits = of_one < most && self.0.len() < most * ALL_ADDRESSES_FACTOR;
        if admits {
            self.0.push_back((now, from));
        }
        admits
    }
}

/// Why a connection brought no ball.
enum Rejection {
    Malformed {
        error: WireError,
        bytes: Vec<u8>,
    },
    InvalidWindowBall {
        why: InvalidWindowBall,
        ball: WindowBall,
    },
    Slow(Duration),
    Broken(io::Error),
    TooMany(usize),
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { error, bytes } if bytes.is_empty() => error.fmt(formatter),
            Self::Malformed { error, bytes } => {
                write!(formatter, "{error}; it began '{}'", EscapedBytes(bytes))
            }
            Self::InvalidWindowBall { why, ball } => {
                write!(formatter, "{why}; it was {}", wire::format(ball))
            }
            Self::Slow(timeout) => write!(
                formatter,
                "no whole ball came within {timeout:?}: send the eight numbers and close"
            ),
            Self::Broken(error) => write!(formatter, "the connection broke ({error})"),
            Self::TooMany(most) => {
                write!(formatter, "more than {most} balls a second: send fewer")
            }
        }
    }
}

/// One connection.
struct Connection {
    task: Task<()>,
    /// Its ball is whole and waits for its turn: it must not be pushed out any more.
    whole: Rc<Cell<bool>>,
}

async fn accept(
    shared: Rc<Shared>,
    listener: Async<TcpListener>,
    executor: Weak<LocalExecutor<'static>>,
) {
    let mut connections: VecDeque<Connection> = VecDeque::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                let side = shared.side();
                shared.warn(|| format!("a window on the {side} could not connect: {error}"));
                Timer::after(OUT_OF_RESOURCES_WAIT).await;
                continue;
            }
        };
        let Some(executor) = executor.upgrade() else {
            return;
        };
        connections.retain(|connection| !connection.task.is_finished());
        if connections.len() >= shared.limits.connections {
            make_room(&shared, &mut connections).await;
        }
        let whole = Rc::new(Cell::new(false));
        let served = serve(
            Rc::clone(&shared),
            stream,
            canonical(peer),
            Rc::clone(&whole),
        );
        let task = executor.spawn(served);
        connections.push_back(Connection { task, whole });
        // It reads what is there already before the next one can push it out.
        future::yield_now().await;
    }
}

/// Ends the oldest connection without a ball; if all have one, waits until the first is taken.
async fn make_room(shared: &Shared, connections: &mut VecDeque<Connection>) {
    if let Some(oldest) = connections
        .iter()
        .position(|connection| !connection.whole.get())
    {
        // Dropping its task closes its connection.
        connections.remove(oldest);
        shared.count_refused();
        let (side, most) = (shared.side(), shared.limits.connections);
        shared.warn(|| {
            format!(
                "more than {most} connections wait at the port for windows on the {side}: \
                 the oldest are closed, let programs send their ball at once"
            )
        });
    } else if let Some(first) = connections.pop_front() {
        first.task.await;
    }
}

async fn serve(
    shared: Rc<Shared>,
    mut stream: Async<TcpStream>,
    peer: SocketAddr,
    whole: Rc<Cell<bool>>,
) {
    let taken = read_ball(&mut stream, shared.limits.timeout).await;
    drop(stream);
    let taken = taken.and_then(|ball| match ball.entering(shared.edge, shared.screen) {
        Ok(_) => Ok(ball),
        Err(why) => Err(Rejection::InvalidWindowBall { why, ball }),
    });
    let in_limits = taken.and_then(|ball| {
        let most = shared.limits.balls_per_second;
        let admitted = shared
            .rate
            .borrow_mut()
            .admit(clock::now(), peer.ip(), most);
        admitted.then_some(ball).ok_or(Rejection::TooMany(most))
    });
    let ball = match in_limits {
        Ok(ball) => ball,
        Err(rejection) => {
            let side = shared.side();
            shared.count_refused();
            shared.warn(|| {
                format!("a ball from {peer} on the {side} is no ball of a window: {rejection}")
            });
            return;
        }
    };
    whole.set(true);
    let edge = shared.edge;
    // Fails only when the daemon has stopped listening, and then this task is about to be dropped.
    let _ = shared.events.send(Event { edge, peer, ball }).await;
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

/// An IPv4 address as itself, also where it came to a socket for both kinds.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

#[cfg(test)]
mod tests;
