//! Rule 9: a ball is lent to a window, and comes back.
//!
//! Windows say neither who they are nor that they have a ball. So the node that lends one keeps its
//! lease: nobody else takes the ball back, whatever the window does with it. It comes back by an
//! ordinary pass from the lender, to whichever neighbour of the window chain the window sends it.
//! Which ball a window has returned is found out in `../loan_matching.rs`.

use super::holder::{Loan, Placement};
use super::state::Ball;
use crate::ring::context::Context;
use crate::ring::event::{Notification, Output};
use crate::ring::generation::Record;
use crate::ring::motion::{self, BallState, Direction};
use crate::ring::node_id::NodeId;
use crate::ring::peers::Reach;
use crate::ring::window_ball::WindowBall;

impl Ball {
    /// Asks for a connection to the window at that edge; until it is open the ball stays here.
    pub(super) fn open_window(&mut self, context: &mut Context, edge: Direction) {
        let ball = self.id;
        if let Some(held) = self.held_mut() {
            held.placement = Placement::Connecting(edge);
            held.edge_at = None;
            context.output(Output::OpenWindow { ball, edge });
        }
    }

    /// Lends the ball to a window that accepted a connection; lets it bounce off one that did not.
    pub(in crate::ring) fn on_window_answered(&mut self, context: &mut Context, open: bool) {
        let (id, now, screen) = (self.id, context.now, context.topology.screen);
        let Some(held) = self.held_mut() else { return };
        // The ball may have gone another way meanwhile.
        let Placement::Connecting(edge) = held.placement else {
            return;
        };
        if !open {
            held.placement = Placement::OnScreen;
            self.bounce(context);
            return;
        }
        let (stamp, state) = (held.stamp, held.state(screen, now));
        let chain = context.topology.window_chain(context.me, edge);
        let Some(window) = chain.and_then(|chain| chain.first(edge)) else {
            return;
        };
        let sent = WindowBall::leaving(&state, edge, window.screen);
        held.entry = state;
        held.placement = Placement::Lent(Loan {
            edge,
            since: now,
            until: now + context.topology.external_balls.loan,
            sent,
        });
        context.counters.loans += 1;
        context.led_off(id, stamp);
        context.output(Output::SendToWindow { ball: id, sent });
    }

    /// The loan is over: the window's copy no longer counts.
    pub(super) fn expire_loan(&mut self, context: &mut Context) {
        if let Some(loan) = self.held().and_then(|held| held.loan()) {
            context.notify(Notification::LoanExpired {
                ball: self.id,
                edge: loan.edge,
            });
        }
        self.bring_home(context);
    }

    /// A lent ball flies back from the edge by which it left.
    pub(in crate::ring) fn bring_home(&mut self, context: &mut Context) {
        if let Some(held) = self.held()
            && matches!(held.placement, Placement::Lent(_) | Placement::Returning(_))
        {
            let back = motion::enter(&motion::bounce(&held.entry), context.topology.screen);
            self.land(context, back);
        }
    }

    /// A ball that was lent is on this node's screen again: another possession, so another hop.
    pub(in crate::ring) fn land(&mut self, context: &mut Context, entry: BallState) {
        let (id, now, screen) = (self.id, context.now, context.topology.screen);
        let Some(held) = self.held_mut() else { return };
        held.placement = Placement::OnScreen;
        held.entry = entry;
        held.stamp.hop = held.stamp.hop.saturating_add(1);
        let stamp = held.stamp;
        if !held.is_frozen() {
            held.start(now, screen, motion::SHORTEST_BOUNCE);
            context.led_on(id, stamp);
        }
        let record = Record {
            stamp,
            state: entry,
        };
        self.voter.learn(now, record, context.me);
    }

    /// The loan by which the ball may be with the windows at that edge, and the ball as it left.
    pub(in crate::ring) fn loan_of(
        &self,
        edge: Direction,
        ball: &WindowBall,
    ) -> Option<(Loan, BallState)> {
        let held = self.held()?;
        let loan = held.loan()?;
        (loan.edge == edge && ball.looks_like(&held.entry)).then_some((loan, held.entry))
    }

    /// The ball came out of the window chain at the node beyond, and is to be passed there.
    pub(in crate::ring) fn return_beyond(
        &mut self,
        context: &Context,
        to: NodeId,
        entry: BallState,
    ) {
        if let Some(held) = self.held_mut() {
            held.entry = entry;
            held.placement = Placement::Returning(to);
            held.edge_at = Some(context.now).filter(|_| !held.is_frozen());
        }
    }

    /// Passes a ball to the node at which it came out of a window chain; if that node is gone, the
    /// ball comes back here.
    pub(super) fn pass_beyond_window(&mut self, context: &mut Context, to: NodeId) {
        match context.peers.reach(to, context.now) {
            Reach::Gone => self.bring_home(context),
            Reach::Live if self.may_be_passed(context) => self.pass(context, to),
            Reach::Live | Reach::Asked(_) => {}
        }
    }

    /// Whether a ball from a window looks like this one, wherever this one is.
    pub(in crate::ring) fn resembles(&self, ball: &WindowBall) -> bool {
        self.last_known_state()
            .is_some_and(|state| ball.looks_like(&state))
    }
}
