//! Refinement: every step of the shipped node is one action of the proof, or a few of them at one moment.
//!
//! [`State`] is the state of the proof, with one method for each action that has the name it has in `proof/`. Given
//! an input of a node, its outputs, and what it remembers afterwards, [`explain`](State::explain) finds the actions
//! that the node took, checks the guards of each, and compares the state after them with the node's memory.
//! `proof/README.md` has the table of which step stands for which actions.

mod action;
mod ball_actions;
mod explain;
mod inputs;
mod lease_actions;
mod outputs;
mod state;

pub(crate) use action::ACTIONS;
pub(crate) use explain::Handled;
pub(crate) use state::{ProcessId, Ring, State};
