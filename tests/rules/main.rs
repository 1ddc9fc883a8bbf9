//! The rules of the ring one by one, at one node, to the microsecond.
//!
//! The node is the shipped one; its peers say what the test says. Whole rings are the simulator's
//! and the model's: these tests hold the very moments and numbers that those cannot see.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a helper of a test fails as its test does"
)]

mod beat;
mod elect;
mod grant;
mod grave;
mod guest;
mod hello;
mod hold;
mod kind;
mod leave;
mod loan;
mod pass;
mod solo;
