//! From wherever the faults have led: in calm weather the ball comes back, and to one node only.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::clock::LEASE;
use crate::model::Ring;
use crate::state::{State, Ways};
use crate::watch::Event;

/// Whether this is the one of so many states that is looked at more closely; none if `of` is 0.
pub(crate) fn is_chosen(state: &State, of: u64) -> bool {
    let mut hasher = DefaultHasher::new();
    state.seal.0.hash(&mut hasher);
    of > 0 && hasher.finish().is_multiple_of(of)
}

pub(crate) const GONE: &str = "in calm weather the ball comes back within three leases";

impl Ring {
    /// Follows one of so many states through calm weather.
    pub(crate) fn follow_calm(&self, state: &mut State) {
        if !is_chosen(state, self.bounds.calm) || state.broken.is_some() {
            return;
        }
        self.watch.count(Event::Calm);
        state.broken = self.calm(state.clone());
        if state.broken.is_some() {
            self.seal(state);
        }
    }

    /// Starts what is dead, heals what is cut, lets everything arrive, and waits.
    fn calm(&self, mut state: State) -> Option<&'static str> {
        state.cut = Ways::default();
        state.strays.clear();
        for node in 0..state.seats.len() {
            if state.seats[node].paused {
                state.seats[node].paused = false;
                state.seats[node].late = true;
            }
            if state.seats[node].node.is_none() {
                self.start(&mut state, node);
            }
        }
        self.connect(&mut state);
        let limit = state.now + 3 * LEASE.as_micros() as u64;
        let end = limit + LEASE.as_micros() as u64;
        while state.now < end {
            self.settle(&mut state);
            if state.broken.is_some() {
                return state.broken;
            }
            if state.now >= limit && state.seats.iter().any(|seat| seat.lit.is_some()) {
                return None;
            }
            self.advance(&mut state);
            for node in 0..state.seats.len() {
                if state.seats[node].node.is_none() {
                    self.start(&mut state, node);
                }
            }
        }
        Some(GONE)
    }
}
