//! Connects to a receiver, and reads its answer.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::error::{ClientError, WRITE_LIMIT};
use crate::clock;
use crate::lab::time::{Nanos, seconds};

/// An address must answer a SYN in this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A receiver must answer or close in this time after the last byte.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The longest answer, in bytes.
const LONGEST_ANSWER: u64 = 64 * 1024;

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
            stream.set_write_timeout(Some(WRITE_LIMIT))?;
            stream.set_read_timeout(Some(ANSWER_LIMIT))?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => last = ClientError::connecting(address, error),
        }
    }
    Err(last)
}

/// What the receiver sends until it ends its stream, and whether it did end it.
pub(super) fn read_answer(stream: &TcpStream) -> (String, bool) {
    let mut answer = Vec::new();
    let read = stream.take(LONGEST_ANSWER).read_to_end(&mut answer);
    (String::from_utf8_lossy(&answer).into_owned(), read.is_ok())
}

/// The error of a failed write: the receiver's reason, if it sent one before it closed.
pub(super) fn write_error(stream: &TcpStream, peer: SocketAddr, error: io::Error) -> ClientError {
    // What it sent has arrived already: do not wait for more.
    let _ = stream.set_nonblocking(true);
    let (answer, _) = read_answer(stream);
    match refusal(&answer) {
        Some(reason) => ClientError::Refused { peer, reason },
        None => ClientError::connected(peer, error),
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
