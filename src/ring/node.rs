//! The node: takes one input at one moment and returns what is to be done.
//!
//! [`Node::handle`] is the whole of it. It routes inputs and messages to the state machines of the
//! balls in `ball/`, and does itself what concerns several balls or none: heartbeats in `heartbeats.rs`, requests for
//! leases in `lease_requests.rs`, the planned stop in `drain.rs`, balls that windows return in
//! `loan_matching.rs`, numbers for guests in `guest_ids.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ball::Ball;
use super::context::Context;
use super::event::{Input, Notification, Output};
use super::generation::{BallId, Stamp};
use super::loan_queries::LoanQueries;
use super::message::{Incarnation, Message, Pass};
use super::node_id::NodeId;
use super::plausible::is_plausible;
use super::time::Time;
use super::token_bucket::TokenBucket;
use super::topology::Topology;
use super::window_chain::{GUEST_BURST, GUEST_INTERVAL};

/// A node that is alone in its ring wakes up after so many leases at the latest.
const LEASES_ALONE: u32 = 2;

/// One node of a ring: pure, fed with inputs and moments, answering with outputs.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) incarnation: Incarnation,
    pub(super) started: Time,
    pub(super) balls: BTreeMap<BallId, Ball>,
    /// Balls from windows about which another node was asked.
    pub(super) loan_queries: LoanQueries,
    pub(super) guest_rate: TokenBucket,
    pub(super) context: Context,
}

impl Node {
    /// A node that starts now, with nothing but its ring file and 64 random bits of its own.
    ///
    /// `incarnation` must be drawn anew for every process: it tells peers this process from the
    /// last one, and all of the node's own randomness is derived from it.
    pub fn new(topology: Arc<Topology>, me: NodeId, incarnation: Incarnation, now: Time) -> Self {
        let initial = topology
            .initial_balls()
            .map(|(id, &initial)| (id, Some(initial)));
        let guests = topology.guest_ids().map(|id| (id, None));
        let balls = initial
            .chain(guests)
            .map(|(id, initial)| (id, Ball::new(id, initial, now)))
            .collect();
        let mut context = Context::new(topology, me, incarnation.0, now);
        context.update_cover();
        Self {
            incarnation,
            started: now,
            balls,
            loan_queries: LoanQueries::default(),
            guest_rate: TokenBucket::new(GUEST_BURST, GUEST_INTERVAL),
            context,
        }
    }

    /// Takes one input at one moment and returns what is to be done, in order.
    ///
    /// What time has taken away goes first: a node that was stopped for longer than its lease
    /// switches its LED off before it does anything else.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.handle_into(now, input, &mut outputs);
        outputs
    }

    /// Like [`Self::handle`], with a place for the outputs that can be used again and again; what it held is lost.
    pub fn handle_into(&mut self, now: Time, input: Input, outputs: &mut Vec<Output>) {
        outputs.clear();
        self.context.advance_to(now);
        if self.is_drained() {
            return;
        }
        self.context.limit_moments();
        self.each_ball(Ball::limit_moments);
        if self.context.is_alone() {
            // Before anything expires: it was not woken for this, as nobody waits for the end of its lease.
            self.renew_leases();
        }
        self.each_ball(Ball::expire_lease);
        self.on_input(input);
        self.context.update_near();
        self.each_ball(Ball::expire_guest);
        self.each_ball(Ball::advance);
        self.each_ball(Ball::send_pending_ack);
        self.each_ball(Ball::run_takeover);
        self.run_elections();
        self.renew_leases();
        self.send_heartbeats();
        self.finish_drain();
        self.context.swap_outputs(outputs);
    }

    /// When [`Input::Tick`] is due; `None` once the node has left.
    pub fn next_deadline(&self) -> Option<Time> {
        if self.is_drained() {
            return None;
        }
        let context = &self.context;
        let balls = self.balls.values();
        let balls = balls.filter_map(|ball| ball.next_deadline(context));
        let heartbeat = if context.is_alone() {
            // No heartbeat comes from anywhere, and a ball may never reach an edge: rule 11 needs a look now and then.
            context.now + context.topology.lease * LEASES_ALONE
        } else {
            context.next_heartbeat
        };
        balls
            .chain([heartbeat])
            .chain(context.drain.map(|drain| drain.until))
            .min()
    }

    /// Until when the LED may be on if nothing else happens: the latest deadline of the balls that the node possesses; `None` if it
    /// possesses none.
    pub fn led_deadline(&self) -> Option<Time> {
        let context = &self.context;
        let possessed = self.balls.values().filter_map(Ball::possessed_until);
        let latest = possessed.max()?;
        // A node that is alone renews its leases when it next acts, which may be after they have ended.
        let slept = context.now + context.topology.lease * (LEASES_ALONE + 1);
        Some(if context.is_alone() {
            latest.max(slept)
        } else {
            latest
        })
    }

    /// When the node sends its next heartbeats; past where it is alone in its ring.
    pub fn next_heartbeat(&self) -> Time {
        self.context.next_heartbeat
    }

    /// The incarnation of the peer to which this node's messages are addressed.
    pub fn recipient(&self, peer: NodeId) -> Option<Incarnation> {
        let link = self.context.peers.link(peer);
        link.map(|link| link.incarnation)
    }

    fn is_drained(&self) -> bool {
        self.context.drain.is_some_and(|drain| drain.done)
    }

    fn each_ball(&mut self, step: impl Fn(&mut Ball, &mut Context)) {
        for ball in self.balls.values_mut() {
            step(ball, &mut self.context);
        }
    }

    /// Runs `step` for that ball, if this ring has it.
    pub(super) fn with_ball(&mut self, id: BallId, step: impl FnOnce(&mut Ball, &mut Context)) {
        if let Some(ball) = self.balls.get_mut(&id) {
            step(ball, &mut self.context);
        }
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::LinkUp { peer, incarnation } => self.on_link_up(peer, incarnation),
            Input::LinkDown { peer } => self.on_link_down(peer),
            Input::Received { from, message } => self.on_received(from, message),
            Input::Duplicate => self.on_duplicate(),
            Input::Contested { peer } => self.on_contested(peer),
            Input::WindowAnswered { ball, open } => self.with_ball(ball, |ball, context| {
                ball.on_window_answered(context, open);
            }),
            Input::WindowSendFailed { ball } => self.with_ball(ball, Ball::bring_home),
            Input::FromWindow { edge, ball } => self.on_window_ball(edge, &ball),
            Input::AddGuest(state) => self.on_guest(state),
            Input::RemoveGuest(ball) => self.remove_guest(ball),
            Input::Tick => {}
            Input::Died { peer, incarnation } => self.on_died(peer, incarnation),
            Input::Drain => self.start_drain(),
        }
    }

    fn on_received(&mut self, from: NodeId, message: Message) {
        let now = self.context.now;
        let Some(link) = self.context.peers.link_mut(from) else {
            return;
        };
        link.heard = now;
        link.pace.owes_since = None;
        if is_plausible(&message, &self.balls) {
            self.on_message(from, message);
        } else {
            self.context.notify(Notification::Implausible { from });
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Heartbeat {
                at,
                echo,
                since,
                near,
            } => self.on_heartbeat(from, at, (echo, since), near),
            Message::Pass(pass) => self.on_pass(from, &pass),
            Message::PassAck {
                ball,
                generation,
                hop,
            } => self.with_ball(ball, |ball, _| ball.on_pass_ack(Stamp { generation, hop })),
            Message::Acquire { seq, balls } => self.on_acquire(from, seq, &balls),
            Message::Granted { seq, balls } => {
                for grant in balls {
                    self.with_ball(grant.ball, |ball, context| {
                        ball.on_granted(context, from, seq, grant.newest);
                    });
                }
            }
            Message::Denied { seq, balls } => {
                for denial in balls {
                    self.with_ball(denial.ball, |ball, context| {
                        ball.on_denied(context, from, seq, &denial);
                    });
                }
            }
            Message::Release { ball, generation } => self.with_ball(ball, |ball, context| {
                ball.on_release(context, generation);
            }),
            Message::LoanQuery { seq, edge, ball } => self.on_loan_query(from, seq, edge, &ball),
            Message::LoanUnknown { seq } => self.on_loan_unknown(from, seq),
            Message::Remove { ball, generation } => self.with_ball(ball, |ball, context| {
                ball.on_remove(context, generation);
            }),
            Message::Leaving => self.on_leaving(from),
            Message::LeaveAck => self.on_leave_ack(from),
            Message::Fence {
                ball,
                generation,
                promise,
            } => self.with_ball(ball, |ball, context| {
                ball.on_fence(context, from, generation, promise);
            }),
            Message::Fenced {
                ball,
                generation,
                promise,
                newest,
                passing,
            } => self.with_ball(ball, |ball, context| {
                ball.on_fenced(context, from, (generation, promise), newest, passing);
            }),
            // The links handle these themselves.
            Message::Hello(_) | Message::Refused { .. } | Message::Unknown => {}
        }
    }

    fn on_pass(&mut self, from: NodeId, pass: &Pass) {
        let Some(ball) = self.balls.get_mut(&pass.ball) else {
            return;
        };
        if ball.on_pass(&mut self.context, from, pass) {
            self.loan_queries.settle(from, &pass.record.state);
        }
    }

    fn on_link_up(&mut self, peer: NodeId, incarnation: Incarnation) {
        // A connection may take another one's place without a notice of the other's end.
        self.abandon_loan_queries(peer);
        let now = self.context.now;
        self.context.peers.up(peer, incarnation, now);
        self.context.update_cover();
        self.context.update_near();
        let link = self.context.peers.link(peer);
        if link.is_some_and(|link| link.pace.near_since.is_none()) {
            self.context.send_heartbeat(peer);
        }
        self.context.spread_far_heartbeats(peer);
        self.each_ball(|ball, context| ball.on_connected(context, peer, incarnation));
        if self.context.is_draining() {
            self.context.send(peer, Message::Leaving);
        }
    }

    fn on_link_down(&mut self, peer: NodeId) {
        self.context.peers.down(peer, self.context.now);
        self.context.update_cover();
        self.abandon_loan_queries(peer);
        // A closed connection brings no more passes, either.
        self.on_leave_ack(peer);
        self.each_ball(|ball, _| ball.on_disconnected(peer));
    }

    /// Rule 13: a process of that peer will never act again.
    fn on_died(&mut self, peer: NodeId, incarnation: Incarnation) {
        let now = self.context.now;
        if peer == self.context.me || !self.context.peers.note_death(peer, incarnation, now) {
            return;
        }
        self.context.update_cover();
        self.each_ball(|ball, context| ball.on_died(context, peer, incarnation));
        self.answer_early_requests();
    }

    /// Rule 2: another process of this name may have granted leases of which this one knows nothing.
    fn on_duplicate(&mut self) {
        let (now, lease) = (self.context.now, self.context.topology.lease);
        // Not notified while the quarantine still runs: every refusal extends it.
        if now >= self.context.quarantine_until {
            self.context.notify(Notification::DuplicateNode);
        }
        self.context.quarantine_until = now + lease;
    }
}
