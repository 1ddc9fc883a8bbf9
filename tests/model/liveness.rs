//! The lemmas of `docs/LIVENESS.md`, checked along every path.
//!
//! A [`Watch`] follows the island: the nodes that run, can all talk with each other and with nobody
//! else, and are a majority. It counts the time since the last moment at which one of them possessed
//! the ball or a fault began or ended. While a ball is possessed, or where there is no island, it
//! counts nothing, so a ring without faults still returns to states that are known already.

use std::sync::Arc;

use carom::ring::message::LeaseRequest;
use carom::ring::{BallId, Generation, Input, Message, Notification, Output};

use crate::clock::{LEASE, local};
use crate::invariants::Event;
use crate::model::{Ring, Step, node_id};
use crate::state::State;

const L1: &str = "L1: a lease after the last possession every voter of the island is free";
const L2: &str = "L2: a node of the island stands within 1.25 leases and half a round trip";
const L3: &str = "L3: a candidate that is alone wins, within a round trip";
const L4: &str = "L4: after a lost election a node stands again within a lease";
const L5: &str = "L5: after a split vote the candidate of the highest generation stands first";
const BOUND: &str = "theorem: possessed again within 1.25 leases and one and a half round trips";
const RECOVERY: &str = "possessed again within three leases, whatever elections were lost";

/// A candidate that no voter has heard of yet goes above every round by so much.
const PROBE: u64 = 1000;

/// What the lemmas need to know of the past.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    /// The nodes of the island, as bits; none if no island has a majority.
    pub(crate) members: u8,
    /// The last moment at which one of them possessed the ball, or a fault began or ended.
    pub(crate) since: u64,
    /// Whether a node has been a candidate since then.
    pub(crate) stood: bool,
    /// When the last election was lost since then.
    pub(crate) lost: Option<u64>,
    /// The candidates, by node.
    pub(crate) candidates: [Option<Candidacy>; 4],
    /// The generations of those that lost against each other and have not stood again, by node.
    pub(crate) losers: [Option<Generation>; 4],
}

/// An election under way.
#[derive(Clone, Copy)]
pub(crate) struct Candidacy {
    generation: Generation,
    began: u64,
    /// Whether nobody else has been a candidate since a message's delay before it began.
    pub(crate) alone: bool,
    /// Whether another was a candidate at the same time.
    pub(crate) met: bool,
}

impl Watch {
    fn has(&self, node: usize) -> bool {
        self.members >> node & 1 == 1
    }

    /// Counts from now on.
    fn restart(&mut self, now: u64) {
        self.since = now;
        self.stood = self.candidates.iter().any(Option::is_some);
        self.lost = None;
        self.losers = [None; 4];
        for candidacy in self.candidates.iter_mut().flatten() {
            candidacy.alone = false;
            candidacy.met = false;
        }
    }

    /// The process of this node has ended.
    pub(crate) fn forget(&mut self, node: usize) {
        self.candidates[node] = None;
    }
}

impl Ring {
    /// Moments of nodes that count one percent slow are later by so much.
    fn drifted(&self, span: u64) -> u64 {
        if self.bounds.skew {
            span + span / 100
        } else {
            span
        }
    }

    /// How long a message takes at most: half a round trip.
    fn delay(&self) -> u64 {
        self.tick() * self.bounds.max_delay.max(0) as u64
    }

    /// Guests may leave, so nothing is promised of them.
    fn watches(&self) -> bool {
        !self.topology.balls.is_empty()
    }

    fn lease(&self) -> u64 {
        self.drifted(LEASE.as_micros() as u64)
    }

    /// Takes note of what a node does, at the moment at which it does it.
    pub(crate) fn watch_output(&self, state: &mut State, node: usize, output: &Output) {
        if !self.watches() {
            return;
        }
        match output {
            Output::LedOff(_) if state.watch.has(node) => state.watch.restart(state.now),
            Output::LedOn(_) => self.watch_possession(state, node),
            Output::Broadcast(Message::Release { .. }) => self.watch_lost(state, node),
            Output::Notify(Notification::ElectionStarted { generation, .. }) => {
                self.watch_candidate(state, node, *generation);
            }
            // A node without a connection tells nobody that it gives up.
            Output::Notify(Notification::ElectionLost { .. }) => self.watch_lost(state, node),
            Output::Notify(Notification::Frozen { .. }) if state.watch.has(node) => {
                state.watch.restart(state.now);
            }
            _ => {}
        }
    }

    /// The ball is possessed again.
    fn watch_possession(&self, state: &mut State, node: usize) {
        if !state.watch.has(node) {
            state.watch.candidates[node] = None;
            return;
        }
        let watch = &state.watch;
        let (dark, lost) = (state.now - watch.since, watch.lost.is_some());
        let breach = self.late(state);
        self.coverage.longest(dark, lost);
        if dark > 0 {
            self.coverage.count(Event::PossessedAgain);
        }
        if let Some(breach) = breach {
            state.violation.get_or_insert(breach);
        }
        state.watch.candidates[node] = None;
        state.watch.restart(state.now);
    }

    /// Another node becomes a candidate: L2, L4, L5.
    fn watch_candidate(&self, state: &mut State, node: usize, generation: Generation) {
        let now = state.now;
        let breach = self.late(state);
        let watch = &mut state.watch;
        let busy = watch.candidates.iter().any(Option::is_some);
        let released = watch.lost.is_none_or(|lost| now > lost + self.delay());
        for rival in watch.candidates.iter_mut().flatten() {
            rival.alone = false;
            rival.met = true;
        }
        watch.candidates[node] = Some(Candidacy {
            generation,
            began: now,
            alone: !busy && released && watch.has(node),
            met: busy,
        });
        if !watch.has(node) {
            return;
        }
        if !watch.stood {
            self.coverage.count(Event::Stood);
        } else if watch.lost.is_some() {
            self.coverage.count(Event::StoodAgain);
        }
        watch.stood = true;
        let own = watch.losers[node].take();
        let outranked = own.is_some_and(|own| {
            let mut losers = watch.losers.iter().flatten();
            losers.any(|other| other.round == own.round && *other > own)
        });
        match own {
            None => watch.losers = [None; 4],
            Some(_) => self.coverage.count(Event::SplitVoteResolved),
        }
        if let Some(breach) = breach.or(outranked.then_some(L5)) {
            state.violation.get_or_insert(breach);
        }
    }

    /// A candidate gives up: L3.
    fn watch_lost(&self, state: &mut State, node: usize) {
        let now = state.now;
        let Some(candidacy) = state.watch.candidates[node].take() else {
            return;
        };
        if !state.watch.has(node) {
            return;
        }
        let free = state.watch.since + self.lease() + self.delay();
        let in_time = candidacy.began >= free;
        if candidacy.alone && in_time && !self.is_outranked(state, candidacy) {
            state.violation.get_or_insert(L3);
        }
        state.watch.lost = Some(now);
        if candidacy.met && in_time {
            state.watch.losers[node] = Some(candidacy.generation);
        }
    }

    /// Whether a member of the island knows a record or has made a promise above this candidate's generation.
    fn is_outranked(&self, state: &State, candidacy: Candidacy) -> bool {
        self.members(state).any(|(_, node)| {
            let mut stamps = node.ball_views().filter_map(|ball| ball.stamp);
            let mut balls = node.abstract_balls();
            stamps.any(|stamp| stamp.generation > candidacy.generation)
                || balls.any(|ball| ball.fence > Some(candidacy.generation))
        })
    }

    fn members<'a>(
        &self,
        state: &'a State,
    ) -> impl Iterator<Item = (usize, &'a Arc<carom::ring::Node>)> {
        let hosts = state.hosts.iter().enumerate();
        let members = hosts.filter(|(index, _)| state.watch.has(*index));
        members.filter_map(|(index, host)| Some((index, host.node.as_ref()?)))
    }

    /// Whether a member possesses the ball; a lender does while the lease runs.
    fn is_possessed(&self, state: &State) -> bool {
        self.members(state)
            .any(|(index, _)| state.hosts[index].led.is_some() || self.lends(state, index))
    }

    fn has_frozen(&self, state: &State) -> bool {
        self.members(state)
            .any(|(_, node)| node.ball_views().any(|ball| ball.frozen))
    }

    /// Ends a step: notices faults and a changed island, then checks what should have happened by now.
    pub(crate) fn watch_step(&self, state: &mut State, step: Option<Step>) {
        if !self.watches() {
            return;
        }
        let members = self.island(state);
        let fault = !matches!(
            step,
            Some(Step::Time | Step::Arrive(..) | Step::WindowAnswers(_) | Step::WindowSends { .. })
        );
        if fault || members != state.watch.members {
            state.watch.members = members;
            state.watch.restart(state.now);
        }
        if members == 0 || self.is_possessed(state) {
            state.watch.restart(0);
            state.watch.since = state.now;
            return;
        }
        let breach = self.late(state).or_else(|| self.is_taken(state));
        if let Some(breach) = breach {
            state.violation.get_or_insert(breach);
        }
    }

    /// What should have happened in the island by now.
    fn late(&self, state: &State) -> Option<&'static str> {
        let watch = &state.watch;
        if watch.members == 0 || self.is_possessed(state) {
            return None;
        }
        let (lease, delay) = (self.lease(), self.delay());
        let dark = state.now - watch.since;
        let stands = lease + lease / 4 + delay;
        let open = watch.candidates.iter().enumerate();
        let open = open.filter_map(|(node, one)| one.filter(|_| watch.has(node)));
        let oldest = open.map(|one| one.began).min();
        if dark > 3 * lease {
            return Some(RECOVERY);
        }
        // While a line of a silent peer may still be awaited, the answers are waited for longer.
        let answered = 2 * delay.max(if dark > lease { 0 } else { lease / 16 });
        if oldest.is_some_and(|began| state.now > began + answered && began > watch.since) {
            return Some(L3);
        }
        let late = dark > stands + 2 * delay && watch.lost.is_none();
        let bound = late.then_some(BOUND);
        if oldest.is_some() || self.has_frozen(state) {
            return bound;
        }
        if !watch.stood && dark > stands {
            return Some(L2);
        }
        // A voter in quarantine makes a candidate wait for it, and for its stagger.
        let quarantine = lease / 4 + lease / 32;
        let again = watch.lost.map(|lost| match lost - watch.since > lease {
            true => lost + lease,
            false => lost + lease + quarantine,
        });
        let overdue = again.is_some_and(|again| state.now > again.max(watch.since + stands));
        bound.or(overdue.then_some(L4))
    }

    /// L1: asks every voter of the island for its vote, on a copy of it.
    fn is_taken(&self, state: &State) -> Option<&'static str> {
        let watch = &state.watch;
        let free = watch.since + self.lease() + self.delay();
        if watch.stood || state.now < free || self.has_frozen(state) {
            return None;
        }
        self.coverage.count(Event::VotesFree);
        let highest = self.members(state).flat_map(|(_, node)| node.ball_views());
        let highest = highest.filter_map(|ball| Some(ball.stamp?.generation.round));
        let generation = Generation {
            round: highest.max().unwrap_or(0) + PROBE,
            nonce: 0,
        };
        let balls = vec![LeaseRequest::of_candidate(BallId(1), generation)];
        let voters = self.members(state);
        for (index, node) in voters.filter(|(index, _)| self.topology.votes(node_id(*index))) {
            let asking = self.members(state).find(|(other, _)| *other != index);
            let from = node_id(asking?.0);
            let message = Message::Acquire {
                seq: 0,
                balls: balls.clone(),
            };
            let mut voter = carom::ring::Node::clone(node);
            let answers = voter.handle(local(state, index), Input::Received { from, message });
            let grants = answers.iter().any(|output| {
                matches!(output, Output::Send { to, message: Message::Granted { seq: 0, .. } } if *to == from)
            });
            if !grants {
                return Some(L1);
            }
        }
        None
    }

    /// The running nodes that are all linked with each other, and to which nobody else has a line,
    /// if they are a majority.
    fn island(&self, state: &State) -> u8 {
        let count = state.hosts.len();
        (0..count)
            .map(|node| self.linked(state, node))
            .find(|&part| {
                let inside = |node: usize| part >> node & 1 == 1;
                let all_linked = (0..count)
                    .filter(|&node| inside(node))
                    .all(|node| self.linked(state, node) == part);
                all_linked
                    && self.is_majority(part)
                    && (0..count).all(|from| {
                        (0..count).all(|to| inside(from) == inside(to) || !reaches(state, from, to))
                    })
            })
            .unwrap_or(0)
    }

    /// Whether more than half of the voters are among these nodes.
    fn is_majority(&self, part: u8) -> bool {
        let voters = self.topology.voter_ids();
        voters
            .filter(|voter| part >> voter.index() & 1 == 1)
            .count()
            >= self.topology.majority()
    }

    /// The node and all with which it has an open link; none if it does not run.
    fn linked(&self, state: &State, node: usize) -> u8 {
        if !state.runs(node) {
            return 0;
        }
        let linked = |other: usize| {
            let open = |from: usize, to: usize| {
                reaches(state, from, to) && state.hosts[from].open_links.has(from, to)
            };
            let changing = state.is_changing(node, other) || state.is_changing(other, node);
            open(node, other) && open(other, node) && !changing
        };
        (0..state.hosts.len())
            .filter(|&other| other == node || linked(other))
            .fold(0, |part, other| part | 1 << other)
    }
}

/// Whether a line can go from one to the other now.
fn reaches(state: &State, from: usize, to: usize) -> bool {
    let runs = state.runs(from) && state.runs(to);
    runs && state.connected.has(from, to) && !state.cut.has(from, to)
}
