//! Rule 13: a ball whose holder has ended is taken over before its lease has run out.
//!
//! The candidate asks everyone who may come to hold the ball with that lease: first whether they hold it, then for
//! the promise never to hold it in an older generation, the *fence*. With these promises it stands for election as
//! ever (`election.rs`), and a voter grants although its vote is given, if everyone in its own cover has ended or has
//! promised.

use super::attempt::Takeover;
use super::candidates::candidate_stagger;
use super::holder::{HolderState, Placement};
use super::state::Ball;
use crate::ring::context::Context;
use crate::ring::event::{Notification, Output};
use crate::ring::generation::{Generation, Record};
use crate::ring::incarnation::{Incarnation, Life};
use crate::ring::message::{LeaseRequest, Message};
use crate::ring::node_id::{NodeId, NodeSet};
use crate::ring::peers::Death;
use crate::ring::time::Time;

impl Ball {
    /// A process of that peer has ended, by proof.
    pub(in crate::ring) fn on_died(
        &mut self,
        context: &mut Context,
        peer: NodeId,
        incarnation: Incarnation,
    ) {
        self.tried = false;
        let dead = Life {
            node: peer,
            incarnation,
        };
        if let Some(takeover) = &mut self.takeover {
            takeover.needed.retain(|&life| life != dead);
        }
        match &mut self.holding {
            HolderState::Passing(passing)
                if passing.to == peer && passing.to_incarnation == incarnation =>
            {
                // No acknowledgement will come. If it has passed the ball on, the next holder reports.
                context.notify(Notification::PassUnacknowledged {
                    ball: self.id,
                    to: peer,
                });
                self.holding = HolderState::None;
            }
            HolderState::Electing(election) => election.asked.remove(peer),
            HolderState::None | HolderState::Held(_) | HolderState::Passing(_) => {}
        }
    }

    /// When this node begins to take the ball over, or gives that up; `None` if there is no reason for it.
    pub(super) fn takeover_due(&self, context: &Context) -> Option<Time> {
        if let Some(takeover) = &self.takeover {
            return Some(takeover.until);
        }
        let is_idle = matches!(self.holding, HolderState::None) && !self.tried;
        if !context.peers.has_deaths || !is_idle || context.is_draining() {
            return None;
        }
        let (death, _, newest) = self.last_seen_with_dead(context)?;
        let is_ready =
            context.now >= context.quarantine_until && context.up_voter_count() >= context.quorum;
        // Only the sender of the last pass may know of it, so it does not wait for others.
        let is_sender = self.passed_on == Some(newest.stamp);
        let before = if is_sender {
            0
        } else {
            self.rank(context).saturating_sub(1)
        };
        let due = death.known_at + candidate_stagger(context) * before;
        is_ready.then_some(due.max(self.takeover_not_before))
    }

    /// If the lease of the ball runs and its last known holder has ended: its end, who else may come to hold the ball, and
    /// the newest record. `None` if the lease decides, as somebody of these cannot be asked.
    fn last_seen_with_dead(&self, context: &Context) -> Option<(Death, Vec<Life>, Record)> {
        let (now, peers) = (context.now, &context.peers);
        let lease = self.voter.lease().filter(|lease| now < lease.until)?;
        let newest = self.voter.newest();
        let newest = newest.filter(|newest| newest.stamp.generation == lease.generation)?;
        let holder = self.voter.holder()?;
        // If another process of that node is there, the ball may have come to that one.
        let is_gone = peers.link(holder).is_none_or(|link| {
            let death = peers.death_of(holder, link.incarnation);
            death.is_some()
        });
        if !is_gone {
            return None;
        }
        let named: Vec<Life> = self.voter.covered.running(now)?.collect();
        let mut deaths = named
            .iter()
            .filter(|life| life.node == holder)
            .filter_map(|life| peers.death_of(life.node, life.incarnation));
        let death = deaths.next()?;
        let others = named.into_iter().filter(|life| {
            *life != context.own_life() && peers.death_of(life.node, life.incarnation).is_none()
        });
        let needed: Vec<Life> = others.collect();
        let can_be_asked = needed.iter().all(|life| is_linked(context, *life));
        can_be_asked.then_some((death, needed, newest))
    }

    /// Begins to take the ball over when that is due, goes on with it, or gives it up.
    pub(in crate::ring) fn run_takeover(&mut self, context: &mut Context) {
        if self.takeover.is_none() {
            let due = self.takeover_due(context);
            if due.is_some_and(|due| due <= context.now) {
                self.start_takeover(context);
            }
        }
        let Some(takeover) = &mut self.takeover else {
            return;
        };
        let newest = self.voter.newest().map(|newest| newest.stamp);
        let is_over = !matches!(self.holding, HolderState::None)
            || context.is_draining()
            || takeover.until <= context.now
            || newest > Some(takeover.since)
            || !takeover.needed.iter().all(|life| is_linked(context, *life));
        if is_over {
            self.takeover = None;
        } else if takeover.is_answered() && !takeover.promise {
            if takeover.is_in_flight(&context.peers) {
                self.takeover = None;
                return;
            }
            takeover.promise = true;
            takeover.answered = NodeSet::default();
            self.ask_for_takeover(context);
        }
    }

    fn start_takeover(&mut self, context: &mut Context) {
        let Some((death, needed, newest)) = self.last_seen_with_dead(context) else {
            return;
        };
        let generation = Generation {
            round: self.highest_known_round().saturating_add(1),
            nonce: context.random.u64(..),
        };
        self.tried = true;
        self.takeover = Some(Takeover {
            generation,
            needed,
            promise: false,
            answered: NodeSet::default(),
            since: newest.stamp,
            newest: Some(newest),
            in_flight: None,
            until: context.now + context.topology.lease / 8,
            known_at: death.known_at,
        });
        self.ask_for_takeover(context);
    }

    /// Whether everyone who may have come to hold the ball has promised not to.
    pub(in crate::ring) fn is_takeover_ready(&self) -> bool {
        self.takeover.as_ref().is_some_and(Takeover::is_ready)
    }

    /// Asks everyone who is needed; a promise is asked of this node, too.
    fn ask_for_takeover(&mut self, context: &mut Context) {
        let Some(takeover) = &self.takeover else {
            return;
        };
        let (generation, promise) = (takeover.generation, takeover.promise);
        let to: NodeSet = takeover.needed.iter().map(|life| life.node).collect();
        if promise {
            self.fence = self.fence.max(Some(generation));
        }
        if !to.is_empty() {
            let ball = self.id;
            let message = Message::Fence {
                ball,
                generation,
                promise,
            };
            context.output(Output::Multicast { to, message });
        }
    }

    /// A candidate asks whether this node holds the ball in an older generation, or for the promise never to do so.
    pub(in crate::ring) fn on_fence(
        &mut self,
        context: &mut Context,
        from: NodeId,
        generation: Generation,
        promise: bool,
    ) {
        let (now, lease) = (context.now, context.topology.lease);
        self.note_generation(Some(generation));
        let is_known = self.voter.newest_generation() >= Some(generation);
        let has_own = self.takeover.as_ref();
        if is_known
            || context.cover.is_none()
            || has_own.is_some_and(|own| own.generation > generation)
        {
            return;
        }
        match &mut self.holding {
            HolderState::Held(held) if matches!(held.placement, Placement::Retiring) => return,
            HolderState::Held(held) if !promise => {
                // The renewal tells everyone who has the ball.
                held.renew_at = now;
                return;
            }
            HolderState::Electing(election) if election.generation > generation => return,
            HolderState::Held(_) if promise => {
                // Others have promised already, and would refuse the ball when it comes to them.
                self.report_to_itself(context);
                self.step_down(context);
            }
            HolderState::Electing(_) if promise => self.cancel_election(context),
            HolderState::None
            | HolderState::Held(_)
            | HolderState::Passing(_)
            | HolderState::Electing(_) => {}
        }
        self.takeover = None;
        self.takeover_not_before = now + lease / 8;
        if promise {
            self.fence = self.fence.max(Some(generation));
        }
        let message = self.fenced(generation, promise);
        context.send(from, message);
    }

    /// The newest record is the ball as it is here now.
    fn report_to_itself(&mut self, context: &Context) {
        let (now, screen) = (context.now, context.topology.screen);
        if let Some(held) = self.held() {
            let (stamp, state) = (held.stamp, held.state(screen, now));
            self.voter.learn(now, Record { stamp, state }, context.me);
        }
    }

    fn fenced(&self, generation: Generation, promise: bool) -> Message {
        let newest = self.voter.newest();
        let passing = match &self.holding {
            HolderState::Passing(passing) => Some(Life {
                node: passing.to,
                incarnation: passing.to_incarnation,
            }),
            HolderState::None | HolderState::Held(_) | HolderState::Electing(_) => None,
        };
        Message::Fenced {
            ball: self.id,
            generation,
            promise,
            newest,
            passing,
        }
    }

    /// Tells what this node has promised, after a request or a pass of a lower generation: it would refuse that ball. All peers are told of
    /// it, so that the next election goes above the promise, whichever node begins it.
    pub(in crate::ring) fn tell_fence(&self, context: &mut Context) {
        if let Some(fence) = self.fence {
            context.broadcast(self.fenced(fence, true));
        }
    }

    /// Whether this node has promised never to hold that generation.
    pub(in crate::ring) fn is_fenced(&self, generation: Generation) -> bool {
        self.fence > Some(generation)
    }

    /// A peer does not hold the ball in an older generation, or has promised never to do so.
    pub(in crate::ring) fn on_fenced(
        &mut self,
        context: &mut Context,
        from: NodeId,
        (generation, promise): (Generation, bool),
        newest: Option<Record>,
        passing: Option<Life>,
    ) {
        self.note_generation(Some(generation));
        self.note_generation(newest.map(|newest| newest.stamp.generation));
        match &self.holding {
            HolderState::Held(held) if promise && held.stamp.generation < generation => {
                if !held.is_retiring() {
                    self.step_down(context);
                }
            }
            HolderState::Electing(election) if promise && election.generation < generation => {
                self.cancel_election(context);
            }
            HolderState::None
            | HolderState::Held(_)
            | HolderState::Passing(_)
            | HolderState::Electing(_) => {}
        }
        let link = context.peers.link(from).map(|link| link.incarnation);
        let Some((takeover, incarnation)) = self.takeover.as_mut().zip(link) else {
            return;
        };
        let life = Life {
            node: from,
            incarnation,
        };
        let is_asked = takeover.generation == generation && takeover.promise == promise;
        if is_asked && takeover.needed.contains(&life) {
            takeover.answered.insert(from);
            takeover.note_newest(newest, passing);
        }
    }

    /// Whether this voter may grant the request of a candidate although its vote is given to an older generation: everyone in
    /// its own cover of that lease has ended, or has promised to hold nothing below the new generation.
    pub(in crate::ring) fn overrules(&self, context: &Context, request: &LeaseRequest) -> bool {
        let (now, generation) = (context.now, request.generation);
        let lease = self.voter.lease().filter(|lease| now < lease.until);
        let is_older = lease.is_some_and(|lease| lease.generation < generation);
        let outranked = self.voter.newest_generation() > Some(generation);
        if request.is_from_holder()
            || request.fenced.is_empty()
            || context.cover.is_none()
            || !is_older
            || outranked
            || now < context.quarantine_until
            || self.voter.is_retired(generation)
        {
            return false;
        }
        let is_out = |life: Life| {
            if life == context.own_life() {
                return self.fence >= Some(generation);
            }
            let has_ended = context
                .peers
                .death_of(life.node, life.incarnation)
                .is_some();
            has_ended || request.fenced.contains(&life)
        };
        let running = self.voter.covered.running(now);
        running.is_some_and(|mut lives| lives.all(is_out))
    }
}

/// Whether the process can be asked, and answers soon.
fn is_linked(context: &Context, life: Life) -> bool {
    let link = context.peers.link(life.node);
    link.is_some_and(|link| link.incarnation == life.incarnation)
        && context.peers.is_live(life.node, context.now)
}
