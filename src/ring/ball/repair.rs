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
        if self.not_before > now {
            at_most(&mut self.not_before, now + longest_backoff(context));
        }
        self.voter.limit_moments(now, lease);
        if !self.is_guest() {
            self.voter.forget_tombstone();
        }
        at_most(&mut self.takeover_not_before, now + lease / 8);
        if let Some(takeover) = &mut self.takeover {
            at_most(&mut takeover.until, now + lease / 8);
            at_most(&mut takeover.known_at, now);
        }
        if let Some(held) = self.held()
            && self.fence > Some(held.stamp.generation)
        {
            // In a correct run a node holds nothing below what it has promised.
            self.fence = Some(held.stamp.generation);
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
                election.death = election.death.map(|known_at| known_at.min(now));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::generation::{Generation, Stamp};
    use crate::ring::lineage::Lineage;
    use crate::ring::motion::Direction;
    use crate::ring::node_id::NodeId;
    use crate::ring::test_topology::{BALL, ring_with_ball};
    use std::sync::Arc;
    use std::time::Duration;

    const YEARS: Duration = Duration::from_secs(1 << 30);

    fn context() -> Context {
        let now = Time::default() + Duration::from_secs(100);
        Context::new(Arc::new(ring_with_ball(3, BALL)), NodeId(0), 1, now)
    }

    /// A ball that came in now, with that memory of when it reaches its edge.
    fn held(context: &Context, edge_at: Option<Time>) -> HeldBall {
        let generation = Generation { round: 1, nonce: 1 };
        let stamp = Stamp { generation, hop: 1 };
        let far = context.now + YEARS;
        let mut held = HeldBall::new(stamp, BALL, far, far, Lineage::default());
        held.moving_since = Some(context.now);
        held.edge_at = edge_at;
        held.limit_moments(context);
        held
    }

    #[test]
    fn a_moving_ball_reaches_its_edge_when_its_speed_says_at_the_latest() {
        let context = context();
        let screen = context.topology.screen;
        let latest = context.now + motion::time_to_edge(&BALL, screen).unwrap();
        assert_eq!(held(&context, None).edge_at, Some(latest));
        assert_eq!(held(&context, Some(latest + YEARS)).edge_at, Some(latest));
        let sooner = Some(context.now + Duration::from_millis(1));
        assert_eq!(held(&context, sooner).edge_at, sooner);
    }

    #[test]
    fn a_lease_and_its_renewal_are_no_further_than_a_new_one_would_be() {
        let context = context();
        let held = held(&context, None);
        assert_eq!(held.deadline, context.now + context.safe_lease());
        assert_eq!(held.renew_at, context.now + context.topology.heartbeat());
    }

    #[test]
    fn a_ball_that_waits_for_a_window_where_there_is_none_is_on_the_screen() {
        let context = context();
        let mut held = held(&context, None);
        held.placement = Placement::Connecting(Direction::Left);
        held.limit_moments(&context);
        assert!(matches!(held.placement, Placement::OnScreen));
    }
}
