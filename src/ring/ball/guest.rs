//! Rule 10: guests, balls that are not in the ring file.
//!
//! A guest begins by an election for a number of which nobody has heard, and is then a ball like any
//! other. It leaves when its holder requests that the ring retire it: a guest that a quorum has
//! retired cannot be brought back by any node. Numbers are chosen in `../guest_ids.rs`.

use super::holder::{HolderState, Placement};
use super::state::Ball;
use super::voter::Verdict;
use crate::ring::context::Context;
use crate::ring::event::{GuestRejected, Notification};
use crate::ring::generation::Generation;
use crate::ring::message::LeaseRequest;
use crate::ring::time::Time;

impl Ball {
    /// What a voter answers to a request for a guest, where it is not what it answers for any ball.
    pub(super) fn decide_for_guest(&mut self, request: &LeaseRequest) -> Option<Verdict> {
        if !self.is_guest() {
            return None;
        }
        let denied = Verdict::OUTRANKED;
        if request.leaves {
            let newest = self.voter.newest_generation();
            let outdated = newest.is_some_and(|newest| newest > request.generation);
            return Some(if outdated {
                denied
            } else {
                self.voter.retire(request.generation);
                if matches!(self.holding, HolderState::Passing(_)) {
                    // The receiver of the pass has the ball; otherwise it could not leave.
                    self.holding = HolderState::None;
                }
                Verdict::Granted
            });
        }
        self.is_number_taken(request).then_some(denied)
    }

    /// Whether a candidate asks for a guest's number that another guest has, or for a guest that has left.
    pub(super) fn is_number_taken(&self, request: &LeaseRequest) -> bool {
        let is_candidate = !request.is_from_holder();
        self.is_guest()
            && match request.after {
                Some(after) => self.voter.is_retired(after),
                None => is_candidate && self.voter.newest().is_some(),
            }
    }

    /// The ring did not agree to the guest for which this node was a candidate.
    pub(super) fn reject_newcomer(&mut self, context: &mut Context) {
        if self.newcomer.take().is_some() {
            context.counters.refused_balls += 1;
            let why = GuestRejected::NoMajority;
            context.notify(Notification::GuestRejected { why });
        }
    }

    /// When the guest's time is over; `None` while it is not on this node's screen. It never leaves
    /// while a window has it.
    pub(super) fn guest_leaves_at(&self, context: &Context) -> Option<Time> {
        let possessed = self.held().is_some_and(|held| held.is_possessed());
        if !self.is_guest() || !possessed {
            return None;
        }
        Some(self.voter.known_since()? + context.topology.external_balls.guest_life)
    }

    /// Lets a guest leave whose time is over.
    pub(in crate::ring) fn expire_guest(&mut self, context: &mut Context) {
        let end = self.guest_leaves_at(context);
        if end.is_some_and(|end| end <= context.now) {
            self.start_retirement(context);
        }
    }

    /// A person wants the guest of that generation to leave.
    pub(in crate::ring) fn on_remove(&mut self, context: &mut Context, generation: Generation) {
        // A window would send it back, and it would come in as another guest.
        let possessed = self
            .held()
            .is_some_and(|held| held.stamp.generation == generation && held.is_possessed());
        if self.is_guest() && possessed {
            self.start_retirement(context);
        }
    }

    /// The guest is no longer shown from now on; the ring forgets it when a quorum has retired it.
    fn start_retirement(&mut self, context: &mut Context) {
        let (id, now, screen) = (self.id, context.now, context.topology.screen);
        let Some(held) = self.held_mut() else { return };
        if held.is_possessed() {
            context.led_off(id, held.stamp);
        }
        held.entry = held.state(screen, now);
        held.placement = Placement::Retiring;
        held.edge_at = None;
        held.renew_at = now;
        // Their answers grant another lease; they do not agree to the retirement.
        held.forget_renewals();
    }

    /// A quorum has retired the guest.
    pub(super) fn finish_retirement(&mut self, context: &mut Context) {
        self.holding = HolderState::None;
        context.notify(Notification::GuestLeft { ball: self.id });
    }

    /// A voter knows that guests up to this generation have left the ring.
    pub(super) fn on_tombstone(&mut self, context: &mut Context, tombstone: Generation) {
        if !self.is_guest() {
            return;
        }
        self.note_generation(Some(tombstone));
        match &self.holding {
            // The lease that this node was granted counts for more: it may be the node on which the
            // guest is leaving.
            HolderState::Held(held) if !held.is_frozen() => return,
            HolderState::Passing(_) => return,
            HolderState::Held(held) if held.stamp.generation <= tombstone => {
                let generation = held.stamp.generation;
                self.holding = HolderState::None;
                context.notify(Notification::SteppedDown {
                    ball: self.id,
                    generation,
                });
            }
            HolderState::Held(_) | HolderState::None | HolderState::Electing(_) => {}
        }
        self.voter.retire(tombstone);
        if self.voter.newest().is_none() && self.newcomer.is_none() {
            self.cancel_election(context);
        }
    }
}
