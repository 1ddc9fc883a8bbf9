//! The canonical form of a state: two states are the same if they differ only in the time, in the
//! number of hops so far and in the sequence numbers of the requests.
//!
//! Times count from the present of the clock that they belong to. A hop is replaced by its rank among
//! all hops that any node knows: only their order matters. A sequence number counts back from its
//! sender's latest. So a ring without faults returns to states that are known already, and the
//! model needs no end of time.

use std::hash::Hasher as _;
use std::time::Duration;

use carom::ring::digest::StateDigest;
use carom::ring::{BallState, Generation, Incarnation, Message, NodeId, Record, Stamp, Time};

use crate::clock::{LEASE, local};
use crate::hasher::Mix;
use crate::liveness::Candidacy;
use crate::model::node_id;
use crate::state::{Packet, Payload, State};
use crate::windows::Windows;

/// The fingerprint of the state, and the difference of the highest and the lowest round in it.
pub(crate) fn fingerprint(state: &State) -> (u64, u64) {
    let mut awaited = Vec::new();
    for packet in state.packets.iter().chain(&state.strays) {
        if let Some(request) = request_of(packet) {
            awaited.push(request);
        }
    }
    let mut hasher = CanonicalHasher {
        state,
        clocks: (0..state.hosts.len())
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
    hasher.walk();
    hasher.hops.sort_unstable();
    hasher.hops.dedup();
    hasher.generations.sort_unstable();
    hasher.generations.dedup();
    hasher.collects = false;
    hasher.walk();
    let (oldest, newest) = hasher.rounds;
    // A process that starts knows only round 0.
    hasher.number(if state.may_restart { oldest } else { 0 });
    (hasher.hasher.finish(), newest.saturating_sub(oldest))
}

/// The node whose request this message carries or answers, and the sequence number of the request.
fn request_of(packet: &Packet) -> Option<(usize, u64)> {
    let Payload::Message(message) = &packet.line else {
        return None;
    };
    match message.as_ref() {
        Message::Acquire { seq, .. } | Message::LoanQuery { seq, .. } => Some((packet.from, *seq)),
        Message::Granted { seq, .. }
        | Message::Denied { seq, .. }
        | Message::LoanUnknown { seq } => Some((packet.to, *seq)),
        _ => None,
    }
}

/// A request this far behind the latest is one that its node no longer remembers.
const MOST_REQUESTS_BACK: u64 = 6;

pub(crate) struct CanonicalHasher<'a> {
    pub(crate) state: &'a State,
    clocks: Vec<Time>,
    awaited: Vec<(usize, u64)>,
    hops: Vec<u64>,
    generations: Vec<Generation>,
    /// The lowest and the highest round that any node knows.
    rounds: (u64, u64),
    /// On the first walk hops and generations are collected; on the second all is hashed.
    collects: bool,
    /// The node to which the sequence numbers belong that are hashed now.
    owner: usize,
    hasher: Mix,
}

impl CanonicalHasher<'_> {
    fn walk(&mut self) {
        let state = self.state;
        for (index, host) in state.hosts.iter().enumerate() {
            self.owner = index;
            let flags = [host.node.is_some(), host.paused, host.resumed];
            let flags = flags
                .iter()
                .fold(0, |bits, &flag| bits * 2 + u64::from(flag));
            self.number(flags);
            if state.hashes_randomness {
                self.number(host.lifetimes.into());
            }
            self.number(host.open_links.0.into());
            for (peer, known_incarnations) in host.known_incarnations.iter().enumerate() {
                self.number(known_incarnations.is_some().into());
                if let Some(incarnation) = known_incarnations {
                    self.incarnation(node_id(peer), *incarnation);
                }
            }
            self.maybe_stamp(host.led);
            self.maybe_stamp(host.latest);
            if let Some(node) = &host.node {
                node.digest(self);
            }
        }
        for packet in &state.packets {
            self.packet(packet);
        }
        self.strays();
        self.number(u64::from(state.cut.0) << 16 | u64::from(state.connected.0));
        self.number(state.now % state.tick);
        self.number(state.faults_left);
        let Windows {
            kept,
            loans,
            opening,
        } = state.windows;
        let loans = loans.map_or(u64::MAX, u64::from);
        self.number(loans << 16 | u64::from(kept) << 8 | u64::from(opening));
        self.maybe_generation(state.guest.newest);
        self.maybe_generation(state.guest.retired);
        self.number(
            state
                .silence
                .iter()
                .fold(0, |all, &one| all * 16 + u64::from(one)),
        );
        self.number(state.ticks);
        self.number(state.violation.is_some().into());
        self.watch();
    }

    /// What happened since nobody has possessed the ball; nothing while somebody does.
    fn watch(&mut self) {
        let watch = &self.state.watch;
        self.number(watch.members.into());
        if watch.members == 0 {
            return;
        }
        let dark = self.state.now - watch.since;
        self.number(dark);
        if dark == 0 && !watch.stood {
            return;
        }
        self.number(watch.stood.into());
        self.number(watch.lost.map_or(0, |lost| 1 + self.state.now - lost));
        let candidates = watch.candidates.iter().map(|one| {
            one.map_or(0, |one: Candidacy| {
                4 + 2 * u64::from(one.alone) + u64::from(one.met)
            })
        });
        self.number(candidates.fold(0, |all, one| all * 8 + one));
        watch
            .losers
            .iter()
            .for_each(|&loser| self.maybe_generation(loser));
    }

    /// Strays have no order, so the sum of their hashes is used.
    fn strays(&mut self) {
        let state = self.state;
        if self.collects {
            state.strays.iter().for_each(|packet| self.packet(packet));
            return;
        }
        let outer = std::mem::take(&mut self.hasher);
        let mut sum = 0u64;
        for packet in &state.strays {
            self.hasher = Mix::default();
            self.packet(packet);
            sum = sum.wrapping_add(self.hasher.finish());
        }
        self.hasher = outer;
        self.number(sum);
    }

    fn packet(&mut self, packet: &Packet) {
        self.number((packet.from * 4 + packet.to) as u64);
        self.number(packet.age as u64);
        match &packet.line {
            Payload::Up(incarnation) => self.incarnation(node_id(packet.from), *incarnation),
            Payload::Down => self.number(1),
            Payload::Obituary(incarnation) => {
                self.number(18);
                self.incarnation(node_id(packet.from), *incarnation);
            }
            Payload::Message(message) => {
                self.owner = request_of(packet).map_or(packet.from, |(owner, _)| owner);
                self.message(packet.to, message);
            }
        }
    }

    pub(crate) fn record(&mut self, record: Option<Record>) {
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

    pub(crate) fn maybe_generation(&mut self, generation: Option<Generation>) {
        self.number(generation.is_some().into());
        if let Some(generation) = generation {
            self.generation(generation);
        }
    }
}

impl StateDigest for CanonicalHasher<'_> {
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

    /// Usually left out: the random numbers are only a sample in any case.
    fn random(&mut self, seed: u64) {
        if self.state.hashes_randomness {
            self.number(seed);
        }
    }

    fn incarnation(&mut self, peer: NodeId, incarnation: Incarnation) {
        let lifetime = (incarnation.0 - 1) % 16;
        self.number(u64::from(self.state.hosts[peer.index()].lifetimes) - lifetime);
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
        let owner = self.state.hosts[self.owner].node.as_ref();
        let latest = owner.map_or(0, |node| node.last_request());
        // A node remembers its last five requests and ignores an answer to any older one.
        self.number(
            latest
                .checked_sub(seq)
                .map_or(MOST_REQUESTS_BACK, |back| back.min(MOST_REQUESTS_BACK)),
        );
    }

    fn awaits(&self, seq: u64) -> bool {
        self.awaited.contains(&(self.owner, seq))
    }

    fn awaits_obituaries(&self) -> bool {
        let is_obituary = |stray: &Packet| matches!(stray.line, Payload::Obituary(_));
        self.state.kills_left > 0 || self.state.strays.iter().any(is_obituary)
    }
}
