//! When two moments of the ring are the same: equal but for the time, the hops so far and the
//! numbers of the requests.
//!
//! Moments count from now on the clock they are of. Hops are replaced by their rank among all
//! hops that anyone knows: only their order matters. A request counts back from its sender's
//! latest. So a ring that is left in peace comes round to the same states, and time needs no end.

use std::hash::Hasher;
use std::time::Duration;

use carom::ring::digest::StateDigest;
use carom::ring::message::{LeaseRequest, Pass};
use carom::ring::{BallState, Generation, Incarnation, Message, NodeId, Record, Stamp, Time};

use crate::clock::{LEASE, local};
use crate::model::node_id;
use crate::state::{Flight, Line, State};

/// The 64 bits that stand for the state, and how far apart the rounds are that its nodes know of.
pub(crate) fn seal(state: &State) -> (u64, u64) {
    let mut awaited = Vec::new();
    for flight in state.flights.iter().chain(&state.strays) {
        if let Some(request) = request_of(flight) {
            awaited.push(request);
        }
    }
    let mut canon = Canon {
        state,
        clocks: (0..state.seats.len())
            .map(|node| local(state, node))
            .collect(),
        awaited,
        hops: Vec::new(),
        generations: Vec::new(),
        rounds: (u64::MAX, 0),
        collects: true,
        owner: 0,
        hasher: Mix::default(),
    };
    canon.walk();
    canon.hops.sort_unstable();
    canon.hops.dedup();
    canon.generations.sort_unstable();
    canon.generations.dedup();
    canon.collects = false;
    canon.walk();
    let (oldest, newest) = canon.rounds;
    (canon.hasher.finish(), newest.saturating_sub(oldest))
}

/// A hasher that multiplies and folds; the same on every machine and in every run.
pub(crate) struct Mix(u64);

impl Default for Mix {
    fn default() -> Self {
        Self(0x243f_6a88_85a3_08d3)
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0.rotate_left(23) ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Whose request the line carries or answers, and its number.
fn request_of(flight: &Flight) -> Option<(usize, u64)> {
    let Line::Message(message) = &flight.line else {
        return None;
    };
    if let Message::Acquire { seq, .. } = message.as_ref() {
        return Some((flight.from, *seq));
    }
    if let Message::Granted { seq, .. } | Message::Denied { seq, .. } = message.as_ref() {
        return Some((flight.to, *seq));
    }
    None
}

/// A request this far behind the latest is one that its node no longer remembers.
const FORGOTTEN: u64 = 6;

struct Canon<'a> {
    state: &'a State,
    clocks: Vec<Time>,
    awaited: Vec<(usize, u64)>,
    hops: Vec<u64>,
    generations: Vec<Generation>,
    /// The lowest and the highest that any node knows of.
    rounds: (u64, u64),
    /// On the first walk hops and generations are collected; on the second all is hashed.
    collects: bool,
    /// Whose requests are shown.
    owner: usize,
    hasher: Mix,
}

impl Canon<'_> {
    fn walk(&mut self) {
        let state = self.state;
        for (index, seat) in state.seats.iter().enumerate() {
            self.owner = index;
            let flags = [seat.node.is_some(), seat.paused, seat.late];
            let flags = flags
                .iter()
                .fold(0, |bits, &flag| bits * 2 + u64::from(flag));
            self.number(flags);
            if state.exact {
                self.number(seat.lives.into());
            }
            self.number(seat.up.0.into());
            for (peer, knows) in seat.knows.iter().enumerate() {
                self.number(knows.is_some().into());
                if let Some(incarnation) = knows {
                    self.incarnation(node_id(peer), *incarnation);
                }
            }
            self.maybe_stamp(seat.lit);
            self.maybe_stamp(seat.latest);
            if let Some(node) = &seat.node {
                node.digest(self);
            }
        }
        for flight in &state.flights {
            self.flight(flight);
        }
        self.strays();
        self.number(u64::from(state.cut.0) << 16 | u64::from(state.linked.0));
        self.number(state.now % state.tick);
        self.number(state.means);
        self.number(
            state
                .silence
                .iter()
                .fold(0, |all, &one| all * 16 + u64::from(one)),
        );
        self.number(state.ticks);
        self.number(state.broken.is_some().into());
    }

    /// Strays have no order: their hashes are added up.
    fn strays(&mut self) {
        let state = self.state;
        if self.collects {
            state.strays.iter().for_each(|flight| self.flight(flight));
            return;
        }
        let outer = std::mem::take(&mut self.hasher);
        let mut sum = 0u64;
        for flight in &state.strays {
            self.hasher = Mix::default();
            self.flight(flight);
            sum = sum.wrapping_add(self.hasher.finish());
        }
        self.hasher = outer;
        self.number(sum);
    }

    fn flight(&mut self, flight: &Flight) {
        self.number((flight.from * 4 + flight.to) as u64);
        self.number(flight.age as u64);
        match &flight.line {
            Line::Up(incarnation) => self.incarnation(node_id(flight.from), *incarnation),
            Line::Down => self.number(1),
            Line::Message(message) => {
                self.owner = request_of(flight).map_or(flight.from, |(owner, _)| owner);
                self.message(flight.to, message);
            }
        }
    }

    fn message(&mut self, to: usize, message: &Message) {
        match message {
            Message::Pass(pass) => {
                self.number(2);
                self.pass(to, pass);
            }
            Message::PassAck {
                generation, hop, ..
            } => {
                self.number(3);
                self.stamp(Stamp {
                    generation: *generation,
                    hop: *hop,
                });
            }
            Message::Acquire { seq, balls } => {
                self.number(4);
                self.request(*seq);
                balls.iter().for_each(|claim| self.claim(claim));
            }
            Message::Granted { seq, balls } => {
                self.number(5);
                self.request(*seq);
                balls.iter().for_each(|grant| self.record(grant.newest));
            }
            Message::Denied { seq, balls } => {
                self.number(6);
                self.request(*seq);
                for denial in balls {
                    self.maybe_generation(denial.lease_generation);
                    // How long is read only where the denier is in quarantine.
                    let waits = denial.lease_generation.is_none();
                    self.number(if waits { denial.lease_left } else { 0 });
                    self.record(denial.newest);
                }
            }
            Message::Release { generation, .. } => {
                self.number(7);
                self.generation(*generation);
            }
            Message::Leaving => self.number(8),
            Message::LeaveAck => self.number(9),
            // The model has no windows and no guests.
            Message::LoanQuery { .. }
            | Message::LoanUnknown { .. }
            | Message::Remove { .. }
            | Message::Hello(_)
            | Message::Refused { .. }
            | Message::Heartbeat { .. }
            | Message::Unknown => self.number(10),
        }
    }

    /// What a pass is worth is reckoned once, here as in the core; past its end all are alike.
    fn pass(&mut self, to: usize, pass: &Pass) {
        self.record(Some(pass.record));
        let span = Duration::from_micros(pass.since + pass.left);
        let worth = pass
            .echo
            .map(|echo| Time::from_micros(echo) + (span - span / 100));
        self.number(worth.is_some().into());
        if let Some(worth) = worth {
            self.moment(node_id(to), worth, Duration::ZERO);
        }
    }

    fn claim(&mut self, claim: &LeaseRequest) {
        self.generation(claim.generation);
        self.record(claim.record());
    }

    fn record(&mut self, record: Option<Record>) {
        self.number(record.is_some().into());
        if let Some(Record { stamp, state }) = record {
            self.stamp(stamp);
            self.course(&state);
        }
    }

    fn course(&mut self, state: &BallState) {
        let ([_, y], [across, up]) = (state.position, state.velocity);
        for length in [y, across, up] {
            self.number(length.to_bits());
        }
    }

    fn maybe_stamp(&mut self, stamp: Option<Stamp>) {
        self.number(stamp.is_some().into());
        if let Some(stamp) = stamp {
            self.stamp(stamp);
        }
    }

    fn maybe_generation(&mut self, generation: Option<Generation>) {
        self.number(generation.is_some().into());
        if let Some(generation) = generation {
            self.generation(generation);
        }
    }
}

impl StateDigest for Canon<'_> {
    fn number(&mut self, number: u64) {
        if !self.collects {
            self.hasher.write_u64(number);
        }
    }

    fn moment(&mut self, clock: NodeId, moment: Time, memory: Duration) {
        if self.collects {
            return;
        }
        let now = self.clocks[clock.index()].as_micros();
        let ahead = moment.as_micros().wrapping_sub(now) as i64;
        let memory = memory.min(LEASE * 100).as_micros() as i64;
        self.hasher.write_u64(ahead.max(-memory) as u64);
    }

    /// Left out: which numbers are drawn is a sample in any case.
    fn random(&mut self, seed: u64) {
        if self.state.exact {
            self.number(seed);
        }
    }

    fn incarnation(&mut self, peer: NodeId, incarnation: Incarnation) {
        let life = (incarnation.0 - 1) % 16;
        self.number(u64::from(self.state.seats[peer.index()].lives) - life);
    }

    fn round(&mut self, round: u64) {
        let (oldest, newest) = self.rounds;
        if self.collects {
            self.rounds = (oldest.min(round), newest.max(round));
        } else {
            self.hasher.write_u64(round.wrapping_sub(oldest));
        }
    }

    fn generation(&mut self, generation: Generation) {
        if self.collects {
            self.generations.push(generation);
            return;
        }
        self.round(generation.round);
        let same = |other: &&Generation| other.round == generation.round && **other < generation;
        let rank = self.generations.iter().filter(same).count();
        self.hasher.write_u64(rank as u64);
    }

    fn stamp(&mut self, stamp: Stamp) {
        if self.collects {
            self.hops.push(stamp.hop);
        }
        self.generation(stamp.generation);
        if self.collects {
            return;
        }
        let rank = self.hops.partition_point(|&hop| hop < stamp.hop);
        self.hasher.write_u64(rank as u64);
    }

    fn request(&mut self, seq: u64) {
        let owner = self.state.seats[self.owner].node.as_ref();
        let latest = owner.map_or(0, |node| node.last_request());
        // A node remembers its last five requests; an answer to any other means nothing to it.
        self.number(
            latest
                .checked_sub(seq)
                .map_or(FORGOTTEN, |back| back.min(FORGOTTEN)),
        );
    }

    fn awaits(&self, seq: u64) -> bool {
        self.awaited.contains(&(self.owner, seq))
    }
}
