//! What will happen, by time; at one moment, in the order in which it was put down.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use carom::ring::Message;

use crate::clock::Nanos;
use crate::windows::Deed;

/// What is on the agenda.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Wake {
        host: usize,
        life: u64,
    },
    Arrive {
        connection: usize,
        end: usize,
    },
    Silence {
        connection: usize,
        end: usize,
    },
    Dial {
        from: usize,
        to: usize,
    },
    /// A line that comes again, or after its connection is gone.
    Stray {
        host: usize,
        life: u64,
        from: usize,
        message: Box<Message>,
    },
    /// The time of a fault has come; it begins now or at the moment it waits for.
    Due(usize),
    Begin(usize),
    End(usize),
    Start(usize),
    Calm,
    Window(Deed),
}

/// What will happen, in order.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BinaryHeap<Entry>,
    order: u64,
}

#[derive(Debug)]
struct Entry {
    at: Nanos,
    order: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first, and the agenda wants the earliest.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl Agenda {
    pub(crate) fn put(&mut self, at: Nanos, event: Event) {
        self.order += 1;
        let order = self.order;
        self.entries.push(Entry { at, order, event });
    }

    /// When the next thing happens.
    pub(crate) fn next(&self) -> Option<Nanos> {
        self.entries.peek().map(|entry| entry.at)
    }

    /// Takes the next thing off.
    pub(crate) fn take(&mut self) -> Option<(Nanos, Event)> {
        self.entries.pop().map(|entry| (entry.at, entry.event))
    }
}
