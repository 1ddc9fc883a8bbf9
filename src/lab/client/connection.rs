//! Connects to a receiver, and reads its answer.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::delay::{Delay, Stall};
use super::error::{ClientError, WRITE_LIMIT};
use crate::clock;
use crate::lab::time::{Nanos, nanos, seconds};

/// An address must answer a SYN in this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A receiver must answer or close in this time after the last byte.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The user is told of a delay that is as long as this.
const TOLD_AFTER: Duration = Duration::from_secs(3);

/// A read or write that has waited this long looks at the time.
const STEP: Duration = Duration::from_millis(500);

/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Refusals of our own endpoints begin like this.
const REFUSAL: &str = "carom: ";

/// All addresses of a host; an IP address is returned as it is.
///
/// # Errors
/// When the name has no address.
pub fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ClientError> {
    let unknown = |error| ClientError::Unknown {
        host: host.to_owned(),
        error,
    };
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(unknown)?.collect();
    if found.is_empty() {
        return Err(unknown(io::Error::other("it has no address")));
    }
    Ok(found)
}

/// Connects to the first address that answers.
pub(super) fn connect(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), ClientError> {
    let mut last = ClientError::Unknown {
        host: String::new(),
        error: io::Error::other("it has no address"),
    };
    for &address in addresses {
        let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT).and_then(|stream| {
            stream.set_write_timeout(Some(STEP))?;
            stream.set_read_timeout(Some(STEP))?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => last = ClientError::connecting(address, error),
        }
    }
    Err(last)
}

/// How long a connection has made no progress, and whether the user knows.
struct Waiting {
    since: Nanos,
    is_told: bool,
}

impl Waiting {
    /// It begins now, or began a step ago.
    fn new(begun_before: Duration) -> Self {
        Self {
            since: clock::monotonic_nanos().saturating_sub(nanos(begun_before)),
            is_told: false,
        }
    }

    fn span(&self) -> Duration {
        Duration::from_nanos(clock::monotonic_nanos().saturating_sub(self.since))
    }

    /// Tells the user once of a delay that has become long.
    fn tell(&mut self, on_delay: &mut dyn FnMut(Delay), delay: impl FnOnce(u64) -> Delay) {
        let span = self.span();
        if !self.is_told && span >= TOLD_AFTER {
            self.is_told = true;
            on_delay(delay(span.as_secs()));
        }
    }
}

/// Whether a read or write has only waited for one [`STEP`].
fn is_step(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Writes all of it. Tells the user when the receiver takes nothing, and gives up after a limit.
pub(super) fn write_all(
    mut stream: &TcpStream,
    peer: SocketAddr,
    piece: &[u8],
    on_delay: &mut dyn FnMut(Delay),
) -> Result<(), ClientError> {
    let mut rest = piece;
    let mut waiting: Option<Waiting> = None;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(0) => return Err(write_error(stream, peer, io::ErrorKind::WriteZero.into())),
            Ok(count) => {
                rest = rest.get(count..).unwrap_or_default();
                waiting = None;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_step(&error) => {
                let waiting = waiting.get_or_insert_with(|| Waiting::new(STEP));
                let stall = Stall::of(stream).unwrap_or(Stall::Unknown);
                if waiting.span() >= WRITE_LIMIT {
                    return Err(ClientError::NotReading { peer, stall });
                }
                let limit = WRITE_LIMIT.as_secs();
                waiting.tell(on_delay, |seconds| Delay::NotReading {
                    peer,
                    seconds,
                    stall,
                    limit,
                });
            }
            Err(error) => return Err(write_error(stream, peer, error)),
        }
    }
    Ok(())
}

/// What the receiver sends until it ends its stream, and whether it did end it. Tells the user when that
/// takes long, and gives up after a limit.
pub(super) fn read_answer(
    mut stream: &TcpStream,
    peer: SocketAddr,
    on_delay: &mut dyn FnMut(Delay),
) -> (String, bool) {
    let mut answer = Vec::new();
    let mut waiting = Waiting::new(Duration::ZERO);
    let mut piece = [0; 4096];
    let is_closed = loop {
        match stream.read(&mut piece) {
            Ok(0) => break true,
            Ok(length) => {
                answer.extend_from_slice(piece.get(..length).unwrap_or_default());
                if answer.len() >= LONGEST_ANSWER {
                    break false;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_step(&error) => {}
            Err(_) => break false,
        }
        // The limit is for the whole answer: a line takes no time.
        if waiting.span() >= ANSWER_LIMIT {
            break false;
        }
        let limit = ANSWER_LIMIT.as_secs();
        waiting.tell(on_delay, |seconds| match Stall::of(stream) {
            Some(stall) => Delay::NotReading {
                peer,
                seconds,
                stall,
                limit,
            },
            None => Delay::NotAnswering {
                peer,
                seconds,
                limit,
            },
        });
    };
    (String::from_utf8_lossy(&answer).into_owned(), is_closed)
}

/// The error of a failed write: the receiver's reason, if it sent one before it closed.
fn write_error(mut stream: &TcpStream, peer: SocketAddr, error: io::Error) -> ClientError {
    // What it sent has arrived already: do not wait for more.
    let _ = stream.set_nonblocking(true);
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap_or(0);
    let answer = String::from_utf8_lossy(answer.get(..length).unwrap_or_default());
    match refusal(&answer) {
        Some(reason) => ClientError::Refused { peer, reason },
        None => ClientError::Broken(peer, error),
    }
}

/// The reason in the answer of one of our endpoints that refused or cut off.
pub(super) fn refusal(answer: &str) -> Option<String> {
    let line = answer.lines().find(|line| line.starts_with(REFUSAL))?;
    Some(line.trim_start_matches(REFUSAL).to_owned())
}

pub(super) fn seconds_since(start: Nanos) -> f64 {
    seconds(clock::monotonic_nanos().saturating_sub(start))
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a round trip")]
pub(super) fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1e3
}
