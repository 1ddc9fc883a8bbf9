//! A node's future as a walk over plain values: by this a model checker tells states apart.
//!
//! The walk shows all that can change what the node will ever do, each value by its kind, and
//! leaves out what only people look at, and of windows and guests what a ring without them never has.
//! Two nodes with the same walk behave alike from here on.

use std::time::Duration;

use super::ball::{BallId, BallState, Generation, Record, Stamp};
use super::holder::{Election, Held, Holding, Stay};
use super::message::Incarnation;
use super::node::{Ball, Node};
use super::node_set::NodeSet;
use super::time::{Time, micros};
use super::topology::NodeId;

/// Who is shown the values.
pub trait Sketch {
    /// A value that is compared as it is.
    fn number(&mut self, number: u64);

    /// A moment on the clock of `clock`; all that lie more than `memory` in the past are alike.
    fn moment(&mut self, clock: NodeId, moment: Time, memory: Duration);

    /// All the random numbers that the node will draw.
    fn random(&mut self, seed: u64);

    /// One of the peer's lives.
    fn incarnation(&mut self, peer: NodeId, incarnation: Incarnation);

    /// A round that the next candidacy must go above.
    fn round(&mut self, round: u64);

    /// A generation.
    fn generation(&mut self, generation: Generation);

    /// A place in a ball's history.
    fn stamp(&mut self, stamp: Stamp);

    /// The number of one of this node's own requests.
    fn request(&mut self, seq: u64);

    /// Whether an answer to this request can still come.
    fn awaits(&self, seq: u64) -> bool;
}

impl Node {
    /// The number of this node's latest request; the next one is numbered one higher.
    pub fn last_request(&self) -> u64 {
        self.last_seq
    }

    /// Shows everything that decides this node's future.
    pub fn sketch(&self, to: &mut impl Sketch) {
        let (me, lease) = (self.me, self.topology.lease);
        to.incarnation(me, self.incarnation);
        to.random(self.random.get_seed());
        // Its time never goes back, so this matters to whoever would wake it at an earlier one.
        to.moment(me, self.now, Duration::ZERO);
        to.request(self.last_seq);
        to.moment(me, self.quarantine_until, Duration::ZERO);
        to.moment(me, self.next_heartbeat, Duration::ZERO);
        // Both only put off an election, together.
        let quorum_since = self.peers.quorum_since();
        let ready = quorum_since.map(|since| (since + lease / 2).max(self.quarantine_until));
        moment(to, me, ready, self.longest_turn());
        for peer in self.topology.node_ids() {
            self.sketch_link(peer, to);
        }
        if let Some(drain) = &self.drain {
            to.moment(me, drain.until, Duration::ZERO);
            set(to, drain.awaited);
            to.number(drain.done.into());
        }
        for (&BallId(ball), &(peer, stamp)) in &self.owed {
            to.number(ball.into());
            to.number(peer.0.into());
            to.stamp(stamp);
        }
        for ball in self.balls.values() {
            self.sketch_ball(ball, to);
        }
    }

    /// The longest time that a node lets others go first in an election.
    fn longest_turn(&self) -> Duration {
        let ranks = self.topology.nodes.len() + 1;
        self.topology.heartbeat() / 2 * u32::try_from(ranks).unwrap_or(u32::MAX)
    }

    fn sketch_link(&self, peer: NodeId, to: &mut impl Sketch) {
        let link = self.peers.link(peer);
        to.number(link.is_some().into());
        let Some(link) = link else { return };
        let silence = self.topology.lease;
        to.incarnation(peer, link.incarnation);
        to.number(link.leaving.into());
        to.moment(self.me, link.heard, silence);
        to.number(link.round_trip.map_or(u64::MAX, micros));
        to.number(link.echo.is_some().into());
        if let Some((at, heard)) = link.echo {
            // A ball is passed only to a peer that was heard within the last heartbeats.
            to.moment(peer, Time::from_micros(at), silence);
            to.moment(self.me, heard, silence);
        }
    }

    fn sketch_ball(&self, ball: &Ball, to: &mut impl Sketch) {
        let (lease, turn) = (self.topology.lease, self.longest_turn());
        ball.voter.sketch(self.me, lease, turn, to);
        to.round(ball.highest_round.max(ball.voter.highest_round()));
        to.moment(self.me, ball.not_before, Duration::ZERO);
        match &ball.holding {
            Holding::None => to.number(0),
            Holding::Held(held) => {
                to.number(1);
                self.sketch_held(held, to);
            }
            Holding::Passing(passing) => {
                to.number(2);
                record(to, Some(passing.record));
                to.number(passing.to.0.into());
                to.incarnation(passing.to, passing.to_incarnation);
                to.moment(self.me, passing.deadline, Duration::ZERO);
            }
            Holding::Electing(election) => {
                to.number(3);
                self.sketch_election(election, to);
            }
        }
    }

    fn sketch_held(&self, held: &Held, to: &mut impl Sketch) {
        to.stamp(held.stamp);
        to.number(held.is_frozen().into());
        match held.stay {
            Stay::Here => to.number(0),
            Stay::Calling(edge) => to.number(1 + edge as u64),
            Stay::Away(loan) => {
                to.number(3 + loan.edge as u64);
                to.moment(self.me, loan.until, Duration::ZERO);
            }
            Stay::Returning(node) => to.number(5 + u64::from(node.0)),
            Stay::Leaving => to.number(u64::MAX),
        }
        // Where it stops unless it is renewed; with the time of its edge this tells the whole way.
        let stop = held.state(self.topology.screen, held.deadline);
        to.number(stop.position.map(f64::to_bits)[0]);
        course(to, &stop);
        moment(to, self.me, held.edge_at, Duration::ZERO);
        to.moment(self.me, held.deadline, Duration::ZERO);
        to.moment(self.me, held.renew_at, Duration::ZERO);
        let renewed = held.renewed_from.zip(held.edge_at);
        to.number(renewed.is_some_and(|(sent, edge)| sent >= edge).into());
        held.sketch_asks(self.me, self.topology.lease, to);
    }

    fn sketch_election(&self, election: &Election, to: &mut impl Sketch) {
        to.generation(election.generation);
        to.request(election.seq);
        to.moment(self.me, election.sent, self.topology.lease);
        to.moment(self.me, election.closes, Duration::ZERO);
        set(to, election.asked);
        set(to, election.answered);
        set(to, election.granted);
        to.number(election.opposed.into());
        to.number(election.rivalry.map_or(9, |rivalry| rivalry as i8 as u64));
        for &wait in &election.quarantined {
            to.number(micros(wait));
        }
        record(to, election.best);
    }
}

pub(super) fn set(to: &mut impl Sketch, nodes: NodeSet) {
    for word in nodes.words() {
        to.number(word);
    }
}

pub(super) fn moment(to: &mut impl Sketch, me: NodeId, at: Option<Time>, memory: Duration) {
    to.number(at.is_some().into());
    if let Some(at) = at {
        to.moment(me, at, memory);
    }
}

/// A state that another screen may go on from: there it comes in at the edge, whatever its x was.
pub(super) fn record(to: &mut impl Sketch, record: Option<Record>) {
    to.number(record.is_some().into());
    if let Some(Record { stamp, state }) = record {
        to.stamp(stamp);
        course(to, &state);
    }
}

fn course(to: &mut impl Sketch, state: &BallState) {
    let ([_, y], [across, up]) = (state.position, state.velocity);
    for length in [y, across, up] {
        to.number(length.to_bits());
    }
}
