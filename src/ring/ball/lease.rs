//! Rules 3 and 7: a holder's lease is renewed, runs out, and is given up.

use std::time::Duration;

use super::holder::{HolderState, Placement};
use super::state::Ball;
use super::voter::Verdict;
use crate::ring::context::Context;
use crate::ring::cover::CoverDigest;
use crate::ring::event::Notification;
use crate::ring::generation::Record;
use crate::ring::message::{Denial, LeaseRequest};
use crate::ring::node_id::{NodeId, NodeSet};
use crate::ring::time::{Time, micros};

impl Ball {
    /// Takes away what has run out: possession at the deadline (rule 3), a pass that nobody
    /// acknowledged (rule 5).
    pub(in crate::ring) fn expire_lease(&mut self, context: &mut Context) {
        match &mut self.holding {
            HolderState::Held(held) if !held.is_frozen() && held.deadline <= context.now => {
                if held.is_on_screen() {
                    context.led_off(self.id, held.stamp);
                }
                held.freeze(held.deadline, context.topology.screen);
                if !matches!(held.placement, Placement::Retiring) {
                    context.notify(Notification::Frozen { ball: self.id });
                }
            }
            HolderState::Passing(passing) if passing.deadline <= context.now => {
                context.notify(Notification::PassUnacknowledged {
                    ball: self.id,
                    to: passing.to,
                });
                self.holding = HolderState::None;
            }
            HolderState::None
            | HolderState::Held(_)
            | HolderState::Passing(_)
            | HolderState::Electing(_) => {}
        }
    }

    /// Whether this node holds the ball and its renewal is due.
    pub(in crate::ring) fn is_renewal_due(&self, now: Time) -> bool {
        self.held().is_some_and(|held| held.renew_at <= now)
    }

    /// Whether its next renewal tells what the whole ring is to know: a new generation, or that a guest leaves.
    pub(in crate::ring) fn is_renewal_news(&self) -> bool {
        let held = self.held();
        held.is_some_and(|held| held.is_news || held.is_retiring())
    }

    /// Requests another lease, and votes on the request itself; `None` for a ball that is not held.
    ///
    /// The request goes to every connected peer; `asked` are the live voters, whose answers are waited for.
    /// The next renewal is due at `next`.
    pub(in crate::ring) fn request_renewal(
        &mut self,
        context: &mut Context,
        seq: u64,
        asked: NodeSet,
        next: Time,
    ) -> Option<LeaseRequest> {
        let (id, me, now, screen) = (self.id, context.me, context.now, context.topology.screen);
        let named = context.cover.as_ref();
        let held = self.held_mut()?;
        held.add_renewal(seq, now, me, named.map(|named| named.digest), asked);
        held.renew_at = next;
        held.is_news = false;
        let record = Record {
            stamp: held.stamp,
            state: held.state(screen, now),
        };
        let request = LeaseRequest {
            leaves: matches!(held.placement, Placement::Retiring),
            cover: named.map(|named| named.cover.clone()),
            ..LeaseRequest::of_holder(id, record, held.lineage)
        };
        match self.on_lease_request(context, me, &request) {
            Verdict::Granted => self.on_granted(context, me, seq, None),
            Verdict::Denied {
                favoured,
                left,
                double,
            } => {
                let denial = Denial {
                    ball: id,
                    lease_generation: favoured,
                    lease_left: micros(left),
                    newest: None,
                    gone: None,
                    granted: double,
                };
                self.on_denied(context, me, seq, &denial);
            }
        }
        // Dropped where this node itself has granted a renewal to a double.
        let holds = self.held().is_some() || request.leaves;
        holds.then_some(request)
    }

    pub(super) fn on_renewal_granted(&mut self, context: &mut Context, from: NodeId, seq: u64) {
        let (quorum, plays_on) = (context.quorum, context.plays_on());
        let Some(held) = self.held_mut() else { return };
        let frozen = held.is_frozen();
        let retires = matches!(held.placement, Placement::Retiring);
        let Some(renewal) = held.renewal_mut(seq) else {
            return;
        };
        renewal.granted.insert(from);
        // Where islands play on, a node's own vote renews a ball that moves. A frozen one needs every
        // peer that was asked: another island may play with a newer ball by then.
        let may_move = !plays_on || !frozen || renewal.is_unanimous();
        let enough = context.votes_in(renewal.granted) >= quorum && may_move;
        let (sent, renewal, cover) = (renewal.sent, renewal.renewal, renewal.cover);
        if enough && retires {
            self.finish_retirement(context);
        } else if enough {
            held.lineage.confirm(renewal);
            self.extend_lease(context, sent, cover);
        }
    }

    /// Rule 3: the deadline counts from the moment the request was sent, never from when the grants
    /// arrived.
    fn extend_lease(&mut self, context: &mut Context, sent: Time, cover: Option<CoverDigest>) {
        let (id, now, screen) = (self.id, context.now, context.topology.screen);
        let deadline = sent + context.safe_lease();
        let Some(held) = self.held_mut() else { return };
        if deadline > held.deadline {
            held.deadline = deadline;
            held.renewed_from = Some(sent);
            held.cover = cover;
        }
        if held.is_frozen() && held.deadline > now {
            held.start(now, screen, Duration::ZERO);
            if held.is_on_screen() {
                context.led_on(id, held.stamp);
            }
            context.notify(Notification::Unfrozen { ball: id });
        }
    }

    /// Rule 7: a frozen holder drops its copy when a majority denies it in favour of one other generation.
    /// Rule 11: a holder lets go when a voter has granted a renewal to its double.
    pub(super) fn on_renewal_denied(
        &mut self,
        context: &mut Context,
        from: NodeId,
        seq: u64,
        denial: &Denial,
    ) {
        let (majority, plays_on) = (context.majority, context.plays_on());
        let Some(held) = self.held_mut() else { return };
        let own = held.stamp.generation;
        let frozen = held.is_frozen();
        let double = denial
            .granted
            .filter(|_| denial.lease_generation == Some(own) && held.renewal_mut(seq).is_some());
        if double.is_some_and(|double| !held.lineage.continues(double)) {
            self.drop_double(context);
            return;
        }
        let rival = denial.lease_generation.filter(|&rival| rival != own);
        let against = held
            .renewal_mut(seq)
            .zip(rival)
            .map(|(renewal, rival)| renewal.note_denial(from, rival));
        let against = against.map_or(0, |nodes| context.votes_in(nodes));
        if frozen && !plays_on && against >= majority {
            self.step_down(context);
        }
    }

    /// Rule 7: drops the ball when some voter, this one or another, has a record above the holder's stamp.
    ///
    /// That voter refuses the ball when it comes there. So the holder lets go now, even if its deadline is
    /// ahead, and the next election goes above that record.
    pub(super) fn step_down_if_outranked(&mut self, context: &mut Context, record: Option<Record>) {
        let (Some(held), Some(record)) = (self.held(), record) else {
            return;
        };
        if record.stamp.generation > held.stamp.generation {
            self.step_down(context);
        } else if record.stamp > held.stamp {
            // No correct run leads there: while a node holds a ball, no record of that generation is newer.
            self.drop_double(context);
        }
    }

    /// Rule 7: drops the ball, or ends the election, when a holder of a higher generation was heard of.
    pub(super) fn step_down_if_stale(&mut self, context: &mut Context) {
        let newest = self.voter.newest();
        match &self.holding {
            HolderState::Held(_) => self.step_down_if_outranked(context, newest),
            HolderState::Electing(election) => {
                if newest.is_some_and(|newest| election.generation < newest.stamp.generation) {
                    self.cancel_election(context);
                }
            }
            HolderState::None | HolderState::Passing(_) => {}
        }
    }

    /// Rule 11: another node holds this ball in the same generation. This one lets go, and if the other
    /// does so too, an election decides.
    ///
    /// Its own vote is not released: the lease may be the other holder's.
    fn drop_double(&mut self, context: &mut Context) {
        let Some(held) = self.held() else { return };
        let stamp = held.stamp;
        if held.is_possessed() {
            context.led_off(self.id, stamp);
        }
        self.holding = HolderState::None;
        context.notify(Notification::DoubleDropped {
            ball: self.id,
            stamp,
        });
    }

    pub(super) fn step_down(&mut self, context: &mut Context) {
        let Some(held) = self.held() else { return };
        let stamp = held.stamp;
        if held.is_possessed() {
            context.led_off(self.id, stamp);
        }
        self.voter.release(stamp.generation);
        self.holding = HolderState::None;
        context.notify(Notification::SteppedDown {
            ball: self.id,
            generation: stamp.generation,
        });
    }
}
