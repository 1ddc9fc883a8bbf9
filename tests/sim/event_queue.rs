//! The event queue: ordered by time, and by insertion for events of the same time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use carom::ring::{Incarnation, Message};

use crate::clock::Nanos;
use crate::windows::WindowEvent;

/// An event of the simulation.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Wake {
        host: usize,
        lifetime: u64,
    },
    Arrive {
        connection: usize,
        end: usize,
    },
    CheckSilence {
        connection: usize,
        end: usize,
    },
    Dial {
        from: usize,
        to: usize,
    },
    /// A message that arrives again, or after its connection was closed.
    Stray {
        host: usize,
        lifetime: u64,
        from: usize,
        /// The lifetime of the sending process.
        sender: u64,
        message: Box<Message>,
    },
    /// The time of a fault has come; it begins now or waits for its trigger.
    Due(usize),
    Begin(usize),
    End(usize),
    Start(usize),
    FaultsEnd,
    /// A node is told that this process of a host has ended.
    Obituary {
        to: usize,
        life: (usize, Incarnation),
    },
    Window(WindowEvent),
}

/// The future events, in order.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
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
        // The heap returns the greatest entry first, and the queue the earliest.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl EventQueue {
    pub(crate) fn push(&mut self, at: Nanos, event: Event) {
        self.order += 1;
        let order = self.order;
        self.entries.push(Entry { at, order, event });
    }

    /// The time of the next event.
    pub(crate) fn next_time(&self) -> Option<Nanos> {
        self.entries.peek().map(|entry| entry.at)
    }

    /// Removes the next event.
    pub(crate) fn pop(&mut self) -> Option<(Nanos, Event)> {
        self.entries.pop().map(|entry| (entry.at, entry.event))
    }
}
