//! Rule 9, across balls: which ball is it that a window has sent?
//!
//! It is one that this node lent, one that the node beyond the window chain lent, or one that nobody
//! lent: a late copy, or a new ball.

use super::event::Notification;
use super::generation::BallId;
use super::loan_queries::LoanQuery;
use super::message::Message;
use super::motion::{BallState, Direction};
use super::node::Node;
use super::node_id::NodeId;
use super::window_ball::WindowBall;
use super::window_chain::LateCopy;

impl Node {
    /// A ball came in from a window.
    pub(super) fn on_window_ball(&mut self, edge: Direction, ball: &WindowBall) {
        let (me, now) = (self.context.me, self.context.now);
        let state = match ball.entering(edge, self.context.topology.screen) {
            Ok(state) => state,
            Err(why) => {
                self.context.counters.refused_balls += 1;
                self.context
                    .notify(Notification::InvalidWindowBall { edge, why });
                return;
            }
        };
        let Some(chain) = self.context.topology.window_chain(me, edge) else {
            return;
        };
        // Back by the same edge, or all round a ring of one node and its windows.
        let beyond = chain.beyond(edge);
        let around = (beyond == Some(me)).then(|| edge.opposite());
        for edge in [edge].into_iter().chain(around) {
            if let Some((id, back)) = self.lent(edge, ball, state) {
                self.with_ball(id, |ball, context| ball.land(context, back));
                return;
            }
        }
        let lender = beyond.filter(|&node| self.context.peers.is_live(node, now));
        let Some(to) = lender else {
            self.on_unknown_ball(edge, ball, state);
            return;
        };
        let seq = self.context.next_seq();
        self.loan_queries.push(LoanQuery {
            seq,
            to,
            edge,
            ball: *ball,
            state,
        });
        let (edge, ball) = (edge.opposite(), *ball);
        self.context
            .send(to, Message::LoanQuery { seq, edge, ball });
    }

    /// Of the balls of that look, the one that has been with the windows at that edge for longest; and
    /// how it comes back, given how the window's copy comes in.
    fn lent(
        &self,
        edge: Direction,
        ball: &WindowBall,
        entering: BallState,
    ) -> Option<(BallId, BallState)> {
        let lent = self.balls.values().filter_map(|part| {
            let (loan, before) = part.loan_of(edge, ball)?;
            Some((part.id, loan, before))
        });
        let (id, loan, before) = lent.min_by_key(|(_, loan, _)| loan.since)?;
        Some((id, ball.restore(entering, &loan.sent, &before)))
    }

    /// The node beyond the window chain at `edge` asks about a ball that a window sent it.
    pub(super) fn on_loan_query(
        &mut self,
        from: NodeId,
        seq: u64,
        edge: Direction,
        ball: &WindowBall,
    ) {
        let topology = &self.context.topology;
        let chain = topology.window_chain(self.context.me, edge);
        let beyond = chain.and_then(|chain| chain.beyond(edge));
        let entering = ball.entering(edge.opposite(), topology.screen).ok();
        let lent = entering
            .filter(|_| beyond == Some(from))
            .and_then(|entering| self.lent(edge, ball, entering));
        match lent {
            None => self.context.send(from, Message::LoanUnknown { seq }),
            Some((id, entry)) => self.with_ball(id, |ball, context| {
                ball.return_beyond(context, from, entry);
            }),
        }
    }

    /// The node that was asked did not lend that ball.
    pub(super) fn on_loan_unknown(&mut self, from: NodeId, seq: u64) {
        if let Some(query) = self.loan_queries.take(from, seq) {
            self.on_unknown_ball(query.edge, &query.ball, query.state);
        }
    }

    /// The connection to a node that was asked is closed, so no answer will come.
    ///
    /// A ball that resembles one of the ring's may be lent, and then its lender takes it back; any other
    /// is new.
    pub(super) fn abandon_loan_queries(&mut self, peer: NodeId) {
        while let Some(query) = self.loan_queries.take_next_for(peer) {
            if self.resembling(&query.ball).is_none() {
                self.on_guest(query.state);
            }
        }
    }

    /// The ring's ball that looks like this one.
    fn resembling(&self, ball: &WindowBall) -> Option<BallId> {
        let mut balls = self.balls.values();
        balls.find(|part| part.resembles(ball)).map(|part| part.id)
    }

    /// A ball that nobody lent: a late copy of one of the ring's, or a new one.
    fn on_unknown_ball(&mut self, edge: Direction, ball: &WindowBall, state: BallState) {
        let refuses = self.context.topology.external_balls.late_copy == LateCopy::Refuse;
        if let Some(ball) = self.resembling(ball).filter(|_| refuses) {
            self.context.counters.refused_balls += 1;
            self.context
                .notify(Notification::LateCopyRefused { ball, edge });
            return;
        }
        self.on_guest(state);
    }
}
