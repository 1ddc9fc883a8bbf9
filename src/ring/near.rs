//! Near and far peers: which peers this node hears often in a large ring, and who hears of a ball.
//!
//! A node needs frequent heartbeats of those peers to which it may pass a ball, the voters while it holds one or stands for
//! election, and nobody else. In a small ring, and where every part plays on, all peers are near.

use std::time::Duration;

use super::context::Context;
use super::event::Output;
use super::message::Message;
use super::motion::Direction;
use super::node_id::{NodeId, NodeSet};
use super::peers::Reach;
use super::topology::{OnPartition, Topology};

/// In a ring of no more nodes, all peers are near.
const MOST_ALL_NEAR: usize = 7;

/// So many peers on each side that can take a ball, and all before them, are near.
pub(super) const NEAR_ON_A_SIDE: usize = 2;

/// A far peer gets a heartbeat once in so many leases, give or take a quarter. In a ring of more nodes it is once in as many leases as
/// there are nodes: then all far peers together get about one a lease, however large the ring.
const FAR_LEASES: usize = 32;

/// The usual time between two heartbeats to a far peer.
fn far_pace(topology: &Topology) -> Duration {
    let leases = topology.nodes.len().max(FAR_LEASES);
    topology.lease * u32::try_from(leases).unwrap_or(u32::MAX)
}

impl Topology {
    /// Whether a node hears only those peers often that it has to do with: the others are far.
    pub fn has_far_peers(&self) -> bool {
        self.nodes.len() > MOST_ALL_NEAR && self.on_partition == OnPartition::Freeze
    }

    /// A line of the fingerprint: a node that does not know of far peers takes them for dead.
    pub(super) fn far_peers_fact(&self) -> &'static str {
        if self.has_far_peers() {
            "far peers\n"
        } else {
            ""
        }
    }
}

impl Context {
    /// Looks up which peers are near, and asks those at once that have become so.
    pub(super) fn update_near(&mut self) {
        if !self.peers.has_far {
            return;
        }
        let near = self.walk(Direction::Left).or(self.walk(Direction::Right));
        let before = self.peers.near;
        if near == before && !self.peers.is_near_outdated {
            return;
        }
        self.peers.near = near;
        self.peers.is_near_outdated = false;
        let now = self.now;
        for peer in near.or(before).iter() {
            let Some(link) = self.peers.link_mut(peer) else {
                continue;
            };
            if !near.contains(peer) {
                link.pace.near_since = None;
            } else if link.pace.near_since.is_none() {
                link.pace.near_since = Some(now);
                self.send_heartbeat(peer);
            }
        }
    }

    /// The peers to which this node comes in that direction before it has counted two that can take a ball, these included.
    ///
    /// A peer that has just been asked counts until its time to answer is over. So where two die at once, the next are
    /// asked as soon as that is known, and no node waits for more than these.
    fn walk(&self, direction: Direction) -> NodeSet {
        let (mut met, mut good) = (NodeSet::default(), 0);
        for peer in self.topology.onward(self.me, direction) {
            met.insert(peer);
            good += usize::from(self.peers.reach(peer, self.now) != Reach::Gone);
            if good == NEAR_ON_A_SIDE {
                break;
            }
        }
        met
    }

    /// Sends the peer a heartbeat now.
    pub(super) fn send_heartbeat(&mut self, to: NodeId) {
        let (echo, since) = self.echo_for(to);
        let (now, mut near) = (self.now, false);
        if self.peers.has_far {
            let pace = far_pace(&self.topology);
            // Spread over time: a burst to all far peers would delay a ball.
            let early = self.random_span(pace / 2);
            if let Some(link) = self.peers.link_mut(to) {
                near = link.pace.asks(now);
                link.pace.has_asked = near;
                link.pace.far_due = now + (pace * 5 / 4 - early);
            }
        }
        let at = now.as_micros();
        let heartbeat = Message::Heartbeat {
            at,
            echo,
            since,
            near,
        };
        self.send(to, heartbeat);
    }

    /// After the heartbeat that a new link begins with, the next one at the far pace may be due at any time of it. Otherwise those of all
    /// links that are made at once, as after a loss of power, would be due together.
    pub(super) fn spread_far_heartbeats(&mut self, peer: NodeId) {
        if !self.peers.has_far {
            return;
        }
        let due = self.now + self.random_span(far_pace(&self.topology));
        if let Some(link) = self.peers.link_mut(peer) {
            link.pace.far_due = due;
        }
    }

    /// Whether the peer gets one of the heartbeats that are sent now, four times a lease.
    pub(super) fn is_heartbeat_due(&self, peer: NodeId) -> bool {
        self.peers.link(peer).is_some_and(|link| {
            let pace = &link.pace;
            // One that was asked is told when it is asked no longer.
            let is_near = pace.asks(self.now) || pace.is_asked || pace.has_asked;
            !self.peers.has_far || is_near || pace.far_due <= self.now
        })
    }

    /// Sends what a holder requests: to the voters, and to the peers that may come to have the ball.
    ///
    /// What changes the whole ring's idea of a ball (`for_all`) goes to every connected peer: which generation it has, or that it has left.
    pub(super) fn announce(&mut self, message: Message, for_all: bool) {
        if for_all || !self.peers.has_far {
            self.broadcast(message);
            return;
        }
        let to = self.voters.or(self.peers.near).or(self.peers.asking());
        let to = to.and(self.peers.connected());
        if !to.is_empty() {
            self.output(Output::Multicast { to, message });
        }
    }

    /// From now on these voters owe an answer.
    pub(super) fn expect_answers(&mut self, voters: NodeSet) {
        if !self.peers.has_far {
            return;
        }
        let now = self.now;
        for voter in voters.iter() {
            if let Some(link) = self.peers.link_mut(voter) {
                link.pace.owes_since.get_or_insert(now);
            }
        }
    }

    /// How many nodes may stand for the election of one ball.
    pub(super) fn candidate_count(&self) -> usize {
        if self.peers.has_far {
            self.up_voter_count() + 2 * NEAR_ON_A_SIDE
        } else {
            self.up_count()
        }
    }

    /// The longest round trip that an election may take.
    pub(super) fn longest_round_trip(&self) -> Duration {
        let connected = self.peers.connected();
        let concerned = if self.peers.has_far {
            connected.and(self.voters.or(self.peers.near))
        } else {
            connected
        };
        self.peers.longest_round_trip(self.now, concerned)
    }
}
