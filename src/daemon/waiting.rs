//! Who waits for an answer of the ring's thread.

use std::collections::VecDeque;

use super::external_input::ControlRequest;
use crate::http::Query;

/// So many may wait; beyond it, the one that has waited longest gets no answer.
const MOST_WAITING: usize = 128;

/// Who waits.
pub(super) enum Waiter {
    /// A client of the HTTP server.
    Http(Query),
    /// A person at the control socket.
    Control(ControlRequest),
    /// The followers of the events: something has changed.
    Feed,
}

/// All that wait, by the number of their request.
#[derive(Default)]
pub(super) struct Waiting {
    waiters: VecDeque<(u64, Waiter)>,
    last: u64,
}

impl Waiting {
    /// Adds one that waits; returns the number of its request.
    pub(super) fn add(&mut self, waiter: Waiter) -> u64 {
        if self.waiters.len() >= MOST_WAITING {
            self.waiters.pop_front();
        }
        self.last += 1;
        self.waiters.push_back((self.last, waiter));
        self.last
    }

    /// The one that waits for that answer, unless it was too late.
    pub(super) fn take(&mut self, number: u64) -> Option<Waiter> {
        let mut waiters = self.waiters.iter();
        let index = waiters.position(|(waiting, _)| *waiting == number)?;
        self.waiters.remove(index).map(|(_, waiter)| waiter)
    }

    /// Whether the followers of the events wait for an answer already.
    pub(super) fn has_feed(&self) -> bool {
        let mut waiters = self.waiters.iter();
        waiters.any(|(_, waiter)| matches!(waiter, Waiter::Feed))
    }
}
