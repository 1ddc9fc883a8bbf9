//! State digest for the model checker's deduplication.
//!
//! A node shows all that can change what it will ever do, each value by its kind. It leaves out what
//! only people look at, and the radius and color of balls, which never change. Two nodes with the
//! same digest behave alike from here on, as long as no two balls are lent to windows at once. The shipped binary never calls any of this, so it
//! does not contain it.

use std::time::Duration;

use super::generation::{Generation, Record, Stamp};
use super::message::Incarnation;
use super::motion::BallState;
use super::node_id::{NodeId, NodeSet};
use super::time::Time;

/// Takes the values of a node's state, in a fixed order.
pub trait StateDigest {
    /// A value that is compared as it is.
    fn number(&mut self, number: u64);

    /// A moment on the clock of `clock`; all that lie more than `memory` in the past are equal.
    fn moment(&mut self, clock: NodeId, moment: Time, memory: Duration);

    /// The seed of all random numbers that the node will draw.
    fn random(&mut self, seed: u64);

    /// One of the peer's processes.
    fn incarnation(&mut self, peer: NodeId, incarnation: Incarnation);

    /// A round that the next election must go above.
    fn round(&mut self, round: u64);

    /// A generation.
    fn generation(&mut self, generation: Generation);

    /// A place in a ball's history.
    fn stamp(&mut self, stamp: Stamp);

    /// The number of one of this node's own requests.
    fn request(&mut self, seq: u64);

    /// Whether an answer to this request can still come.
    fn awaits(&self, seq: u64) -> bool;

    /// Whether an obituary can still come. Where none has come and none will, nobody is taken over from.
    fn awaits_obituaries(&self) -> bool;
}

pub(super) fn node_set(to: &mut impl StateDigest, nodes: NodeSet) {
    for word in nodes.words() {
        to.number(word);
    }
}

pub(super) fn optional_moment(
    to: &mut impl StateDigest,
    clock: NodeId,
    at: Option<Time>,
    memory: Duration,
) {
    to.number(at.is_some().into());
    if let Some(at) = at {
        to.moment(clock, at, memory);
    }
}

/// A state that another screen may go on from: there it comes in at the edge, whatever its x was.
pub(super) fn record(to: &mut impl StateDigest, record: Option<Record>) {
    to.number(record.is_some().into());
    if let Some(Record { stamp, state }) = record {
        to.stamp(stamp);
        motion(to, &state);
    }
}

pub(super) fn motion(to: &mut impl StateDigest, state: &BallState) {
    let ([_, y], [across, up]) = (state.position, state.velocity);
    for length in [y, across, up] {
        to.number(length.to_bits());
    }
}
