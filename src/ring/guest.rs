//! Guests: balls that are not in the ring file.
//!
//! Every node keeps the same few identities for them. A guest comes by an election for one that
//! nobody has heard of, and is then a ball like any other. It leaves when its holder asks the ring
//! to forget it: what a majority has buried, no node can bring back.

use std::time::Duration;

use super::ball::{BallId, BallState, Generation};
use super::event::{GuestRejected, Notification, Output, Possession};
use super::holder::{Held, Holding, Stay};
use super::message::{LeaseRequest, Message};
use super::node::{Ball, Node};
use super::time::Time;
use super::voter::Verdict;

/// So many guests may come to a node at once, when none came for a while.
const BURST: u32 = 4;

/// Then one in this time.
const PACE: Duration = Duration::from_secs(1);

impl Ball {
    /// What a voter says of a claim to a guest, where that is not what it says of any ball.
    pub(super) fn judge_guest(&mut self, claim: &LeaseRequest) -> Option<Verdict> {
        if self.serve.is_some() {
            return None;
        }
        let denied = Verdict::Denied {
            favoured: None,
            left: Duration::ZERO,
        };
        let newest = self.voter.newest().map(|newest| newest.stamp.generation);
        if claim.leaves {
            let outdated = newest.is_some_and(|newest| newest > claim.generation);
            return Some(if outdated {
                denied
            } else {
                self.voter.bury(claim.generation);
                if matches!(self.holding, Holding::Passing(_)) {
                    // Whoever it was for has it, or it could not leave.
                    self.holding = Holding::None;
                }
                Verdict::Granted
            });
        }
        let is_candidate = claim.hop.is_none();
        let refused = match claim.after {
            Some(after) => self.voter.is_gone(after),
            None => is_candidate && newest.is_some(),
        };
        refused.then_some(denied)
    }
}

impl Node {
    /// Asks the ring for an identity for a new ball.
    pub(super) fn welcome(&mut self, state: BallState, out: &mut Vec<Output>) {
        let why = match self.room() {
            Ok(id) => {
                self.next_guest = self.next_guest.max(self.now) + PACE;
                self.stand_with(id, state, out);
                return;
            }
            Err(why) => why,
        };
        self.counters.refused_balls += 1;
        out.push(Output::Notify(Notification::GuestRejected { why }));
    }

    /// Stands for that identity with a new ball.
    pub(super) fn stand_with(&mut self, id: BallId, state: BallState, out: &mut Vec<Output>) {
        if let Some(ball) = self.balls.get_mut(&id) {
            ball.arriving = Some(state);
            self.stand(&[id], out);
        }
    }

    /// An identity that nobody has, as far as this node knows.
    fn room(&self) -> Result<BallId, GuestRejected> {
        let now = self.now;
        if self.drain.is_some() || now < self.quarantine_until {
            return Err(GuestRejected::NotReady);
        }
        let free = |id: &BallId| {
            self.balls.get(id).is_some_and(|ball| {
                matches!(ball.holding, Holding::None)
                    && ball.voter.newest().is_none()
                    && ball.voter.is_free(now)
            })
        };
        let ids: Vec<BallId> = self.topology.guest_ids().collect();
        // Nodes that are asked at once begin at different places, or they would want the same.
        let (before, after) = ids.split_at(self.me.index().checked_rem(ids.len()).unwrap_or(0));
        let mut places = after.iter().chain(before);
        let place = places.find(|id| free(id)).ok_or(GuestRejected::Full)?;
        if self.next_guest > now + PACE * (BURST - 1) {
            return Err(GuestRejected::TooMany);
        }
        Ok(*place)
    }

    /// The ring did not agree to a guest for which this node had asked.
    pub(super) fn turn_away(&mut self, id: BallId, out: &mut Vec<Output>) {
        if let Some(ball) = self.balls.get_mut(&id)
            && ball.arriving.take().is_some()
        {
            self.counters.refused_balls += 1;
            let why = GuestRejected::NoMajority;
            out.push(Output::Notify(Notification::GuestRejected { why }));
        }
    }

    /// When the guest's time is over; it leaves from a screen, never from a window.
    pub(super) fn guest_leaves_at(&self, ball: &Ball, held: &Held) -> Option<Time> {
        if ball.serve.is_some() || !held.is_lit() {
            return None;
        }
        Some(ball.voter.known_since()? + self.topology.external_balls.guest_life)
    }

    /// Lets those guests leave whose time is over.
    pub(super) fn see_off(&mut self, out: &mut Vec<Output>) {
        for id in self.ball_ids() {
            if let Some(ball) = self.balls.get(&id)
                && let Holding::Held(held) = &ball.holding
                && self
                    .guest_leaves_at(ball, held)
                    .is_some_and(|end| end <= self.now)
            {
                self.leave(id, out);
            }
        }
    }

    /// A person wants the guest to leave: this node asks whoever has it.
    pub(super) fn remove(&mut self, id: BallId, out: &mut Vec<Output>) {
        let newest = self.balls.get(&id).and_then(|ball| ball.voter.newest());
        let Some(generation) = newest.map(|newest| newest.stamp.generation) else {
            return;
        };
        self.hear_remove(id, generation, out);
        if self.held_mut(id).is_none() {
            out.push(Output::Broadcast(Message::Remove {
                ball: id,
                generation,
            }));
        }
    }

    pub(super) fn hear_remove(
        &mut self,
        id: BallId,
        generation: Generation,
        out: &mut Vec<Output>,
    ) {
        let is_guest = self.balls.get(&id).is_some_and(|ball| ball.serve.is_none());
        let held = self
            .held_mut(id)
            .filter(|held| held.stamp.generation == generation);
        // From a window it would come back as another guest.
        if is_guest && held.is_some_and(|held| held.is_lit()) {
            self.leave(id, out);
        }
    }

    /// Out of sight at once; forgotten when a majority says so.
    fn leave(&mut self, id: BallId, out: &mut Vec<Output>) {
        let (now, screen) = (self.now, self.topology.screen);
        let Some(held) = self.held_mut(id) else {
            return;
        };
        if held.is_lit() {
            let stamp = held.stamp;
            out.push(Output::LedOff(Possession { ball: id, stamp }));
        }
        held.entry = held.state(screen, now);
        held.stay = Stay::Leaving;
        held.edge_at = None;
        held.renew_at = now;
        // Those were for another lease, not for a farewell.
        held.forget_asks();
    }

    /// A majority has buried the guest.
    pub(super) fn forget(&mut self, id: BallId, out: &mut Vec<Output>) {
        if let Some(ball) = self.balls.get_mut(&id) {
            ball.holding = Holding::None;
            out.push(Output::Notify(Notification::GuestLeft { ball: id }));
        }
    }

    /// A voter knows that a guest has left which this node thought was there.
    pub(super) fn hear_gone(&mut self, id: BallId, gone: Generation, out: &mut Vec<Output>) {
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        if ball.serve.is_some() {
            return;
        }
        ball.hear_of(Some(gone));
        match &ball.holding {
            // What was promised to this node is stronger: it may be the one that is leaving.
            Holding::Held(held) if !held.is_frozen() => return,
            Holding::Passing(_) => return,
            Holding::Held(held) if held.stamp.generation <= gone => {
                let generation = held.stamp.generation;
                ball.holding = Holding::None;
                out.push(Output::Notify(Notification::Retired {
                    ball: id,
                    generation,
                }));
            }
            Holding::Held(_) | Holding::None | Holding::Electing(_) => {}
        }
        ball.voter.bury(gone);
        if ball.voter.newest().is_none() && ball.arriving.is_none() {
            self.abandon(id, out);
        }
    }
}
