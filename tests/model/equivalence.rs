//! Checks that states with the same fingerprint are equivalent.
//!
//! A model that merges different states could miss a violation. For one state in so many, the
//! successors are recorded when it is first reached, and compared whenever it is reached in another way.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use stateright::Model;

use crate::invariants::Event;
use crate::model::Ring;
use crate::recovery::is_chosen;
use crate::state::State;

pub(crate) const NOT_EQUIVALENT: &str = "states with the same fingerprint have the same successors";

/// The successors of the chosen states.
#[derive(Default)]
pub(crate) struct Successors {
    successors: Mutex<HashMap<u64, Vec<u64>>>,
}

impl Ring {
    /// Compares one of so many states with the first state that had the same fingerprint.
    pub(crate) fn check_equivalence(&self, state: &mut State) {
        if !is_chosen(state, self.bounds.equivalence) || state.violation.is_some() {
            return;
        }
        let mut steps = Vec::new();
        self.actions(state, &mut steps);
        let successors = steps.into_iter().filter_map(|step| self.step(state, step));
        let mut fingerprints: Vec<u64> = successors.map(|next| next.fingerprint.0).collect();
        fingerprints.sort_unstable();
        let mut known = self
            .successors
            .successors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match known.get(&state.fingerprint.0) {
            None => {
                known.insert(state.fingerprint.0, fingerprints);
            }
            Some(others) => {
                self.coverage.count(Event::StatesCompared);
                if *others != fingerprints {
                    state.violation = Some(NOT_EQUIVALENT);
                    drop(known);
                    self.fingerprint(state);
                }
            }
        }
    }
}
