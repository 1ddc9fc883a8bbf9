//! Recovery: whatever the faults did, once they end the ball comes back, to one node only.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::clock::LEASE;
use crate::invariants::Event;
use crate::liveness::Watch;
use crate::model::Ring;
use crate::state::{Directions, State};
use crate::windows::GUEST_LEASES;

/// Whether this is one of the states that are checked further: one in `of`, or none if `of` is 0.
pub(crate) fn is_chosen(state: &State, of: u64) -> bool {
    let mut hasher = DefaultHasher::new();
    state.fingerprint.0.hash(&mut hasher);
    of > 0 && hasher.finish().is_multiple_of(of)
}

pub(crate) const NOT_RECOVERED: &str =
    "the ball comes back within three leases after the last fault";

pub(crate) const GUEST_STAYS: &str = "a guest leaves when its time is over";

impl Ring {
    /// Checks for one of so many states that the ball comes back after the last fault.
    pub(crate) fn check_recovery(&self, state: &mut State) {
        if !is_chosen(state, self.bounds.recovery) || state.violation.is_some() {
            return;
        }
        self.coverage.count(Event::RecoveryChecked);
        state.violation = self.recovers(state.clone());
        if state.violation.is_some() {
            self.fingerprint(state);
        }
    }

    /// Starts all nodes, heals all cuts, delivers all packets, and waits.
    fn recovers(&self, mut state: State) -> Option<&'static str> {
        // The lemmas speak of paths without such an end of all faults.
        state.watch = Watch::default();
        state.cut = Directions::default();
        state.strays.clear();
        for node in 0..state.hosts.len() {
            if state.hosts[node].paused {
                state.hosts[node].paused = false;
                state.hosts[node].resumed = true;
            }
            if state.hosts[node].node.is_none() {
                self.start(&mut state, node);
            }
        }
        self.connect(&mut state);
        // From now on the window takes no ball and sends none.
        state.windows.kept = u8::MAX;
        if self.bounds.guest {
            return self.guest_ends(state);
        }
        let limit = state.now + 3 * LEASE.as_micros() as u64;
        let end = limit + LEASE.as_micros() as u64;
        while state.now < end {
            self.deliver_all(&mut state);
            if state.violation.is_some() {
                return state.violation;
            }
            if state.now >= limit && state.hosts.iter().any(|host| host.led.is_some()) {
                return None;
            }
            self.advance(&mut state);
            for node in 0..state.hosts.len() {
                if state.hosts[node].node.is_none() {
                    self.start(&mut state, node);
                }
            }
        }
        Some(NOT_RECOVERED)
    }

    /// A guest leaves when its time is over, and then no node knows it any more.
    fn guest_ends(&self, mut state: State) -> Option<&'static str> {
        self.coverage.count(Event::GuestEndChecked);
        let end = state.now + LEASE.as_micros() as u64 * u64::from(GUEST_LEASES + 4);
        while state.now < end {
            self.deliver_all(&mut state);
            if state.violation.is_some() {
                return state.violation;
            }
            self.advance(&mut state);
        }
        let mut nodes = state.hosts.iter().filter_map(|host| host.node.as_ref());
        let known = nodes.any(|node| node.ball_views().next().is_some());
        known.then_some(GUEST_STAYS)
    }
}
