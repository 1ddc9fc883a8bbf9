//! The rules of the ring one by one, at one node, to the microsecond.
//!
//! The node is the shipped one; its peers send what the test says. Whole rings are tested by the
//! simulator and the model; these tests check exact times and numbers, which those do not.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a helper of a test fails as its test does"
)]

mod backoff;
mod drain;
mod election;
mod fixture;
mod granting_peers;
mod guest;
mod guest_voter;
mod heartbeat;
mod hello;
mod lineage;
mod loan;
mod loan_expiry;
mod near;
mod outranked;
mod passing;
mod renewal;
mod repair;
mod takeover;
mod tombstone;
mod view;
mod voter;
mod voters;
