//! What a node knows, as plain values for people and other programs.

use std::time::Duration;

use super::ball::{BallId, BallState, Direction, Stamp};
use super::holder::Holding;
use super::message::Incarnation;
use super::node::Node;
use super::topology::NodeId;

/// How often something happened since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Passes taken.
    pub hops: u64,
    /// Elections won.
    pub elections: u64,
    /// Passes that brought nothing newer than what was known.
    pub refused_passes: u64,
    /// Balls lent to windows.
    pub loans: u64,
    /// Balls from windows that were not taken.
    pub refused_balls: u64,
}

/// What a node knows at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Who knows it.
    pub me: NodeId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// How long it has been running.
    pub uptime: Duration,
    /// Whether it can reach enough nodes for a quorum.
    pub has_quorum: bool,
    /// Whether a full lease has passed since its start, so that its vote counts.
    pub votes: bool,
    /// Whether it is about to leave.
    pub draining: bool,
    /// Every node of the ring, itself included, in ring order.
    pub nodes: Vec<NodeView>,
    /// Every ball.
    pub balls: Vec<BallView>,
    /// What happened so far.
    pub counters: Counters,
}

/// Whether a node is well, as far as another can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Heard within the last heartbeats.
    Up,
    /// Not heard, while a majority is: it is the one that is missing.
    Down,
    /// Not heard, and neither is a majority: nobody can say who is missing.
    Unknown,
}

/// One node as another sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    /// Which.
    pub node: NodeId,
    /// Whether it is well.
    pub health: Health,
    /// For how long the link has been as it is.
    pub since: Duration,
    /// There and back on the link, by the latest heartbeat.
    pub round_trip: Option<Duration>,
    /// Its process, while it is connected.
    pub incarnation: Option<Incarnation>,
}

/// One ball as a node knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct BallView {
    /// Which.
    pub ball: BallId,
    /// The node that has it, as far as known.
    pub holder: Option<NodeId>,
    /// Whether this node possesses it: its LED is on.
    pub here: bool,
    /// Whether this node has a copy that stands still.
    pub frozen: bool,
    /// Whether it is none of the ring file's.
    pub guest: bool,
    /// Which window has it, and for how long, if this node lent it to one.
    pub loan: Option<LoanView>,
    /// Its place in its history.
    pub stamp: Option<Stamp>,
    /// How it moves: now if it is here, else when it was last heard of.
    pub state: Option<BallState>,
    /// How long ago that was.
    pub age: Duration,
}

/// A ball that a window has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoanView {
    /// The edge of this node's screen by which it left.
    pub edge: Direction,
    /// How long ago.
    pub since: Duration,
}

impl Node {
    /// What this node knows, as of the last input.
    pub fn view(&self) -> View {
        let live = self.peers.live(self.now).len() + 1;
        let has_quorum = live >= self.topology.quorum();
        let sure = live > self.topology.nodes.len() / 2;
        View {
            me: self.me,
            incarnation: self.incarnation,
            uptime: self.now.since(self.started),
            has_quorum,
            votes: self.now >= self.quarantine_until,
            draining: self.drain.is_some(),
            nodes: self
                .topology
                .node_ids()
                .map(|node| self.node_view(node, sure))
                .collect(),
            balls: self.ball_views().collect(),
            counters: self.counters,
        }
    }

    /// What this node knows of every ball, as of the last input.
    pub fn ball_views(&self) -> impl Iterator<Item = BallView> {
        self.balls.keys().filter_map(|&id| self.ball_view(id))
    }

    /// With `sure`, who is not heard is down: this node reaches a majority, so it is not its own fault.
    fn node_view(&self, node: NodeId, sure: bool) -> NodeView {
        if node == self.me {
            return NodeView {
                node,
                health: Health::Up,
                since: self.now.since(self.started),
                round_trip: None,
                incarnation: Some(self.incarnation),
            };
        }
        let peer = self.peers.get(node);
        let link = peer.and_then(|peer| peer.link.as_ref());
        let never_met = peer.is_some_and(|peer| !peer.met) && self.now < self.quarantine_until;
        let health = if self.peers.is_live(node, self.now) {
            Health::Up
        } else if sure && !never_met {
            Health::Down
        } else {
            Health::Unknown
        };
        NodeView {
            node,
            health,
            since: peer.map_or(Duration::ZERO, |peer| self.now.since(peer.since)),
            round_trip: link.and_then(|link| link.round_trip),
            incarnation: link.map(|link| link.incarnation),
        }
    }

    fn ball_view(&self, id: BallId) -> Option<BallView> {
        let ball = self.balls.get(&id)?;
        let newest = ball.voter.newest();
        let heard = ball.voter.heard();
        let guest = ball.serve.is_none();
        Some(match &ball.holding {
            Holding::Held(held) => BallView {
                ball: id,
                holder: Some(self.me),
                here: held.is_lit(),
                frozen: held.is_frozen(),
                guest,
                loan: held.loan().map(|loan| LoanView {
                    edge: loan.edge,
                    since: self.now.since(loan.since),
                }),
                stamp: Some(held.stamp),
                state: Some(held.state(self.topology.screen, self.now)),
                age: Duration::ZERO,
            },
            // An identity without a guest.
            Holding::None | Holding::Passing(_) | Holding::Electing(_)
                if guest && newest.is_none() =>
            {
                return None;
            }
            Holding::None | Holding::Passing(_) | Holding::Electing(_) => BallView {
                ball: id,
                holder: ball.voter.holder(),
                here: false,
                frozen: false,
                guest,
                loan: None,
                stamp: newest.map(|newest| newest.stamp),
                state: newest.map(|newest| newest.state),
                age: heard.map_or(Duration::ZERO, |heard| self.now.since(heard)),
            },
        })
    }
}
