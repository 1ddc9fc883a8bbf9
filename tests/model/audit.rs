//! Whether states that are taken for the same behave alike: some are met again and compared.
//!
//! A model that merges what differs would miss what it looks for. Of one state in so many, the
//! successors are noted at the first meeting and compared at every other, reached another way.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use stateright::Model;

use crate::calm::is_chosen;
use crate::model::Ring;
use crate::state::State;
use crate::watch::Event;

pub(crate) const UNLIKE: &str = "states that are taken for the same behave alike";

/// The successors of the chosen states.
#[derive(Default)]
pub(crate) struct Audit {
    successors: Mutex<HashMap<u64, Vec<u64>>>,
}

impl Ring {
    /// Compares one of so many states with the one that was met in its place before.
    pub(crate) fn audit(&self, state: &mut State) {
        if !is_chosen(state, self.bounds.audit) || state.broken.is_some() {
            return;
        }
        let mut steps = Vec::new();
        self.actions(state, &mut steps);
        let successors = steps.into_iter().filter_map(|step| self.step(state, step));
        let mut seals: Vec<u64> = successors.map(|next| next.seal.0).collect();
        seals.sort_unstable();
        let mut known = self
            .audit
            .successors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match known.get(&state.seal.0) {
            None => {
                known.insert(state.seal.0, seals);
            }
            Some(others) => {
                self.watch.count(Event::Audit);
                if *others != seals {
                    state.broken = Some(UNLIKE);
                    drop(known);
                    self.seal(state);
                }
            }
        }
    }
}
