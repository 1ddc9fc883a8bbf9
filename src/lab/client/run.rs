//! One measured run, sent as the chapter's senders send it.

use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde::Serialize;

use super::connection::{connect, milliseconds, read_answer, refusal, seconds_since, write_all};
use super::delay::Delay;
use super::error::ClientError;
use crate::clock;
use crate::lab::tcp_info;
use crate::lab::time::{Nanos, seconds};
use crate::lab::{Mode, Report};

/// The set-up times of this many connections count; those of later ones are not kept.
const MOST_SETUPS: usize = 100_000;

/// What to send and how.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How much to send.
    pub volume: Volume,
    /// The size of each write in bytes; at least 1.
    pub chunk: usize,
    /// One connection for all chunks, or one for each.
    pub connect: Mode,
    /// Whether Nagle's algorithm may hold small segments back (no `TCP_NODELAY`).
    pub nagle: bool,
}

/// How much to send, not counting the newline at the end.
#[derive(Clone, Copy, Debug)]
pub enum Volume {
    /// This many bytes.
    Bytes(u64),
    /// As many chunks as fit into a time, within limits.
    Within {
        /// The time in which chunks are begun.
        span: Duration,
        /// The limit of bytes.
        most_bytes: u64,
        /// The limit of connections.
        most_connections: u64,
    },
}

/// How long it took to open connections, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Setup {
    /// The shortest time.
    pub min: f64,
    /// Half of the connections took longer.
    pub median: f64,
    /// One connection in a hundred took longer.
    pub p99: f64,
}

/// A run as its sender saw it.
#[derive(Clone, Debug, Serialize)]
pub struct SenderSide {
    /// The receiver.
    pub peer: SocketAddr,
    /// Bytes written, the `Y`s and the newline included.
    pub bytes: u64,
    /// The number of writes.
    pub writes: u64,
    /// The number of connections.
    pub connections: u64,
    /// Segments sent that carried data, those sent again included.
    pub segments: Option<u64>,
    /// Segments sent again.
    pub retransmitted: Option<u64>,
    /// From the first connect until the kernel had taken the last write.
    pub seconds: f64,
    /// From the first connect until the receiver answered or ended its stream; absent if it did
    /// neither.
    pub confirmed_seconds: Option<f64>,
    /// The round trip of the last connection, as the kernel measured it.
    pub round_trip_ms: Option<f64>,
    /// How long it took to open the connections.
    pub setup: Setup,
}

/// A run as both ends saw it.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The sender's figures.
    pub sender: SenderSide,
    /// The receiver's figures, if it sends them.
    pub receiver: Option<Report>,
}

impl Measured {
    /// Bytes a second, from the first connect until the receiver had confirmed all; `None` if it did not:
    /// what the kernel took may have reached nobody.
    ///
    /// This uses the sender's time. The receiver's starts at its first accept, so it leaves out the
    /// set-up, which makes reopening slow.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate has three digits that count"
    )]
    pub fn speed(&self) -> Option<f64> {
        let seconds = self.sender.confirmed_seconds?;
        Some(self.sender.bytes as f64 / seconds.max(1e-9))
    }

    /// At least this many writes shared a segment with another one.
    pub fn shared(&self) -> Option<u64> {
        let first_time = self
            .sender
            .segments?
            .saturating_sub(self.sender.retransmitted?);
        Some(self.sender.writes.saturating_sub(first_time))
    }
}

/// Makes one run, to the first address that answers. Calls `on_delay` when the receiver keeps it waiting.
///
/// # Errors
/// When no connection can be opened, one breaks, or the receiver refuses.
pub fn measure(
    addresses: &[SocketAddr],
    plan: &Plan,
    on_delay: &mut dyn FnMut(Delay),
) -> Result<Measured, ClientError> {
    measure_opened(addresses, plan, on_delay, &mut |_| ())
}

/// The same; also calls `on_open` with each connection before anything is sent over it.
///
/// # Errors
/// As [`measure`].
pub fn measure_opened(
    addresses: &[SocketAddr],
    plan: &Plan,
    on_delay: &mut dyn FnMut(Delay),
    on_open: &mut dyn FnMut(&TcpStream),
) -> Result<Measured, ClientError> {
    let mut run = Run {
        on_delay,
        on_open,
        targets: addresses.to_vec(),
        peer: UNKNOWN,
        plan,
        begun: clock::monotonic_nanos(),
        tally: Tally::default(),
    };
    let stream = match plan.connect {
        Mode::Kept => run.send_kept()?,
        Mode::Reopened => run.send_reopened()?,
    };
    run.finish(&stream)
}

#[derive(Default)]
struct Tally {
    bytes: u64,
    payload: u64,
    writes: u64,
    connections: u64,
    segments: Option<u64>,
    retransmitted: Option<u64>,
    round_trip_micros: Option<u64>,
    setups: Vec<Nanos>,
}

/// Stands for the peer before the first connection.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

struct Run<'a> {
    on_delay: &'a mut dyn FnMut(Delay),
    on_open: &'a mut dyn FnMut(&TcpStream),
    /// The addresses to try; after the first connection, only the one that answered.
    targets: Vec<SocketAddr>,
    peer: SocketAddr,
    plan: &'a Plan,
    begun: Nanos,
    tally: Tally,
}

impl Run<'_> {
    /// The length of the next chunk, and whether it is the last.
    fn next_chunk(&self) -> (usize, bool) {
        let chunk = self.plan.chunk.max(1);
        match self.plan.volume {
            Volume::Bytes(bytes) => {
                let left = bytes.saturating_sub(self.tally.payload);
                let length = usize::try_from(left).unwrap_or(chunk).min(chunk);
                (length, left <= length as u64)
            }
            Volume::Within {
                span,
                most_bytes,
                most_connections,
            } => {
                let after = self.tally.payload.saturating_add(chunk as u64);
                let is_last = after >= most_bytes
                    || self.tally.connections >= most_connections
                    || u128::from(clock::monotonic_nanos().saturating_sub(self.begun))
                        >= span.as_nanos();
                (chunk, is_last)
            }
        }
    }

    fn send_kept(&mut self) -> Result<TcpStream, ClientError> {
        let stream = self.open()?;
        let mut buffer = vec![b'X'; self.plan.chunk.max(1) + 1];
        loop {
            let (length, last) = self.next_chunk();
            if last && let Some(end) = buffer.get_mut(length) {
                *end = b'\n';
            }
            let piece = buffer.get(..length + usize::from(last)).unwrap_or_default();
            self.write(&stream, piece)?;
            self.tally.payload += length as u64;
            if last {
                return Ok(stream);
            }
        }
    }

    fn send_reopened(&mut self) -> Result<TcpStream, ClientError> {
        let mut buffer = vec![b'X'; self.plan.chunk.max(1) + 1];
        loop {
            let stream = self.open()?;
            let (length, last) = self.next_chunk();
            if let Some([y, newline]) = buffer.get_mut(length.saturating_sub(1)..=length.max(1)) {
                (*y, *newline) = (b'Y', b'\n');
            }
            let piece = buffer.get(..length + usize::from(last)).unwrap_or_default();
            self.write(&stream, piece)?;
            self.tally.payload += length as u64;
            if last {
                return Ok(stream);
            }
            self.count_segments(&stream);
            if let Some(y) = buffer.get_mut(length.saturating_sub(1)) {
                *y = b'X';
            }
        }
    }

    fn open(&mut self) -> Result<TcpStream, ClientError> {
        let start = clock::monotonic_nanos();
        let (stream, peer) = connect(&self.targets)?;
        let took = clock::monotonic_nanos().saturating_sub(start);
        if self.peer != peer {
            (self.targets, self.peer) = (vec![peer], peer);
        }
        if self.tally.setups.len() < MOST_SETUPS {
            self.tally.setups.push(took);
        }
        self.tally.connections += 1;
        stream
            .set_nodelay(!self.plan.nagle)
            .map_err(|error| ClientError::Broken(self.peer, error))?;
        (self.on_open)(&stream);
        Ok(stream)
    }

    fn write(&mut self, stream: &TcpStream, piece: &[u8]) -> Result<(), ClientError> {
        write_all(stream, self.peer, piece, self.on_delay)?;
        self.tally.bytes += piece.len() as u64;
        self.tally.writes += 1;
        Ok(())
    }

    fn count_segments(&mut self, stream: &TcpStream) {
        let Some(info) = tcp_info::of(stream) else {
            return;
        };
        let tally = &mut self.tally;
        if let Some(segments) = info.data_segments_out {
            *tally.segments.get_or_insert(0) += segments;
        }
        *tally.retransmitted.get_or_insert(0) += info.retransmitted;
        tally.round_trip_micros = Some(info.round_trip_micros);
    }

    fn finish(mut self, stream: &TcpStream) -> Result<Measured, ClientError> {
        let seconds = seconds_since(self.begun);
        // Fails only if the receiver has closed already.
        let _ = stream.shutdown(Shutdown::Write);
        let (answer, closed) = read_answer(stream, self.peer, self.on_delay);
        let confirmed = seconds_since(self.begun);
        self.count_segments(stream);
        if let Some(reason) = refusal(&answer) {
            return Err(ClientError::Refused {
                peer: self.peer,
                reason,
            });
        }
        let receiver: Option<Report> = answer
            .lines()
            .find_map(|line| serde_json::from_str(line).ok());
        let tally = self.tally;
        Ok(Measured {
            sender: SenderSide {
                peer: self.peer,
                bytes: tally.bytes,
                writes: tally.writes,
                connections: tally.connections,
                segments: tally.segments,
                retransmitted: tally.retransmitted,
                seconds,
                confirmed_seconds: (closed || receiver.is_some()).then_some(confirmed),
                round_trip_ms: tally.round_trip_micros.map(milliseconds),
                setup: setup(tally.setups),
            },
            receiver,
        })
    }
}

fn setup(mut times: Vec<Nanos>) -> Setup {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    let at = |hundredth: usize| {
        let time = times.get((last * hundredth).div_ceil(100).min(last));
        seconds(time.copied().unwrap_or(0))
    };
    Setup {
        min: at(0),
        median: at(50),
        p99: at(99),
    }
}
