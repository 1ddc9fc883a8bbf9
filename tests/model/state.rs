//! One state of the whole ring: the shipped nodes, the packets between them, the faults used.

use std::fmt;
use std::sync::Arc;

use carom::ring::{Incarnation, Message, Node, Stamp};

use crate::bounds::FAULTS;
use crate::liveness::Watch;
use crate::windows::{Guest, Windows};

/// One state of the whole ring.
#[derive(Clone)]
pub(crate) struct State {
    /// Real time, in microseconds; no node knows it.
    pub(crate) now: u64,
    /// Whether the clocks drift apart.
    pub(crate) skew: bool,
    /// How long a tick is, in microseconds.
    pub(crate) tick: u64,
    /// Whether states that differ only in the random numbers still to come count as two.
    pub(crate) hashes_randomness: bool,
    /// Whether a process may still start again.
    pub(crate) may_restart: bool,
    pub(crate) hosts: Vec<Host>,
    /// The packets under way, sorted by pair; in order within a pair.
    pub(crate) packets: Vec<Packet>,
    /// Messages that left their place in the order.
    pub(crate) strays: Vec<Packet>,
    /// The directions in which nothing moves.
    pub(crate) cut: Directions,
    /// The directions with an open connection.
    pub(crate) connected: Directions,
    /// For how many ticks nothing has come through between two nodes, by pair.
    pub(crate) silence: [u8; 16],
    pub(crate) faults_used: [u8; FAULTS.len()],
    /// How many processes may still be killed.
    pub(crate) kills_left: u8,
    /// How often each fault may still occur, as one number.
    pub(crate) faults_left: u64,
    /// The hash that identifies this state, and the difference of the highest and lowest round in it.
    pub(crate) fingerprint: (u64, u64),
    /// Ticks since the start, if time has an end.
    pub(crate) ticks: u64,
    pub(crate) windows: Windows,
    pub(crate) guest: Guest,
    /// What the lemmas of liveness need to know of the past.
    pub(crate) watch: Watch,
    /// The invariant that the last step violated.
    pub(crate) violation: Option<&'static str>,
}

/// A host of the ring, with the process that runs there.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) node: Option<Arc<Node>>,
    pub(crate) lifetimes: u8,
    /// The possession that its LED shows.
    pub(crate) led: Option<Stamp>,
    /// The last possession that it showed in this incarnation.
    pub(crate) latest: Option<Stamp>,
    pub(crate) paused: bool,
    /// It was resumed after a pause and has not handled an input yet.
    pub(crate) resumed: bool,
    /// The peers it has an open connection to, as far as it knows.
    pub(crate) open_links: Directions,
    /// The last incarnation of each peer that it was connected to.
    pub(crate) known_incarnations: [Option<Incarnation>; 4],
}

/// One packet under way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) line: Payload,
    /// Ticks since it was sent; below zero it cannot arrive yet.
    pub(crate) age: i8,
}

impl Packet {
    pub(crate) fn new(from: usize, to: usize, line: Payload) -> Self {
        Self {
            from,
            to,
            line,
            age: 0,
        }
    }
}

/// What a packet carries.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Message(Arc<Message>),
    /// A connection opens, to this process.
    Up(Incarnation),
    /// The connection ends.
    Down,
    /// This process of the sender has ended.
    Obituary(Incarnation),
}

/// A set of directions from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Directions(pub(crate) u16);

impl Directions {
    fn bit(from: usize, to: usize) -> u16 {
        1 << (from * 4 + to)
    }

    pub(crate) fn has(self, from: usize, to: usize) -> bool {
        self.0 & Self::bit(from, to) != 0
    }

    pub(crate) fn add(&mut self, from: usize, to: usize) {
        self.0 |= Self::bit(from, to);
    }

    pub(crate) fn remove_both(&mut self, one: usize, other: usize) {
        self.0 &= !(Self::bit(one, other) | Self::bit(other, one));
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl State {
    /// The index of the first packet from one to the other.
    pub(crate) fn head(&self, from: usize, to: usize) -> Option<usize> {
        self.packets
            .iter()
            .position(|packet| (packet.from, packet.to) == (from, to))
    }

    /// Takes the first packet from one to the other.
    pub(crate) fn take_head(&mut self, from: usize, to: usize) -> Option<Packet> {
        let index = self.head(from, to)?;
        Some(self.packets.remove(index))
    }

    /// Appends a packet after the others of its pair.
    pub(crate) fn push(&mut self, packet: Packet) {
        let after = |other: &Packet| (other.from, other.to) <= (packet.from, packet.to);
        let place = self.packets.partition_point(after);
        self.packets.insert(place, packet);
    }

    /// Whether the opening or closing of the connection is still under way to `to`.
    pub(crate) fn is_changing(&self, from: usize, to: usize) -> bool {
        self.packets.iter().any(|packet| {
            (packet.from, packet.to) == (from, to) && !matches!(packet.line, Payload::Message(_))
        })
    }

    /// Whether the process runs: it exists and is not stopped.
    pub(crate) fn runs(&self, node: usize) -> bool {
        self.hosts[node].node.is_some() && !self.hosts[node].paused
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl std::hash::Hash for State {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.fingerprint.0);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", crate::trace::state(self))
    }
}
