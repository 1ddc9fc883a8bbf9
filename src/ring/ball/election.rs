//! Rule 6: one candidate takes back a ball that nobody holds any more.

use std::cmp::Ordering;
use std::time::Duration;

use super::attempt::Takeover;
use super::candidates::candidate_stagger;
use super::holder::{Election, HeldBall, HolderState};
use super::state::Ball;
use super::voter::Verdict;
use crate::ring::context::Context;
use crate::ring::event::Notification;
use crate::ring::generation::{Generation, Record, Stamp};
use crate::ring::lineage::Lineage;
use crate::ring::message::{LeaseRequest, Message};
use crate::ring::motion::{self, BallState};
use crate::ring::node_id::NodeSet;
use crate::ring::time::Time;

impl Ball {
    /// When this node should start an election; `None` if it holds the ball, or no quorum could answer.
    ///
    /// Until the lease has run out, this is the earliest moment that is possible: the stagger depends
    /// on who is live by then, and computing it after every line would cost too much.
    pub(in crate::ring) fn election_due(&self, context: &Context) -> Option<Time> {
        if !matches!(self.holding, HolderState::None) || context.is_draining() {
            return None;
        }
        if self.is_guest() && self.voter.newest().is_none() {
            // A guest that nobody has heard of is not missed.
            return None;
        }
        let lease = context.topology.lease;
        // When a quorum has just connected, a holder among it gets the time to be heard.
        let quorum_ready = context.peers.quorum_since()? + lease / 2;
        let missed = self
            .voter
            .missed_at(lease)
            .max(context.quarantine_until)
            .max(quorum_ready);
        let earliest = missed.max(self.not_before);
        if context.now < earliest {
            return Some(earliest);
        }
        if context.up_voter_count() < context.quorum || !self.may_stand(context) {
            return None;
        }
        let stagger = candidate_stagger(context) * self.rank(context);
        Some((missed + stagger).max(self.not_before))
    }

    /// Becomes a candidate if this node's own vote is free; returns the request for the voters.
    ///
    /// The vote of a node that is no voter counts for nothing, but it keeps the node from standing while
    /// another does. The request goes to every connected peer; `asked` are the live voters, whose answers are
    /// waited for.
    pub(in crate::ring) fn start_election(
        &mut self,
        context: &mut Context,
        seq: u64,
        asked: NodeSet,
    ) -> Option<LeaseRequest> {
        let (now, me) = (context.now, context.me);
        let takeover = self.takeover.take().filter(Takeover::is_ready);
        let generation = takeover.as_ref().map_or_else(
            || Generation {
                round: self.highest_known_round().saturating_add(1),
                nonce: context.random.u64(..),
            },
            |takeover| takeover.generation,
        );
        let named = context.cover.as_ref();
        let cover = named.map(|named| named.digest);
        let request = LeaseRequest {
            after: self.voter.newest_generation().filter(|_| self.is_guest()),
            cover: named.map(|named| named.cover.clone()),
            fenced: takeover.as_ref().map_or_else(Vec::new, |takeover| {
                let fenced = takeover.needed.iter().copied();
                fenced.chain([context.own_life()]).collect()
            }),
            ..LeaseRequest::of_candidate(self.id, generation)
        };
        let answers = takeover.as_ref().and_then(|takeover| takeover.newest);
        let death = takeover.map(|takeover| takeover.known_at);
        if self.on_lease_request(context, me, &request) != Verdict::Granted {
            // This node has granted another generation a lease: asking the others, or itself again at
            // once, is of no use.
            if death.is_none() {
                self.not_before = now + context.topology.heartbeat();
            }
            self.reject_newcomer(context);
            return None;
        }
        let mut election = Election {
            generation,
            seq,
            sent: now,
            closes: now + context.topology.lease / 8,
            asked,
            answered: NodeSet::default(),
            granted: [me].into_iter().collect(),
            opposed: false,
            rivalry: None,
            quarantined: Vec::new(),
            newest: self.voter.newest(),
            cover,
            death,
        };
        election.note_newest(answers);
        self.holding = HolderState::Electing(election);
        context.notify(Notification::ElectionStarted {
            ball: self.id,
            generation,
        });
        Some(request)
    }

    /// Ends an election whose answers are in, as won or lost.
    ///
    /// Returns a guest for which another election is to start at once, and whether it is one for the same number.
    pub(in crate::ring) fn tally(&mut self, context: &mut Context) -> Option<(BallState, bool)> {
        let HolderState::Electing(election) = &self.holding else {
            return None;
        };
        // Everyone who may have had the ball has told its newest record already, so a takeover waits for no more votes.
        let is_taken_over =
            election.death.is_some() && context.votes_in(election.granted) >= context.quorum;
        if !election.is_closed(context.now) && !is_taken_over {
            return None;
        }
        let mut election = election.clone();
        // A holder may have reported since the election started.
        election.note_newest(self.voter.newest());
        // The guest may have left since, or may have left before all those who granted knew of it.
        let is_retired = |generation| self.voter.is_retired(generation);
        let retired = is_retired(election.generation);
        let fenced = self.is_fenced(election.generation);
        election.newest = election
            .newest
            .filter(|newest| !is_retired(newest.stamp.generation));
        // A new guest takes no other ball's number.
        let taken = self.newcomer.is_some() && election.newest.is_some();
        if has_won(context, &election) && !taken && !retired && !fenced {
            self.win(context, &election);
            return None;
        }
        let backoff = self.election_backoff(context, &election);
        // The generation was too low only because this node did not know the tombstone; now it does.
        // Another guest has the number, of which this node has not heard.
        let is_elsewhere = context.peers.has_far && self.note_elsewhere(&election);
        let again = retired || (taken && is_elsewhere);
        let newcomer = if again { self.newcomer.take() } else { None };
        self.cancel_election(context);
        if election.death.is_none() {
            self.not_before = context.now + backoff;
        }
        context.notify(Notification::ElectionLost {
            ball: self.id,
            generation: election.generation,
            granted: context.votes_in(election.granted),
        });
        newcomer.map(|newcomer| (newcomer, retired))
    }

    /// Goes on from the newest state among the answers, on this node's own screen.
    fn win(&mut self, context: &mut Context, election: &Election) {
        let (id, now, me, screen) = (self.id, context.now, context.me, context.topology.screen);
        let generation = election.generation;
        let newcomer = self.newcomer.take();
        if newcomer.is_some() {
            context.notify(Notification::GuestJoined { ball: id });
        }
        let (hop, entry) = match (election.newest, newcomer, self.initial) {
            (Some(newest), _, _) => (newest.stamp.hop, motion::enter(&newest.state, screen)),
            (None, Some(newcomer), _) => (0, newcomer),
            (None, None, Some(initial)) if initial.start == me => (0, initial.state),
            (None, None, Some(initial)) => (0, motion::enter(&initial.state, screen)),
            (None, None, None) => {
                self.cancel_election(context);
                return;
            }
        };
        let stamp = Stamp { generation, hop };
        let heard = self.voter.heard_at().map(|heard| now.since(heard));
        let missed = self.voter.holder().zip(heard);
        let deadline = election.sent + context.safe_lease();
        // The first renewal goes out at once: only then does the ring know the new generation.
        let mut held = HeldBall::new(stamp, entry, deadline, now, Lineage::default());
        held.start(now, screen, Duration::ZERO);
        held.renewed_from = Some(election.sent);
        held.cover = election.cover;
        held.is_news = true;
        let record = Record {
            stamp,
            state: entry,
        };
        self.voter.learn(now, record, me);
        self.holding = HolderState::Held(held);
        context.counters.elections += 1;
        context.led_on(id, stamp);
        context.notify(Notification::ElectionWon {
            ball: id,
            generation,
            missed,
            death: election.death.map(|known_at| now.since(known_at)),
        });
    }

    /// Ends this node's candidacy without a trace; a guest that it was for is rejected.
    pub(in crate::ring) fn cancel_election(&mut self, context: &mut Context) {
        let HolderState::Electing(election) = &self.holding else {
            return;
        };
        let generation = election.generation;
        self.voter.release(generation);
        self.holding = HolderState::None;
        context.broadcast(Message::Release {
            ball: self.id,
            generation,
        });
        self.reject_newcomer(context);
    }

    /// Another candidate gave up and frees this node's vote.
    ///
    /// A node that waited only for that waits for a random time more; otherwise all such nodes would
    /// start an election at once.
    pub(in crate::ring) fn on_release(&mut self, context: &mut Context, generation: Generation) {
        self.note_generation(Some(generation));
        let pause = context.random_span(backoff_span(context));
        self.voter.release(generation);
        self.early = self
            .early
            .take()
            .filter(|early| early.request.generation != generation);
        if self.not_before <= context.now {
            self.not_before = context.now + pause;
        }
    }

    /// How long a candidate that lost waits before it starts another election.
    ///
    /// If quarantined voters would have made the quorum, it waits until enough of them may vote and
    /// its own stagger has passed: after a cold start the ball must not begin on another node because
    /// the others started a little later. Otherwise it waits a random part of a lease. Where several
    /// candidates split the vote, the highest generation comes back early and the others late: if all
    /// drew from the same span, two nodes with a slow network between them could split it again and
    /// again.
    fn election_backoff(&self, context: &mut Context, election: &Election) -> Duration {
        let lease = context.topology.lease;
        let quorum = context.quorum;
        let missing = quorum.saturating_sub(context.votes_in(election.granted));
        let mut waits = election.quarantined.clone();
        waits.sort_unstable();
        let last = missing.checked_sub(1).and_then(|index| waits.get(index));
        if let Some(&wait) = last {
            let stagger = candidate_stagger(context);
            let rank = self.rank(context);
            return wait.min(lease) + stagger * rank + context.random_span(stagger / 4);
        }
        let (least, span) = match election.rivalry {
            Some(Ordering::Greater) => (lease / 8, lease / 4),
            Some(Ordering::Less | Ordering::Equal) => (lease / 2, lease / 2),
            None => (lease / 8, lease - lease / 8),
        };
        least + context.random_span(span.max(backoff_span(context)))
    }
}

fn has_won(context: &Context, election: &Election) -> bool {
    let newest = election.newest.map(|newest| newest.stamp.generation);
    let outdated = newest.is_some_and(|newest| newest >= election.generation);
    let alone_or_agreed = !context.plays_on() || !election.opposed;
    let in_time = context.now < election.sent + context.safe_lease();
    let agreed = context.votes_in(election.granted) >= context.quorum;
    agreed && alone_or_agreed && in_time && !outdated
}

/// The longest back-off that a candidate may draw.
pub(super) fn longest_backoff(context: &Context) -> Duration {
    let lease = context.topology.lease;
    let ranks = u32::try_from(context.topology.nodes.len() + 1).unwrap_or(u32::MAX);
    let behind_quarantine = lease + candidate_stagger(context).saturating_mul(ranks);
    let behind_rival = lease / 2 + backoff_span(context).max(lease / 2);
    behind_quarantine.max(behind_rival)
}

/// The span over which rivals spread out, so that mostly one starts an election and is heard before
/// the next one starts.
fn backoff_span(context: &Context) -> Duration {
    let lease = context.topology.lease;
    let round_trip = context.longest_round_trip();
    let nodes = u32::try_from(context.candidate_count()).unwrap_or(u32::MAX);
    (lease / 4)
        .max(round_trip.saturating_mul(nodes.saturating_mul(2)))
        .min(lease * 2)
}
