//! What a run of the rate endpoint is, decided from the bytes of its connections.
//!
//! There are two kinds of senders, and they do not announce themselves. One keeps its connection
//! and ends it with a newline. The other opens a connection for every chunk, each ending in `Y`,
//! and ends the last with a newline after the `Y`. So a connection is assigned to a run only when
//! it ends:
//!
//! - one that ends in `Y` belongs to the unfinished run of its address;
//! - one that ends in a newline after a `Y` completes that run;
//! - any other newline completes a run of that connection alone.
//!
//! Hence one address may have any number of kept runs at once beside one reopened run.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::message::End;
use super::tcp_info::TcpInfo;
use super::time::{Nanos, seconds};

/// A reopened run without a new connection for this long has ended.
const UNFINISHED_TIMEOUT: Nanos = 10_000_000_000;

/// Unfinished reopened runs at a time; one more ends the one that was silent longest.
const MOST_UNFINISHED: usize = 256;

/// How the sender used connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One connection for all chunks.
    Kept,
    /// A new connection for every chunk.
    Reopened,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// With its newline.
    Complete,
    /// The stream ended before the newline.
    BrokenOff,
    /// The connection was reset before the newline.
    Reset,
    /// This end closed the connection, at one of its limits or because it stopped.
    CutOff,
    /// The last connection ended in `Y`, and no other came.
    NeverEnded,
}

/// One run, as the receiver saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The sender's address.
    pub peer: IpAddr,
    /// How it ended.
    pub outcome: Outcome,
    /// How the sender used connections.
    pub connect: Mode,
    /// All bytes received, the `Y`s and the newline included.
    pub bytes: u64,
    /// Reads that brought bytes: the chapter's chunks.
    pub reads: u64,
    /// The number of connections.
    pub connections: u64,
    /// From the first accept to the newline, or to the end of an incomplete run.
    pub seconds: f64,
    /// `bytes` divided by `seconds`.
    pub bytes_per_second: f64,
    /// Segments received that carried data; absent if the kernel does not count them.
    pub segments: Option<u64>,
    /// Segments that arrived before one that was sent earlier.
    pub out_of_order: Option<u64>,
    /// The receiver's estimate of the round trip; absent if it has none.
    pub round_trip_ms: Option<f64>,
    /// Two connections of this address were in use at once: one may be of another program.
    pub overlapped: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        write!(
            formatter,
            "Run from {} --> {} bytes in {} read{} on {} connection{}, {:.6} s, {:.0} bytes/s",
            self.peer,
            self.bytes,
            self.reads,
            plural(self.reads),
            self.connections,
            plural(self.connections),
            self.seconds,
            self.bytes_per_second
        )?;
        if let (Some(segments), Some(late)) = (self.segments, self.out_of_order) {
            write!(
                formatter,
                "; {segments} segment{}, {late} out of order",
                plural(segments)
            )?;
        }
        if let Some(span) = self.round_trip_ms {
            write!(formatter, ", round trip {span:.3} ms")?;
        }
        if self.overlapped {
            formatter.write_str("; connections overlapped: programs of one address that reopen at the same time cannot be told apart")?;
        }
        formatter.write_str(match self.outcome {
            Outcome::Complete => "",
            Outcome::BrokenOff => "; broken off: the stream ended without a newline",
            Outcome::Reset => "; broken off: the connection was reset",
            Outcome::CutOff => "; cut off by a limit of this end",
            Outcome::NeverEnded => "; never ended: no newline came after the last Y",
        })
    }
}

/// The figures of one connection, or of several of one run.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    begun: Nanos,
    /// When its last connection ended.
    ended: Nanos,
    bytes: u64,
    reads: u64,
    connections: u64,
    segments: Option<u64>,
    out_of_order: Option<u64>,
    round_trip_micros: u64,
    overlapped: bool,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct RunConnection {
    address: IpAddr,
    tally: Tally,
    /// The last byte and the one before it.
    tail: [u8; 2],
}

impl RunConnection {
    /// Whether its last byte was a `Y`: then the connection may be complete.
    pub(super) fn ends_in_y(&self) -> bool {
        self.tail[1] == b'Y'
    }

    fn ended_its_run(&self) -> bool {
        self.tail[1] == b'\n'
    }
}

/// The unfinished runs of all addresses.
#[derive(Debug, Default)]
pub(super) struct Runs {
    reopened: BTreeMap<IpAddr, Tally>,
    /// The connections of each address that are in the middle of a chunk.
    busy: BTreeMap<IpAddr, usize>,
}

impl Runs {
    pub(super) fn open(&mut self, peer: SocketAddr, now: Nanos) -> RunConnection {
        let address = peer.ip();
        let busy = self.busy.entry(address).or_default();
        *busy += 1;
        RunConnection {
            address,
            tally: Tally {
                begun: now,
                ended: now,
                connections: 1,
                overlapped: *busy > 1,
                ..Tally::default()
            },
            tail: [0; 2],
        }
    }

    /// Takes the bytes of one read; true if they complete the run.
    pub(super) fn read(&mut self, connection: &mut RunConnection, bytes: &[u8]) -> bool {
        let Some(&last) = bytes.last() else {
            return false;
        };
        let was_idle = connection.ends_in_y();
        let before = bytes.len().checked_sub(2).and_then(|at| bytes.get(at));
        connection.tail = [before.copied().unwrap_or(connection.tail[1]), last];
        connection.tally.bytes = connection.tally.bytes.saturating_add(bytes.len() as u64);
        connection.tally.reads += 1;
        match (was_idle, connection.ends_in_y()) {
            (false, true) => self.mark_idle(connection.address),
            (true, false) => *self.busy.entry(connection.address).or_default() += 1,
            _ => {}
        }
        connection.ended_its_run()
    }

    fn mark_idle(&mut self, address: IpAddr) {
        if let Some(busy) = self.busy.get_mut(&address) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(&address);
            }
        }
    }

    /// A connection has ended: the reports of the runs that this completes or breaks off.
    pub(super) fn close(
        &mut self,
        connection: RunConnection,
        end: End,
        info: Option<TcpInfo>,
        now: Nanos,
    ) -> Vec<Report> {
        if !connection.ends_in_y() {
            self.mark_idle(connection.address);
        }
        let RunConnection {
            address,
            mut tally,
            tail,
        } = connection;
        // A connection without a byte, such as that of a port scan, is no run.
        if tally.bytes == 0 {
            return Vec::new();
        }
        tally.ended = now;
        tally.segments = info.map(|info| info.data_segments_in);
        tally.out_of_order = info.map(|info| info.out_of_order);
        tally.round_trip_micros = info.map_or(0, |info| info.receiver_round_trip_micros);
        let outcome = match (tail, end) {
            ([b'Y', b'\n'], _) => Outcome::Complete,
            ([_, b'\n'], _) => return vec![kept_run(tally, address)],
            ([_, b'Y'], End::EndOfStream | End::Newline) => return self.add(tally, address),
            (_, End::EndOfStream | End::Newline) => Outcome::BrokenOff,
            (_, End::Reset) => Outcome::Reset,
            (_, End::Idle | End::TooLong | End::Evicted | End::Stopped) => Outcome::CutOff,
        };
        let earlier = self.reopened.remove(&address);
        let mode = if earlier.is_some() || outcome == Outcome::Complete || tail[1] == b'Y' {
            Mode::Reopened
        } else {
            Mode::Kept
        };
        let whole = earlier.map_or(tally, |earlier| earlier.merge(tally));
        vec![whole.report(address, mode, outcome)]
    }

    /// Adds a chunk to the reopened run of its address; the report of a run that was ended for it.
    fn add(&mut self, tally: Tally, address: IpAddr) -> Vec<Report> {
        if let Some(earlier) = self.reopened.get_mut(&address) {
            *earlier = earlier.merge(tally);
            return Vec::new();
        }
        let mut ended = Vec::new();
        if self.reopened.len() >= MOST_UNFINISHED {
            let oldest = self.reopened.iter().min_by_key(|(_, tally)| tally.ended);
            if let Some((&oldest, _)) = oldest {
                ended.extend(self.expire(oldest));
            }
        }
        self.reopened.insert(address, tally);
        ended
    }

    fn expire(&mut self, address: IpAddr) -> Option<Report> {
        let tally = self.reopened.remove(&address)?;
        Some(tally.report(address, Mode::Reopened, Outcome::NeverEnded))
    }

    /// When the next run may expire.
    pub(super) fn deadline(&self) -> Option<Nanos> {
        let silent_since = self.reopened.values().map(|tally| tally.ended).min();
        silent_since.map(|since| since + UNFINISHED_TIMEOUT)
    }

    /// Ends the runs that got no new connection in time.
    pub(super) fn expire_unfinished(&mut self, now: Nanos) -> Vec<Report> {
        let mut expired = Vec::new();
        for (&address, tally) in &mut self.reopened {
            if now < tally.ended + UNFINISHED_TIMEOUT {
                continue;
            }
            if self.busy.contains_key(&address) {
                // Its next chunk is being received.
                tally.ended = now;
            } else {
                expired.push(address);
            }
        }
        expired
            .into_iter()
            .filter_map(|address| self.expire(address))
            .collect()
    }
}

fn kept_run(tally: Tally, address: IpAddr) -> Report {
    // A kept run is one connection: others do not disturb it.
    let tally = Tally {
        overlapped: false,
        ..tally
    };
    tally.report(address, Mode::Kept, Outcome::Complete)
}

impl Tally {
    fn merge(self, later: Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        Self {
            begun: self.begun.min(later.begun),
            ended: self.ended.max(later.ended),
            bytes: self.bytes.saturating_add(later.bytes),
            reads: self.reads.saturating_add(later.reads),
            connections: self.connections.saturating_add(later.connections),
            segments: sum(self.segments, later.segments),
            out_of_order: sum(self.out_of_order, later.out_of_order),
            round_trip_micros: later.round_trip_micros.max(self.round_trip_micros),
            overlapped: self.overlapped || later.overlapped,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate has three digits that count"
    )]
    fn report(self, peer: IpAddr, connect: Mode, outcome: Outcome) -> Report {
        let seconds = seconds(self.ended.saturating_sub(self.begun));
        let bytes_per_second = if seconds > 0.0 {
            self.bytes as f64 / seconds
        } else {
            0.0
        };
        let round_trip = self.round_trip_micros;
        Report {
            peer,
            outcome,
            connect,
            bytes: self.bytes,
            reads: self.reads,
            connections: self.connections,
            seconds,
            bytes_per_second,
            segments: self.segments,
            out_of_order: self.out_of_order,
            round_trip_ms: (round_trip > 0).then_some(round_trip as f64 / 1e3),
            overlapped: self.overlapped,
        }
    }
}

#[cfg(test)]
mod tests;
