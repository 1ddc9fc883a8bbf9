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

#[cfg(test)]
mod tests {
    use super::*;

    fn query(seq: u64, to: u16) -> LoanQuery {
        let velocity = [1.0, 0.0];
        let state = BallState {
            position: [0.0, 0.0],
            velocity,
            radius: 30.0,
            color: [seq as u8; 3],
        };
        let ball = WindowBall {
            position: [0, 0],
            velocity: [1, 0],
            radius: 30,
            color: state.color,
        };
        let (to, edge) = (NodeId(to), Direction::Left);
        LoanQuery {
            seq,
            to,
            edge,
            ball,
            state,
        }
    }

    fn of(seqs: impl IntoIterator<Item = u64>) -> LoanQueries {
        let mut queries = LoanQueries::default();
        seqs.into_iter().for_each(|seq| queries.push(query(seq, 1)));
        queries
    }

    fn left(queries: &LoanQueries) -> Vec<u64> {
        queries.0.iter().map(|query| query.seq).collect()
    }

    #[test]
    fn only_when_there_are_too_many_the_oldest_goes() {
        let most = MOST_QUERIES as u64;
        assert_eq!(left(&of(1..=most)), (1..=most).collect::<Vec<_>>());
        assert_eq!(left(&of(1..=most + 1)), (2..=most + 1).collect::<Vec<_>>());
    }

    #[test]
    fn an_answer_belongs_to_the_question_of_that_number_to_that_node() {
        let mut queries = of([1, 2]);
        assert!(queries.take(NodeId(1), 3).is_none());
        assert!(queries.take(NodeId(2), 2).is_none());
        assert_eq!(queries.take(NodeId(1), 2).unwrap().seq, 2);
        assert_eq!(left(&queries), [1]);
    }

    #[test]
    fn a_pass_settles_the_question_about_that_ball_to_that_node() {
        let mut queries = of([1, 2]);
        let state = query(2, 1).state;
        queries.settle(NodeId(2), &state);
        assert_eq!(left(&queries), [1, 2]);
        queries.settle(NodeId(1), &state);
        assert_eq!(left(&queries), [1]);
    }
}
