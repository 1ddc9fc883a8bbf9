//! What a ball's state machine reads of its node, and where it leaves its outputs.

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::cover::{Cover, CoverDigest};
use super::event::{Notification, Output, Possession};
use super::generation::{BallId, Stamp};
use super::incarnation::{Incarnation, Life};
use super::message::Message;
use super::motion::Direction;
use super::node_id::{NodeId, NodeSet};
use super::peers::{Peers, Reach};
use super::time::{Time, micros};
use super::topology::{OnPartition, Topology};

/// The part of a node that all its balls share.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) topology: Arc<Topology>,
    pub(super) me: NodeId,
    /// The nodes whose grants make a quorum.
    pub(super) voters: NodeSet,
    /// How many voters must grant a request.
    pub(super) quorum: usize,
    /// More than half of the voters.
    pub(super) majority: usize,
    /// The latest moment handed in; it never goes back.
    pub(super) now: Time,
    /// Until then this node grants nothing (rule 2).
    pub(super) quarantine_until: Time,
    pub(super) next_heartbeat: Time,
    pub(super) peers: Peers,
    /// Of this process.
    pub(super) incarnation: Incarnation,
    /// Whom this node would name as the cover of a lease that it asked for now (rule 13); `None` where covers are not kept.
    pub(super) cover: Option<NamedCover>,
    /// The planned stop, while one is under way (rule 8).
    pub(super) drain: Option<Drain>,
    pub(super) random: fastrand::Rng,
    pub(super) last_seq: u64,
    pub(super) counters: Counters,
    outputs: Vec<Output>,
}

/// A cover, and its digest.
#[derive(Clone, Debug)]
pub(super) struct NamedCover {
    pub(super) cover: Cover,
    pub(super) digest: CoverDigest,
}

impl From<Cover> for NamedCover {
    fn from(cover: Cover) -> Self {
        let digest = cover.digest();
        Self { cover, digest }
    }
}

/// Who takes a ball that leaves this node's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbour {
    /// No node.
    Nobody,
    /// A node that has until this moment to show that it is there.
    Asked(Time),
    /// This node.
    Node(NodeId),
}

/// A planned stop under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    /// When the node leaves at the latest.
    pub(super) until: Time,
    /// The peers that may still have a pass on the way to this node.
    pub(super) awaited: NodeSet,
    pub(super) done: bool,
}

impl Context {
    /// The context of a node that starts now.
    pub(super) fn new(topology: Arc<Topology>, me: NodeId, seed: u64, now: Time) -> Self {
        let voters: NodeSet = topology.voter_ids().collect();
        let own = usize::from(voters.contains(me));
        let (quorum, majority) = (topology.quorum(), topology.majority());
        let others = quorum.saturating_sub(own);
        let (count, heartbeat) = (topology.nodes.len(), topology.heartbeat());
        Self {
            me,
            voters,
            quorum,
            majority,
            now,
            quarantine_until: now + topology.lease,
            next_heartbeat: now + heartbeat,
            peers: Peers::new(
                count,
                voters,
                others,
                now,
                heartbeat,
                topology.has_far_peers(),
            ),
            incarnation: Incarnation(seed),
            cover: None,
            drain: None,
            random: fastrand::Rng::with_seed(seed),
            last_seq: 0,
            counters: Counters::default(),
            outputs: Vec::new(),
            topology,
        }
    }

    /// Goes on to the moment `now`.
    ///
    /// A clock that goes back a little is held; one that is more than a heartbeat interval behind shows
    /// that this node's memory is wrong, not the clock (rule 11). A longer hold would silence the node
    /// for as long.
    pub(super) fn advance_to(&mut self, now: Time) {
        let heartbeat = self.topology.heartbeat();
        self.now = if now + heartbeat < self.now {
            now
        } else {
            self.now.max(now)
        };
    }

    /// Rule 11: limits every moment to what a correct run can lead to.
    pub(super) fn limit_moments(&mut self) {
        let (now, lease) = (self.now, self.topology.lease);
        self.quarantine_until = self.quarantine_until.min(now + lease);
        self.next_heartbeat = self.next_heartbeat.min(now + self.topology.heartbeat());
        self.peers.limit_moments(now);
    }

    /// Exchanges what is to be done, in order, for an empty list whose memory is used next time.
    pub(super) fn swap_outputs(&mut self, outputs: &mut Vec<Output>) {
        std::mem::swap(&mut self.outputs, outputs);
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }

    pub(super) fn led_on(&mut self, ball: BallId, stamp: Stamp) {
        self.output(Output::LedOn(Possession { ball, stamp }));
    }

    pub(super) fn led_off(&mut self, ball: BallId, stamp: Stamp) {
        self.output(Output::LedOff(Possession { ball, stamp }));
    }

    pub(super) fn send(&mut self, to: NodeId, message: Message) {
        self.output(Output::Send { to, message });
    }

    /// Sends to every connected peer; does nothing if there is none.
    pub(super) fn broadcast(&mut self, message: Message) {
        if !self.peers.connected().is_empty() {
            self.output(Output::Broadcast(message));
        }
    }

    pub(super) fn notify(&mut self, notification: Notification) {
        self.output(Output::Notify(notification));
    }

    /// The number of a new request; answers repeat it.
    pub(super) fn next_seq(&mut self) -> u64 {
        self.last_seq = self.last_seq.saturating_add(1);
        self.last_seq
    }

    pub(super) fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    pub(super) fn plays_on(&self) -> bool {
        self.topology.on_partition == OnPartition::PlayOn
    }

    /// Looks up whom this node names as the cover of its leases: itself, and everyone with whom it is connected.
    ///
    /// In a ring with far peers that would be too many, and where every part plays on, one vote is a quorum: there no
    /// lease has a cover, and none is overruled.
    pub(super) fn update_cover(&mut self) {
        if self.peers.has_far || self.plays_on() {
            return;
        }
        let connected = self.peers.connected().iter();
        let peers = connected.filter_map(|node| {
            let incarnation = self.peers.link(node)?.incarnation;
            let has_ended = self.peers.death_of(node, incarnation).is_some();
            (!has_ended).then_some(Life { node, incarnation })
        });
        self.cover = Some(NamedCover::from(Cover::new(peers.chain([self.own_life()]))));
    }

    /// This process.
    pub(super) fn own_life(&self) -> Life {
        let (node, incarnation) = (self.me, self.incarnation);
        Life { node, incarnation }
    }

    /// Whether this is the only node of its ring (rule 3).
    pub(super) fn is_alone(&self) -> bool {
        self.topology.nodes.len() <= 1
    }

    /// The lease as counted by a clock that may run one percent slow (rule 3).
    pub(super) fn safe_lease(&self) -> Duration {
        safe(self.topology.lease)
    }

    /// Whether the node's grants count.
    pub(super) fn votes(&self, node: NodeId) -> bool {
        self.voters.contains(node)
    }

    /// How many of these nodes vote: the others' grants and denials count for nothing.
    pub(super) fn votes_in(&self, nodes: NodeSet) -> usize {
        nodes.and(self.voters).len()
    }

    /// The nodes that may be taken to be there, this one included.
    pub(super) fn up_count(&self) -> usize {
        self.peers.up_peers(self.now).len() + 1
    }

    /// The peers that vote and may be taken to be there.
    pub(super) fn up_voters(&self) -> NodeSet {
        self.peers.up_peers(self.now).and(self.voters)
    }

    /// How many voters may be taken to be there, this node included if it is one.
    pub(super) fn up_voter_count(&self) -> usize {
        self.up_voters().len() + usize::from(self.votes(self.me))
    }

    /// The node that takes a ball which flies in that direction.
    pub(super) fn neighbour(&self, direction: Direction) -> Neighbour {
        let onward = self.topology.onward(self.me, direction);
        let mut reached = onward.map(|node| (node, self.peers.reach(node, self.now)));
        let first = reached.find(|(_, reach)| *reach != Reach::Gone);
        match first {
            Some((node, Reach::Live)) => Neighbour::Node(node),
            Some((_, Reach::Asked(until))) => Neighbour::Asked(until),
            Some((_, Reach::Gone)) | None => Neighbour::Nobody,
        }
    }

    /// The node to which a draining node passes a ball that flies in that direction.
    pub(super) fn drain_target(&self, direction: Direction) -> Neighbour {
        let (onward, back) = (
            self.neighbour(direction),
            self.neighbour(direction.opposite()),
        );
        match (onward, back) {
            (Neighbour::Node(_), _) => onward,
            (_, Neighbour::Node(_)) | (Neighbour::Nobody, _) => back,
            (Neighbour::Asked(_), _) => onward,
        }
    }

    /// The peer's latest heartbeat time and how long ago it was heard, in microseconds.
    pub(super) fn echo_for(&self, peer: NodeId) -> (Option<u64>, u64) {
        let echo = self.peers.link(peer).and_then(|link| link.echo);
        echo.map_or((None, 0), |(at, heard)| {
            (Some(at), micros(self.now.since(heard)))
        })
    }

    /// A random span from zero to `most`.
    pub(super) fn random_span(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.random.u64(0..=micros(most)))
    }
}

/// A span as counted by a clock that may run one percent slow (rule 3).
pub(super) fn safe(span: Duration) -> Duration {
    span - span / 100
}
