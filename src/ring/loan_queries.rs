//! Balls from windows, while the node beyond the window chain is asked whether it lent them.

use std::collections::VecDeque;

use super::motion::{BallState, Direction};
use super::node_id::NodeId;
use super::window_ball::WindowBall;

/// At most this many balls from windows wait for an answer.
const MOST_QUERIES: usize = 8;

/// One ball from a window, and the question about it.
#[derive(Clone, Debug)]
pub(super) struct LoanQuery {
    pub(super) seq: u64,
    /// The node that was asked.
    pub(super) to: NodeId,
    /// The edge by which the ball came in.
    pub(super) edge: Direction,
    pub(super) ball: WindowBall,
    pub(super) state: BallState,
}

/// The questions without an answer, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct LoanQueries(VecDeque<LoanQuery>);

impl LoanQueries {
    /// Adds a question; the oldest one goes if there are too many.
    ///
    /// A ball whose question is dropped is not lost: if it was lent, its lender takes it back when the
    /// loan is over.
    pub(super) fn push(&mut self, query: LoanQuery) {
        if self.0.len() >= MOST_QUERIES {
            self.0.pop_front();
        }
        self.0.push_back(query);
    }

    /// The questions, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &LoanQuery> {
        self.0.iter()
    }

    /// Takes out the question that this answer is for.
    pub(super) fn take(&mut self, from: NodeId, seq: u64) -> Option<LoanQuery> {
        self.take_first(|query| query.to == from && query.seq == seq)
    }

    /// Takes out the oldest question to that peer.
    pub(super) fn take_next_for(&mut self, peer: NodeId) -> Option<LoanQuery> {
        self.take_first(|query| query.to == peer)
    }

    /// A pass from a node answers the question whether it lent that ball: it did.
    pub(super) fn settle(&mut self, from: NodeId, state: &BallState) {
        self.take_first(|query| query.to == from && query.ball.looks_like(state));
    }

    fn take_first(&mut self, wanted: impl Fn(&LoanQuery) -> bool) -> Option<LoanQuery> {
        let index = self.0.iter().position(wanted)?;
        self.0.remove(index)
    }
}
