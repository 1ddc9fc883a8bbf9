//! What a run of the rate endpoint is, decided from the bytes of its connections.
//!
//! There are two kinds of senders, and they do not announce themselves. One keeps its connection
//! and ends it with a newline. The other opens a connection for every chunk, each ending in `Y`,
//! and ends the last with a newline after the `Y`. A newline may have a carriage return before it. So
//! a connection is assigned to a run only when it ends:
//!
//! - one that ends in `Y` belongs to the unfinished run of its address;
//! - one that ends in a newline after a `Y` completes that run;
//! - any other newline completes a run of that connection alone.
//!
//! Hence one address may have any number of kept runs at once beside one reopened run. A newline that
//! is followed by more bytes ends nothing: a run of binary data is full of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::message::End;
use super::report::{Mode, Outcome, Report};
use super::tcp_info::TcpInfo;
use super::time::{Nanos, seconds};

/// A reopened run without a new connection for this long has ended.
const UNFINISHED_TIMEOUT: Nanos = 10_000_000_000;

/// Unfinished reopened runs at a time; one more ends the one that was silent longest.
const MOST_UNFINISHED: usize = 256;

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
    round_trip_micros: Option<u64>,
    overlapped: bool,
    after_silence: bool,
    unanswered: bool,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct RunConnection {
    pub(super) address: IpAddr,
    tally: Tally,
    /// The last three bytes.
    tail: [u8; 3],
    last_read: Nanos,
    /// Our half was closed after a `Y`, so nothing more can be answered.
    pub(super) is_half_closed: bool,
}

/// What a connection has sent last, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Anything else: more must come.
    Open,
    /// A `Y`: the chunk may be complete.
    Chunk,
    /// A newline after a `Y`: the reopened run may be complete.
    ReopenedRun,
    /// Another newline: the kept run may be complete.
    KeptRun,
}

impl RunConnection {
    pub(super) fn tail(&self) -> Tail {
        match self.tail {
            [_, b'Y', b'\n'] | [b'Y', b'\r', b'\n'] => Tail::ReopenedRun,
            [_, _, b'\n'] => Tail::KeptRun,
            [_, _, b'Y'] => Tail::Chunk,
            _ => Tail::Open,
        }
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
            tail: [0; 3],
            last_read: now,
            is_half_closed: false,
        }
    }

    /// Takes the bytes of one read.
    pub(super) fn read(&mut self, connection: &mut RunConnection, bytes: &[u8], now: Nanos) {
        let address = connection.address;
        let was_busy = connection.tail() == Tail::Open;
        for &byte in bytes
            .get(bytes.len().saturating_sub(3)..)
            .unwrap_or_default()
        {
            let [_, second, third] = connection.tail;
            connection.tail = [second, third, byte];
        }
        connection.last_read = now;
        connection.tally.bytes = connection.tally.bytes.saturating_add(bytes.len() as u64);
        connection.tally.reads += 1;
        let tail = connection.tail();
        match (was_busy, tail == Tail::Open) {
            (true, false) => self.mark_idle(address),
            (false, true) => *self.busy.entry(address).or_default() += 1,
            _ => {}
        }
        if tail == Tail::ReopenedRun
            && let Some(earlier) = self.reopened.get_mut(&address)
        {
            // Its run must not expire while this connection waits for its end.
            earlier.ended = now;
        }
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
    ///
    /// [`End::Newline`] says that a newline was followed by silence.
    pub(super) fn close(
        &mut self,
        connection: RunConnection,
        end: End,
        info: Option<TcpInfo>,
        now: Nanos,
    ) -> Vec<Report> {
        let (tail, address) = (connection.tail(), connection.address);
        if tail == Tail::Open {
            self.mark_idle(address);
        }
        let mut tally = connection.tally;
        // A connection without a byte, such as that of a port scan, is no run.
        if tally.bytes == 0 {
            return Vec::new();
        }
        tally.ended = now;
        tally.segments = info.and_then(|info| info.data_segments_in);
        tally.out_of_order = info.and_then(|info| info.out_of_order);
        tally.round_trip_micros = info.and_then(|info| info.receiver_round_trip_micros);
        if (tail, end) == (Tail::Chunk, End::EndOfStream) {
            return self.add(tally, address);
        }
        let is_over = matches!(end, End::EndOfStream | End::Newline | End::Reset);
        let is_whole = is_over && matches!(tail, Tail::KeptRun | Tail::ReopenedRun);
        tally.after_silence = end == End::Newline;
        tally.unanswered = connection.is_half_closed;
        let outcome = match end {
            _ if is_whole => Outcome::Complete,
            End::EndOfStream | End::Newline => Outcome::BrokenOff,
            End::Reset => Outcome::Reset,
            End::Idle | End::TooLong | End::Evicted | End::Stopped => Outcome::CutOff,
        };
        if is_whole {
            tally.ended = connection.last_read;
        }
        if tail == Tail::KeptRun {
            // A kept run is one connection: others do not disturb it.
            tally.overlapped = false;
            return vec![tally.report(address, Mode::Kept, outcome)];
        }
        let earlier = self.reopened.remove(&address);
        let mode = if earlier.is_some() || tail != Tail::Open {
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
            after_silence: later.after_silence,
            unanswered: later.unanswered,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate has three digits that count"
    )]
    fn report(self, peer: IpAddr, connect: Mode, outcome: Outcome) -> Report {
        let seconds = seconds(self.ended.saturating_sub(self.begun));
        let round_trip = self.round_trip_micros.filter(|&micros| micros > 0);
        Report {
            peer,
            outcome,
            connect,
            bytes: self.bytes,
            reads: self.reads,
            connections: self.connections,
            seconds,
            bytes_per_second: (seconds > 0.0).then(|| self.bytes as f64 / seconds),
            segments: self.segments,
            out_of_order: self.out_of_order,
            round_trip_ms: round_trip.map(|micros| micros as f64 / 1e3),
            overlapped: self.overlapped,
            after_silence: self.after_silence,
            unanswered: self.unanswered,
        }
    }
}

#[cfg(test)]
mod tests;
