//! Rule 11: whatever a node's memory holds, the ring comes back to one ball.
//!
//! Every moment is brought back into the range that a correct run can lead to, so that nothing wrong
//! lasts longer than a lease or a back-off. The rest follows from the other rules: voters deny a double
//! (`voter.rs`), and a holder lets go that is denied for one or is outranked by a voter's record
//! (`lease.rs`). In a correct run nothing here changes anything.

use super::election::longest_backoff;
use super::holder::{HeldBall, HolderState, Placement};
use super::state::Ball;
use crate::ring::context::Context;
use crate::ring::motion;
use crate::ring::time::Time;

impl Ball {
    /// Limits every moment of this ball to what a correct run can lead to. Only a guest has a tombstone.
    pub(in crate::ring) fn limit_moments(&mut self, context: &mut Context) {
        let (now, lease) = (context.now, context.topology.lease);
        at_most(&mut self.not_before, now + longest_backoff(context));
        self.voter.limit_moments(now, lease);
        if !self.is_guest() {
            self.voter.forget_tombstone();
        }
        match &mut self.holding {
            HolderState::None => {}
            HolderState::Held(held) => held.limit_moments(context),
            HolderState::Passing(passing) => {
                at_most(&mut passing.deadline, now + context.safe_lease());
            }
            HolderState::Electing(election) => {
                at_most(&mut election.sent, now);
                at_most(&mut election.closes, now + lease / 8);
            }
        }
    }
}

impl HeldBall {
    fn limit_moments(&mut self, context: &Context) {
        let (now, screen) = (context.now, context.topology.screen);
        at_most(&mut self.deadline, now + context.safe_lease());
        at_most(&mut self.renew_at, now + context.topology.heartbeat());
        if let Some(since) = &mut self.moving_since {
            at_most(since, now);
        }
        if let Some(sent) = &mut self.renewed_from {
            at_most(sent, now);
        }
        match &mut self.placement {
            Placement::OnScreen => {}
            Placement::Lent(loan) => {
                at_most(&mut loan.until, now + context.topology.external_balls.loan);
                return;
            }
            Placement::Connecting(edge) => {
                let chain = context.topology.window_chain(context.me, *edge);
                if chain.is_some() {
                    return;
                }
                self.placement = Placement::OnScreen;
            }
            Placement::Returning(_) | Placement::Retiring => return,
        }
        let Some(since) = self.moving_since else {
            return;
        };
        let crossing = motion::time_to_edge(&self.entry, screen);
        let latest = crossing.map(|time| since + time.max(motion::SHORTEST_BOUNCE));
        if self.edge_at.is_none() || self.edge_at > latest {
            self.edge_at = latest;
        }
    }
}

/// Brings a moment back to `latest` if it is later.
pub(in crate::ring) fn at_most(moment: &mut Time, latest: Time) {
    *moment = (*moment).min(latest);
}
