//! The node: hears an input, says what to do.
//!
//! [`Node::handle`] is the whole of it. The rules live beside: the voter's in `voter.rs`, passes in
//! `passing.rs`, renewals in `renewal.rs`, elections in `election.rs`, the planned stop in `drain.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ball::{BallId, BallState, Generation, Stamp};
use super::drain::Drain;
use super::event::{Input, Notification, Output, Possession};
use super::holder::{Held, Holding, Stay};
use super::loan::Found;
use super::message::{Incarnation, Message};
use super::peers::Peers;
use super::time::Time;
use super::topology::{InitialBall, NodeId, OnPartition, Topology};
use super::view::Counters;
use super::voter::Voter;

/// One node of a ring: pure, fed with inputs and moments, answering with outputs.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) topology: Arc<Topology>,
    pub(super) me: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) random: fastrand::Rng,
    pub(super) started: Time,
    pub(super) now: Time,
    pub(super) quarantine_until: Time,
    pub(super) peers: Peers,
    pub(super) balls: BTreeMap<BallId, Ball>,
    pub(super) last_seq: u64,
    pub(super) next_heartbeat: Time,
    pub(super) drain: Option<Drain>,
    /// Acknowledgements that wait for the next heartbeat: at most one a ball.
    pub(super) owed: BTreeMap<BallId, (NodeId, Stamp)>,
    /// Balls from windows about which another node was asked, oldest first.
    pub(super) found: VecDeque<Found>,
    /// When the next guest is welcome if they come at their steady pace.
    pub(super) next_guest: Time,
    pub(super) counters: Counters,
}

/// Both parts that this node plays for one ball.
#[derive(Clone, Debug)]
pub(super) struct Ball {
    /// As the ring file serves it; `None` for a guest.
    pub(super) serve: Option<InitialBall>,
    /// How the guest begins for which this node asks the ring.
    pub(super) arriving: Option<BallState>,
    pub(super) voter: Voter,
    pub(super) holding: Holding,
    /// The highest round heard of in anyone's answers.
    pub(super) highest_round: u64,
    /// No candidacy before this.
    pub(super) not_before: Time,
}

impl Ball {
    fn new(serve: Option<InitialBall>, now: Time) -> Self {
        Self {
            serve,
            arriving: None,
            voter: Voter::default(),
            holding: Holding::None,
            highest_round: 0,
            not_before: now,
        }
    }

    /// The ball as it was last heard of, or as the ring file serves it; `None` for a guest that is not there.
    pub(super) fn looks(&self) -> Option<BallState> {
        let newest = self.voter.newest().map(|newest| newest.state);
        newest.or(self.serve.map(|serve| serve.state))
    }

    /// Notes a generation heard of, so that the next candidacy goes above it.
    pub(super) fn hear_of(&mut self, generation: Option<Generation>) {
        if let Some(generation) = generation {
            self.highest_round = self.highest_round.max(generation.round);
        }
    }
}

impl Node {
    /// A node that starts now, with nothing but its ring file and 64 random bits of its own.
    ///
    /// `incarnation` must be drawn anew for every process: it tells peers this life from the
    /// last, and all the node's own randomness is derived from it.
    pub fn new(topology: Arc<Topology>, me: NodeId, incarnation: Incarnation, now: Time) -> Self {
        let (count, quorum) = (topology.nodes.len(), topology.quorum());
        let served = topology
            .initial_balls()
            .map(|(id, &serve)| (id, Some(serve)));
        let guests = topology.guest_ids().map(|id| (id, None));
        let balls = served
            .chain(guests)
            .map(|(id, serve)| (id, Ball::new(serve, now)));
        Self {
            balls: balls.collect(),
            me,
            incarnation,
            random: fastrand::Rng::with_seed(incarnation.0),
            started: now,
            now,
            quarantine_until: now + topology.lease,
            peers: Peers::new(count, quorum.saturating_sub(1), now, topology.heartbeat()),
            last_seq: 0,
            next_heartbeat: now + topology.heartbeat(),
            drain: None,
            owed: BTreeMap::new(),
            found: VecDeque::new(),
            next_guest: now,
            counters: Counters::default(),
            topology,
        }
    }

    /// Hears one input at one moment and says what to do, in order.
    ///
    /// What time has taken away goes first: a node that was stopped beyond its lease switches
    /// its LED off before it does anything else.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.now = self.now.max(now);
        if self.drain.is_some_and(|drain| drain.done) {
            return out;
        }
        self.lapse(&mut out);
        self.hear(input, &mut out);
        self.see_off(&mut out);
        self.fly(&mut out);
        self.acknowledge(&mut out);
        self.campaign(&mut out);
        self.renew(&mut out);
        self.beat(&mut out);
        self.finish_drain(&mut out);
        out
    }

    /// When [`Input::Tick`] is due; `None` if only an input can change anything.
    pub fn next_deadline(&self) -> Option<Time> {
        if self.drain.is_some_and(|drain| drain.done) {
            return None;
        }
        let balls = self
            .balls
            .iter()
            .filter_map(|(&id, ball)| self.ball_deadline(id, ball));
        let heartbeat = (self.topology.nodes.len() > 1).then_some(self.next_heartbeat);
        balls
            .chain(heartbeat)
            .chain(self.drain.map(|drain| drain.until))
            .min()
    }

    fn ball_deadline(&self, id: BallId, ball: &Ball) -> Option<Time> {
        match &ball.holding {
            Holding::None => self.election_due(id),
            Holding::Held(held) if held.is_frozen() => Some(held.renew_at),
            Holding::Held(held) => {
                // A ball that waits at its edge for a renewal is woken by the answer; one that
                // waits on a leaving node, by whoever can take it.
                let stays = self.drain.is_none();
                let edge = held.edge_at.filter(|_| stays && self.may_pass(held));
                // A leaving node takes nothing back.
                let back = held.loan().map(|loan| loan.until).filter(|_| stays);
                let end = self.guest_leaves_at(ball, held);
                let soonest = held.deadline.min(held.renew_at);
                edge.into_iter()
                    .chain(back)
                    .chain(end)
                    .chain([soonest])
                    .min()
            }
            Holding::Passing(passing) => Some(passing.deadline),
            Holding::Electing(election) => Some(election.closes),
        }
    }

    /// Takes away what has run out: possession at the deadline (rule 3), a pass nobody acknowledged (rule 5).
    fn lapse(&mut self, out: &mut Vec<Output>) {
        for (&id, ball) in &mut self.balls {
            match &mut ball.holding {
                Holding::Held(held) if !held.is_frozen() && held.deadline <= self.now => {
                    if held.is_here() {
                        out.push(Output::LedOff(Possession {
                            ball: id,
                            stamp: held.stamp,
                        }));
                    }
                    held.freeze(held.deadline, self.topology.screen);
                    if !matches!(held.stay, Stay::Leaving) {
                        out.push(Output::Notify(Notification::Frozen { ball: id }));
                    }
                }
                Holding::Passing(passing) if passing.deadline <= self.now => {
                    out.push(Output::Notify(Notification::PassUnacknowledged {
                        ball: id,
                        to: passing.to,
                    }));
                    ball.holding = Holding::None;
                }
                Holding::None | Holding::Held(_) | Holding::Passing(_) | Holding::Electing(_) => {}
            }
        }
    }

    fn hear(&mut self, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::LinkUp { peer, incarnation } => self.link_up(peer, incarnation, out),
            Input::LinkDown { peer } => self.link_down(peer, out),
            Input::Received { from, message } => {
                let now = self.now;
                let Some(link) = self.peers.link_mut(from) else {
                    return;
                };
                link.heard = now;
                if self.is_plausible(&message) {
                    self.receive(from, message, out);
                } else {
                    out.push(Output::Notify(Notification::Implausible { from }));
                }
            }
            Input::Duplicate => {
                // Told once, not at every refusal that keeps the quarantine from ending.
                if self.now >= self.quarantine_until {
                    out.push(Output::Notify(Notification::DuplicateNode));
                }
                self.quarantine_until = self.now + self.topology.lease;
            }
            Input::WindowAnswered { ball, open } => self.hear_called(ball, open, out),
            Input::WindowSendFailed { ball } => self.bring_home(ball, out),
            Input::FromWindow { edge, ball } => self.hear_window(edge, &ball, out),
            Input::AddGuest(state) => self.welcome(state, out),
            Input::RemoveGuest(ball) => self.remove(ball, out),
            Input::Tick => {}
            Input::Drain => self.start_drain(out),
        }
    }

    fn receive(&mut self, from: NodeId, message: Message, out: &mut Vec<Output>) {
        match message {
            Message::Heartbeat { at, echo, since } => self.hear_heartbeat(from, at, echo, since),
            Message::Pass(pass) => self.take(from, &pass, out),
            Message::PassAck {
                ball,
                generation,
                hop,
            } => self.passed(ball, generation, hop),
            Message::Acquire { seq, balls } => self.vote(from, seq, &balls, out),
            Message::Granted { seq, balls } => {
                for grant in balls {
                    self.hear_granted(from, seq, grant.ball, grant.newest, out);
                }
            }
            Message::Denied { seq, balls } => {
                for denial in balls {
                    self.hear_denied(from, seq, &denial, out);
                }
            }
            Message::Release { ball, generation } => self.hear_release(ball, generation),
            Message::LoanQuery { seq, edge, ball } => self.hear_found(from, seq, edge, &ball, out),
            Message::LoanUnknown { seq } => self.hear_unlent(from, seq, out),
            Message::Remove { ball, generation } => self.hear_remove(ball, generation, out),
            Message::Leaving => self.hear_leaving(from, out),
            Message::LeaveAck => self.hear_farewell(from),
            // The links speak these before they let anything through to the node.
            Message::Hello(_) | Message::Refused { .. } | Message::Unknown => {}
        }
    }

    fn link_up(&mut self, peer: NodeId, incarnation: Incarnation, out: &mut Vec<Output>) {
        // A connection may take another one's place without a word of its end.
        self.give_up_found(peer, out);
        self.peers.up(peer, incarnation, self.now);
        self.send_heartbeat(peer, out);
        self.resend(peer, incarnation, out);
        for ball in self.balls.values_mut() {
            if let Holding::Held(held) = &mut ball.holding
                && held.is_frozen()
            {
                held.renew_at = self.now;
            }
        }
        if self.drain.is_some() {
            out.push(Output::Send {
                to: peer,
                message: Message::Leaving,
            });
        }
    }

    fn link_down(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        self.peers.down(peer, self.now);
        self.give_up_found(peer, out);
        self.hear_farewell(peer);
        for ball in self.balls.values_mut() {
            if let Holding::Electing(election) = &mut ball.holding {
                election.asked.remove(peer);
            }
        }
    }

    fn hear_heartbeat(&mut self, from: NodeId, at: u64, echo: Option<u64>, since: u64) {
        let now = self.now;
        if let Some(link) = self.peers.link_mut(from) {
            link.echo = Some((at, now));
            let there_and_back = echo.map(|echo| now.since(Time::from_micros(echo)));
            link.round_trip = there_and_back
                .and_then(|way| way.checked_sub(Duration::from_micros(since)))
                .or(link.round_trip);
        }
    }

    /// One heartbeat to every connected peer, four times a lease.
    fn beat(&mut self, out: &mut Vec<Output>) {
        if self.now < self.next_heartbeat {
            return;
        }
        self.next_heartbeat = self.now + self.topology.heartbeat();
        for peer in self.topology.node_ids() {
            if self.peers.link(peer).is_some() {
                self.send_heartbeat(peer, out);
            }
        }
    }

    fn send_heartbeat(&self, to: NodeId, out: &mut Vec<Output>) {
        let (echo, since) = self.echo_for(to);
        let message = Message::Heartbeat {
            at: self.now.as_micros(),
            echo,
            since,
        };
        out.push(Output::Send { to, message });
    }

    /// The life of the peer to which everything that this node says to it is addressed.
    pub fn recipient(&self, peer: NodeId) -> Option<Incarnation> {
        self.peers.link(peer).map(|link| link.incarnation)
    }

    /// The peer's latest heartbeat time and how long ago it was heard, in microseconds.
    pub(super) fn echo_for(&self, peer: NodeId) -> (Option<u64>, u64) {
        let echo = self.peers.link(peer).and_then(|link| link.echo);
        echo.map_or((None, 0), |(at, heard)| {
            (Some(at), super::time::micros(self.now.since(heard)))
        })
    }

    /// What a granted span is worth on a clock that may run one percent slow (protocol, rule 3).
    pub(super) fn safe(span: Duration) -> Duration {
        span - span / 100
    }

    pub(super) fn plays_on(&self) -> bool {
        self.topology.on_partition == OnPartition::PlayOn
    }

    pub(super) fn ball_ids(&self) -> Vec<BallId> {
        self.balls.keys().copied().collect()
    }

    pub(super) fn held_mut(&mut self, id: BallId) -> Option<&mut Held> {
        match &mut self.balls.get_mut(&id)?.holding {
            Holding::Held(held) => Some(held),
            Holding::None | Holding::Passing(_) | Holding::Electing(_) => None,
        }
    }
}
