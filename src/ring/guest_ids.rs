//! Rule 10, across balls: a new guest gets one of the few numbers that every node keeps for guests.

use super::ball::HolderState;
use super::event::{GuestRejected, Notification};
use super::generation::BallId;
use super::message::Message;
use super::motion::BallState;
use super::node::Node;

impl Node {
    /// A new ball is to join: asks the ring for a number, or rejects it.
    pub(super) fn on_guest(&mut self, state: BallState) {
        let why = match self.take_guest_id() {
            Ok(id) => {
                self.start_guest(id, state);
                return;
            }
            Err(why) => why,
        };
        self.context.counters.refused_balls += 1;
        self.context.notify(Notification::GuestRejected { why });
    }

    /// Starts an election for that number with a new ball.
    pub(super) fn start_guest(&mut self, id: BallId, state: BallState) {
        if let Some(ball) = self.balls.get_mut(&id) {
            ball.newcomer = Some(state);
            self.start_elections(&[id]);
        }
    }

    /// A number that no guest has, as far as this node knows, if the rate limit allows one more guest.
    fn take_guest_id(&mut self) -> Result<BallId, GuestRejected> {
        let context = &self.context;
        let now = context.now;
        if context.is_draining() || now < context.quarantine_until {
            return Err(GuestRejected::NotReady);
        }
        let free = |id: &BallId| {
            self.balls.get(id).is_some_and(|ball| {
                matches!(ball.holding, HolderState::None)
                    && ball.voter.newest().is_none()
                    && !ball.is_elsewhere()
                    && ball.voter.is_free(now)
            })
        };
        let ids: Vec<BallId> = context.topology.guest_ids().collect();
        // Nodes that are asked at the same time begin at different numbers; otherwise they would
        // compete for the same one.
        let first = context.me.index().checked_rem(ids.len()).unwrap_or(0);
        let (before, after) = ids.split_at(first);
        let mut candidates = after.iter().chain(before);
        let id = candidates.find(|id| free(id)).ok_or(GuestRejected::Full)?;
        if !self.guest_rate.try_take(now) {
            return Err(GuestRejected::TooMany);
        }
        Ok(*id)
    }

    /// A person wants the guest to leave: this node removes it, or asks whoever has it.
    pub(super) fn remove_guest(&mut self, id: BallId) {
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        let Some(generation) = ball.voter.newest_generation() else {
            return;
        };
        ball.on_remove(&mut self.context, generation);
        if ball.held().is_none() {
            self.context.broadcast(Message::Remove {
                ball: id,
                generation,
            });
        }
    }
}
