//! The network: one ordered connection for each pair; paths that are slow, bursty or cut.
//!
//! A connection behaves like TCP and joins two processes, not two nodes. A lost packet is only
//! late, because it is sent again; a message is lost for good only with its connection.

use std::collections::VecDeque;

use carom::ring::{Hello, Message};

use crate::clock::Nanos;
use crate::plan::NetworkProfile;
use crate::wire::Wire;

/// The arrival time of what is held up by a cut.
const HELD_UP: Nanos = Nanos::MAX;

/// What travels on a connection.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Hello(Hello),
    Refused {
        duplicate: bool,
    },
    /// A message, and its bytes in those seeds that have wires.
    Line(Message, Vec<u8>),
    Closed,
}

/// Both ends of one connection; end 0 dialled.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) hosts: [usize; 2],
    pub(crate) lifetimes: [u64; 2],
    pub(crate) open: [bool; 2],
    /// Whether the process at this end was told that the link is up.
    pub(crate) linked: [bool; 2],
    pub(crate) heard: [Nanos; 2],
    /// How many heartbeats each end has sent since it heard the other, those of one interval counted once.
    pub(crate) unanswered: [u32; 2],
    pub(crate) asked_at: [Nanos; 2],
    pub(crate) wire: Option<Box<Wire>>,
    /// What travels to each end.
    pub(crate) towards: [VecDeque<(Nanos, Item)>; 2],
}

impl Connection {
    /// A message on its way from `end`.
    pub(crate) fn line(&mut self, end: usize, message: &Message) -> Item {
        let bytes = self.wire.as_mut().map(|wire| wire.write(end, message));
        Item::Line(message.clone(), bytes.unwrap_or_default())
    }

    /// A message that has come to `end`, as it is read there.
    pub(crate) fn read(&mut self, end: usize, message: Message, bytes: &[u8]) -> Message {
        let Some(wire) = &mut self.wire else {
            return message;
        };
        let read = wire.read(end, bytes);
        assert_eq!(read, message, "what is read is what was sent");
        read
    }

    /// This end sends a heartbeat.
    pub(crate) fn count_heartbeat(&mut self, end: usize, now: Nanos, interval: Nanos) {
        if self.unanswered[end] == 0 || now >= self.asked_at[end] + interval {
            self.unanswered[end] += 1;
            self.asked_at[end] = now;
        }
    }

    /// Which end is this host's.
    pub(crate) fn end_of(&self, host: usize) -> usize {
        usize::from(self.hosts[1] == host)
    }
}

/// The path from one host to another.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    cuts: u32,
    stalled_until: Nanos,
    extra: Nanos,
    random: fastrand::Rng,
}

/// All connections and the paths they take.
#[derive(Debug)]
pub(crate) struct Network {
    hosts: usize,
    profile: NetworkProfile,
    pub(crate) faults_ended: bool,
    /// Until when messages are under way that take longer than usual.
    pub(crate) disturbed_until: Nanos,
    paths: Vec<Path>,
    pub(crate) connections: Vec<Connection>,
}

impl Network {
    pub(crate) fn new(hosts: usize, profile: NetworkProfile, seed: u64) -> Self {
        // Each path draws from its own stream, so that removing a fault on one leaves the others unchanged.
        let path = |index: usize| Path {
            cuts: 0,
            stalled_until: 0,
            extra: 0,
            random: fastrand::Rng::with_seed(seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9)),
        };
        Self {
            hosts,
            profile,
            faults_ended: false,
            disturbed_until: 0,
            paths: (0..hosts * hosts).map(path).collect(),
            connections: Vec::new(),
        }
    }

    pub(crate) fn path(&mut self, from: usize, to: usize) -> &mut Path {
        &mut self.paths[from * self.hosts + to]
    }

    /// Whether nothing cuts the pair, either way.
    pub(crate) fn is_whole(&self, a: usize, b: usize) -> bool {
        let cuts = |from: usize, to: usize| self.paths[from * self.hosts + to].cuts;
        cuts(a, b) == 0 && cuts(b, a) == 0
    }

    /// How long one message takes on this path now.
    pub(crate) fn delay(&mut self, from: usize, to: usize) -> Nanos {
        let (profile, faults_ended) = (self.profile, self.faults_ended);
        let path = self.path(from, to);
        let spike = !faults_ended && path.random.u32(0..1_000) < profile.spike_permille;
        let extra = if faults_ended { 0 } else { path.extra };
        let burst = if spike {
            path.random.u64(0..=profile.spike)
        } else {
            0
        };
        profile.delay + path.random.u64(0..=profile.jitter) + extra + burst
    }

    /// Sends one item to `end`; returns when it will arrive, if that is known.
    pub(crate) fn send(
        &mut self,
        now: Nanos,
        connection: usize,
        end: usize,
        item: Item,
    ) -> Option<Nanos> {
        let hosts = self.connections[connection].hosts;
        let (from, to) = (hosts[1 - end], hosts[end]);
        let mut at = (now + self.delay(from, to)).max(self.path(from, to).stalled_until);
        if self.path(from, to).cuts > 0 {
            at = HELD_UP;
        }
        let queue = &mut self.connections[connection].towards[end];
        let usual = now + self.profile.delay + self.profile.jitter;
        at = at.max(queue.back().map_or(0, |(last, _)| *last));
        queue.push_back((at, item));
        if at == HELD_UP {
            return None;
        }
        if at > usual {
            self.disturbed_until = self.disturbed_until.max(at);
        }
        Some(at)
    }

    /// Takes what has arrived at `end`.
    pub(crate) fn receive(&mut self, now: Nanos, connection: usize, end: usize) -> Option<Item> {
        let queue = &mut self.connections[connection].towards[end];
        let due = queue.front().is_some_and(|(at, _)| *at <= now);
        due.then(|| queue.pop_front())
            .flatten()
            .map(|(_, item)| item)
    }

    /// Cuts a path; what is under way still arrives or is held up.
    pub(crate) fn cut(&mut self, from: usize, to: usize, hold_up: bool) {
        self.path(from, to).cuts += 1;
        if hold_up {
            for (connection, end) in self.between(from, to) {
                for (at, _) in &mut self.connections[connection].towards[end] {
                    *at = HELD_UP;
                }
            }
        }
    }

    /// Ends one cut; returns what was held up and arrives now, and when.
    pub(crate) fn heal(
        &mut self,
        now: Nanos,
        from: usize,
        to: usize,
    ) -> Vec<(Nanos, usize, usize)> {
        let path = self.path(from, to);
        path.cuts = path.cuts.saturating_sub(1);
        if path.cuts > 0 {
            return Vec::new();
        }
        let mut arrivals = Vec::new();
        for (connection, end) in self.between(from, to) {
            // Like retransmissions, they arrive some time after the path works again.
            let at = now + self.delay(from, to) * 3;
            let queue = &mut self.connections[connection].towards[end];
            for (arrival, _) in queue.iter_mut().filter(|(at, _)| *at == HELD_UP) {
                *arrival = at;
            }
            self.disturbed_until = self.disturbed_until.max(at);
            arrivals.push((at, connection, end));
        }
        arrivals
    }

    /// Nothing that is sent on the path from now on arrives before `until`; then all of it does.
    pub(crate) fn stall(&mut self, from: usize, to: usize, until: Nanos) {
        let path = self.path(from, to);
        path.stalled_until = path.stalled_until.max(until);
    }

    /// Every message takes this much longer until the faults end.
    pub(crate) fn slow(&mut self, from: usize, to: usize, extra: Nanos) {
        self.path(from, to).extra = extra;
    }

    fn between(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let numbered = self.connections.iter().enumerate();
        numbered
            .filter_map(|(number, connection)| match connection.hosts {
                [a, b] if a == from && b == to => Some((number, 1)),
                [a, b] if a == to && b == from => Some((number, 0)),
                _ => None,
            })
            .filter(|&(number, end)| !self.connections[number].towards[end].is_empty())
            .collect()
    }
}
