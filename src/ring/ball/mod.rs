//! One ball's state machine: the rules of `docs/PROTOCOL.md`, applied to one ball at one node.
//!
//! It knows the ball and the [`Context`], nothing else. What it reacts to:
//!
//! | event | method | rule, file |
//! |---|---|---|
//! | a request for its lease | `on_lease_request` | 1, 2 `voter.rs`; 10 `guest.rs` |
//! | an answer to a request of this node | `on_granted`, `on_denied` | 3, 7 `lease.rs`; 6 `election.rs` |
//! | a pass, its acknowledgement | `on_pass`, `on_pass_ack` | 4, 5 `pass.rs` |
//! | a candidate that gave up | `on_release` | 6 `election.rs` |
//! | a window's answer, a window that did not get the ball | `on_window_answered`, `bring_home` | 9 `loan.rs` |
//! | a request to remove a guest | `on_remove` | 10 `guest.rs` |
//! | a connection opened or closed | `on_connected`, `on_disconnected` | 5, 7 |
//! | a peer's process has ended, a candidate asks for a promise | `on_died`, `on_fence`, `on_fenced` | 13 `takeover.rs` |
//! | time | `expire_lease`, `expire_guest`, `advance`, `tally` | 3, 10, 4, 6 |

mod attempt;
mod candidates;
mod corrupt;
mod covered;
mod digest;
mod election;
mod guest;
mod holder;
mod lease;
mod loan;
mod pass;
mod repair;
mod state;
mod takeover;
mod voter;

pub(super) use attempt::EarlyRequest;
pub(super) use corrupt::Corruption;
pub(super) use holder::HolderState;
pub(super) use state::Ball;
pub(super) use voter::Verdict;

use std::time::Duration;

use super::context::Context;
use super::generation::Record;
use super::lineage::Renewal;
use super::message::{Denial, Incarnation, LeaseRequest};
use super::node_id::NodeId;
use super::time::Time;

impl Ball {
    /// Decides on one request, a peer's or this node's own.
    pub(super) fn on_lease_request(
        &mut self,
        context: &mut Context,
        from: NodeId,
        request: &LeaseRequest,
    ) -> Verdict {
        self.note_generation(Some(request.generation));
        if let Some(verdict) = self.decide_for_guest(request) {
            return verdict;
        }
        if let Some(double) = self.voter.double_of(request) {
            let lease = self.voter.lease();
            return Verdict::Denied {
                favoured: Some(request.generation),
                left: lease.map_or(Duration::ZERO, |lease| context.now.until(lease.until)),
                double: Some(double),
            };
        }
        if let Some(record) = request.record() {
            // Only what a holder reports is noted: a candidate that fails must leave no trace.
            self.voter.learn(context.now, record, from);
        }
        self.note_known_cover(request.cover.as_ref());
        let verdict = if self.is_fenced(request.generation) {
            // This node would refuse the ball when it comes here.
            Verdict::OUTRANKED
        } else {
            self.vote(context, from, request)
        };
        if request.is_from_holder() {
            self.step_down_if_stale(context);
        }
        verdict
    }

    fn vote(&mut self, context: &Context, from: NodeId, request: &LeaseRequest) -> Verdict {
        let (now, span) = (context.now, context.topology.lease);
        if self.overrules(context, request) {
            self.voter.forget_lease();
        }
        let had = self.voter.lease().map(|lease| lease.generation);
        let verdict = self.voter.decide(
            now,
            context.quarantine_until,
            span,
            request.generation,
            request.hop.map(|hop| Renewal { hop, node: from }),
        );
        if verdict == Verdict::Granted {
            let is_same = had == Some(request.generation);
            self.voter
                .note_cover((now, span), is_same, request.cover.as_ref());
        }
        verdict
    }

    /// Whether this node, voter or not, knows something that outranks the request.
    pub(super) fn outranks(&self, request: &LeaseRequest) -> bool {
        let newest = self.voter.newest();
        let is_higher = newest.is_some_and(|newest| match request.record() {
            Some(record) => newest.stamp > record.stamp,
            None => newest.stamp.generation > request.generation,
        });
        // A guest that leaves has just got its tombstone.
        let has_left = !request.leaves && self.voter.is_retired(request.generation);
        is_higher || has_left || self.is_number_taken(request)
    }

    /// One grant, for a renewal or an election.
    pub(super) fn on_granted(
        &mut self,
        context: &mut Context,
        from: NodeId,
        seq: u64,
        newest: Option<Record>,
    ) {
        self.note_generation(newest.map(|newest| newest.stamp.generation));
        match &mut self.holding {
            HolderState::Electing(election) if election.seq == seq => {
                election.on_granted(from, newest);
            }
            HolderState::Held(_) => {
                self.step_down_if_outranked(context, newest);
                self.on_renewal_granted(context, from, seq);
            }
            HolderState::None | HolderState::Passing(_) | HolderState::Electing(_) => {}
        }
    }

    /// One denial, of a renewal or an election.
    pub(super) fn on_denied(
        &mut self,
        context: &mut Context,
        from: NodeId,
        seq: u64,
        denial: &Denial,
    ) {
        if let Some(tombstone) = denial.gone {
            self.on_tombstone(context, tombstone);
        }
        self.note_generation(denial.lease_generation);
        self.note_generation(denial.newest.map(|newest| newest.stamp.generation));
        match &mut self.holding {
            HolderState::Electing(election) if election.seq == seq => {
                election.on_denied(from, context.votes(from), denial);
            }
            HolderState::Held(_) => {
                self.on_renewal_denied(context, from, seq, denial);
                self.step_down_if_outranked(context, denial.newest);
            }
            HolderState::None | HolderState::Passing(_) | HolderState::Electing(_) => {}
        }
    }

    /// A connection to that process of the peer is open.
    pub(super) fn on_connected(
        &mut self,
        context: &mut Context,
        peer: NodeId,
        incarnation: Incarnation,
    ) {
        self.resend_pass(context, peer, incarnation);
        if let Some(held) = self.held_mut()
            && held.is_frozen()
        {
            held.renew_at = context.now;
        }
    }

    /// The connection to the peer is closed: no answer from it will come.
    pub(super) fn on_disconnected(&mut self, peer: NodeId) {
        if let HolderState::Electing(election) = &mut self.holding {
            election.asked.remove(peer);
        }
    }

    /// The deadline of this node's possession of the ball; `None` if it does not possess it.
    pub(super) fn possessed_until(&self) -> Option<Time> {
        match &self.holding {
            HolderState::Held(held) => held.is_possessed().then_some(held.deadline),
            HolderState::None | HolderState::Passing(_) | HolderState::Electing(_) => None,
        }
    }

    /// When time alone changes something about this ball next.
    pub(super) fn next_deadline(&self, context: &Context) -> Option<Time> {
        match &self.holding {
            HolderState::None => {
                let due = [self.election_due(context), self.takeover_due(context)];
                due.into_iter().flatten().min()
            }
            HolderState::Held(held) if held.is_frozen() => Some(held.renew_at),
            HolderState::Held(held) => {
                // A ball that waits at its edge for a renewal moves on when the answer comes; one on a
                // draining node, when a peer can take it.
                let stays = !context.is_draining();
                let edge = held
                    .edge_at
                    .filter(|_| stays && held.may_be_passed(context))
                    .filter(|&edge| !self.waits_for_cover(edge, context))
                    .map(|edge| held.leaves_at(edge, context));
                // A draining node takes nothing back from a window.
                let loan = held.loan().map(|loan| loan.until).filter(|_| stays);
                let guest = self.guest_leaves_at(context);
                // A node that is alone in its ring renews its lease whenever it acts (rule 3).
                let sleeps = context.is_alone() && !held.is_retiring();
                let lease = (!sleeps).then(|| held.deadline.min(held.renew_at));
                edge.into_iter().chain(loan).chain(guest).chain(lease).min()
            }
            HolderState::Passing(passing) => Some(passing.deadline),
            HolderState::Electing(election) => Some(election.closes),
        }
    }
}
