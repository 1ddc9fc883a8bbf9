//! One moment of the whole ring: the shipped nodes, what is on its way between them, what was spent.

use std::fmt;
use std::sync::Arc;

use carom::ring::{Incarnation, Message, Node, Stamp};

use crate::bounds::FAULTS;

/// One moment of the whole ring.
#[derive(Clone)]
pub(crate) struct State {
    /// Real time, in microseconds; no node knows it.
    pub(crate) now: u64,
    /// Whether the clocks drift apart.
    pub(crate) skew: bool,
    /// How long a tick is, in microseconds.
    pub(crate) tick: u64,
    /// Whether states that differ only in the random numbers still to come count as two.
    pub(crate) exact: bool,
    pub(crate) seats: Vec<Seat>,
    /// What is on its way, sorted by pair; in order within a pair.
    pub(crate) flights: Vec<Flight>,
    /// Lines that left their place in the order.
    pub(crate) strays: Vec<Flight>,
    /// The ways on which nothing moves.
    pub(crate) cut: Ways,
    /// The ways with an open connection.
    pub(crate) linked: Ways,
    /// For how many ticks nothing has come through between two nodes, by pair.
    pub(crate) silence: [u8; 16],
    pub(crate) spent: [u8; FAULTS.len()],
    /// What may still be spent, fault by fault, as one number.
    pub(crate) means: u64,
    /// What tells this state from all others, and how far apart the rounds are that it knows.
    pub(crate) seal: (u64, u64),
    /// Ticks since the start, where time has an end.
    pub(crate) ticks: u64,
    /// What was violated on the last step.
    pub(crate) broken: Option<&'static str>,
}

/// A place in the ring, with the process that runs there.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) node: Option<Arc<Node>>,
    pub(crate) lives: u8,
    /// What its LED says.
    pub(crate) lit: Option<Stamp>,
    /// The last that it said in this life.
    pub(crate) latest: Option<Stamp>,
    pub(crate) paused: bool,
    /// It ran on after a pause and has not heard anything yet.
    pub(crate) late: bool,
    /// The peers it has an open connection to, as far as it knows.
    pub(crate) up: Ways,
    /// The last life it met of each peer.
    pub(crate) knows: [Option<Incarnation>; 4],
}

/// One thing on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) line: Line,
    /// Ticks on the way; below zero it cannot arrive yet.
    pub(crate) age: i8,
}

impl Flight {
    pub(crate) fn new(from: usize, to: usize, line: Line) -> Self {
        Self {
            from,
            to,
            line,
            age: 0,
        }
    }
}

/// What can be on its way.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    Message(Arc<Message>),
    /// A connection opens, to this process.
    Up(Incarnation),
    /// The connection ends.
    Down,
}

/// A set of ways from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ways(pub(crate) u16);

impl Ways {
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
    /// The first on the way between the two.
    pub(crate) fn head(&self, from: usize, to: usize) -> Option<usize> {
        self.flights
            .iter()
            .position(|flight| (flight.from, flight.to) == (from, to))
    }

    /// Takes the first on the way between the two.
    pub(crate) fn take_head(&mut self, from: usize, to: usize) -> Option<Flight> {
        let index = self.head(from, to)?;
        Some(self.flights.remove(index))
    }

    /// Puts something last on the way between the two.
    pub(crate) fn push(&mut self, flight: Flight) {
        let after = |other: &Flight| (other.from, other.to) <= (flight.from, flight.to);
        let place = self.flights.partition_point(after);
        self.flights.insert(place, flight);
    }

    /// Whether news of the connection is still on its way to `to`.
    pub(crate) fn is_changing(&self, from: usize, to: usize) -> bool {
        self.flights.iter().any(|flight| {
            (flight.from, flight.to) == (from, to) && !matches!(flight.line, Line::Message(_))
        })
    }

    /// Whether the process runs: it exists and is not stopped.
    pub(crate) fn runs(&self, node: usize) -> bool {
        self.seats[node].node.is_some() && !self.seats[node].paused
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.seal == other.seal
    }
}

impl std::hash::Hash for State {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.seal.0);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", crate::tell::state(self))
    }
}
