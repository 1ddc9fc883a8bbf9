//! The sending side: blocking sockets in the foreground, one step after the other, each timed.

mod message;
mod run;
mod sweep;

use std::fmt;
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::limits::Nanos;
use crate::clock;
use crate::escape::Escaped;

pub use message::{Content, Sent, send};
pub use run::{Measured, Plan, SenderSide, Setup, Volume, measure};
pub use sweep::{Point, SIZES, sweep};

/// How long an address has to answer a SYN.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long a receiver may take nothing.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// How long a receiver has to answer or to close after the last byte.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The longest answer, in bytes.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// Refusals of our own endpoints begin like this.
const REFUSAL: &str = "carom: ";

/// Why nothing could be sent or measured.
#[derive(Debug)]
pub enum ClientError {
    /// The name leads nowhere.
    Unknown(String, io::Error),
    /// No connection.
    Unreachable(SocketAddr, io::Error),
    /// The connection broke.
    Broken(SocketAddr, io::Error),
    /// The receiver said why not.
    Refused(SocketAddr, String),
    /// What was to be sent cannot be read.
    Input(io::Error),
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(host, error) => write!(
                formatter,
                "the name {} cannot be resolved ({error}): check it, or write the IP address",
                Escaped(host)
            ),
            Self::Unreachable(peer, error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                write!(
                    formatter,
                    "no connection to {peer}: this machine has no free port left for it, for every closed connection keeps its port for a minute (TIME_WAIT); wait, or send fewer chunks"
                )
            }
            Self::Unreachable(peer, error) => write!(
                formatter,
                "no connection to {peer} ({error}): check the address and the port, and that a receiver runs there"
            ),
            Self::Broken(peer, error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                write!(
                    formatter,
                    "{peer} has taken nothing for {} s: is the receiver reading?",
                    WRITE_LIMIT.as_secs()
                )
            }
            Self::Broken(peer, error) => write!(
                formatter,
                "the connection to {peer} broke ({error}): the receiver has ended or closed it"
            ),
            Self::Refused(peer, sentence) => {
                write!(formatter, "{peer} says: {}", Escaped(sentence))
            }
            Self::Input(error) => {
                write!(formatter, "what is to be sent cannot be read: {error}")
            }
        }
    }
}

impl std::error::Error for ClientError {}

/// All addresses of a host; an IP address is its own.
///
/// # Errors
/// When the name has none.
pub fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ClientError> {
    let unknown = |error| ClientError::Unknown(host.to_owned(), error);
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(unknown)?.collect();
    if found.is_empty() {
        return Err(unknown(io::Error::other("it has no address")));
    }
    Ok(found)
}

/// Connects to the first address that answers.
fn connect(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), ClientError> {
    let mut last = ClientError::Unknown(String::new(), io::Error::other("it has no address"));
    for &address in addresses {
        let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT).and_then(|stream| {
            stream.set_write_timeout(Some(WRITE_LIMIT))?;
            stream.set_read_timeout(Some(ANSWER_LIMIT))?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => last = ClientError::Unreachable(address, error),
        }
    }
    Err(last)
}

/// What the other end says until it ends its stream, and whether it did end it.
fn read_answer(stream: &TcpStream) -> (String, bool) {
    let mut answer = Vec::new();
    let heard = stream.take(LONGEST_ANSWER).read_to_end(&mut answer);
    (String::from_utf8_lossy(&answer).into_owned(), heard.is_ok())
}

/// A write failed: what the other end said before it closed tells more than the error.
fn write_error(stream: &TcpStream, peer: SocketAddr, error: io::Error) -> ClientError {
    // Whatever it said is there already.
    let _ = stream.set_nonblocking(true);
    let (answer, _) = read_answer(stream);
    match refusal(&answer) {
        Some(sentence) => ClientError::Refused(peer, sentence),
        None => ClientError::Broken(peer, error),
    }
}

/// What one of our endpoints says when it refuses or cuts off.
fn refusal(answer: &str) -> Option<String> {
    let line = answer.lines().find(|line| line.starts_with(REFUSAL))?;
    Some(line.trim_start_matches(REFUSAL).to_owned())
}

fn seconds_since(begun: Nanos) -> f64 {
    super::latest::seconds(clock::monotonic_nanos().saturating_sub(begun))
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a round trip")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1e3
}
