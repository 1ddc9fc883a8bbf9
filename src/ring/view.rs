//! What a node knows, as plain values for people and other programs.

use std::time::Duration;

use super::ball::{Ball, HolderState};
use super::context::Context;
use super::counters::Counters;
use super::generation::{BallId, Stamp};
use super::message::Incarnation;
use super::motion::{BallState, Direction};
use super::node::Node;
use super::node_id::NodeId;

/// A node that is not told of every holder knows no longer where a ball is of which it has not heard for so many leases.
const KNOWN_LEASES: u32 = 3;

/// What a node knows at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The node that knows it.
    pub me: NodeId,
    /// Its process.
    pub incarnation: Incarnation,
    /// How long it has been running.
    pub uptime: Duration,
    /// Whether it can reach enough voters for a quorum.
    pub has_quorum: bool,
    /// Whether a full lease has passed since its start (rule 2).
    pub is_past_quarantine: bool,
    /// Whether it is about to leave the ring.
    pub draining: bool,
    /// Every node of the ring, itself included, in ring order.
    pub nodes: Vec<NodeView>,
    /// Every ball.
    pub balls: Vec<BallView>,
    /// Totals since its start.
    pub counters: Counters,
}

/// Whether a node is up, as far as another can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Heard within the last heartbeats.
    Up,
    /// Not heard, while a majority is heard: this node is the one that is missing.
    Down,
    /// Not heard, and neither is a majority: it cannot be told who is missing. Or connected and far, and not heard
    /// lately: nobody asked it.
    Unknown,
}

/// One node as another sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    /// The node.
    pub node: NodeId,
    /// Whether it is up.
    pub health: Health,
    /// For how long the link has been as it is.
    pub since: Duration,
    /// The round trip on the link, by the latest heartbeat.
    pub round_trip: Option<Duration>,
    /// Its process, while it is connected.
    pub incarnation: Option<Incarnation>,
}

/// One ball as a node knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct BallView {
    /// The ball.
    pub ball: BallId,
    /// The node that has it; `None` where this node does not know, or has not heard of the ball for a while and is not
    /// told of every holder.
    pub holder: Option<NodeId>,
    /// Whether this node possesses it: its LED is on.
    pub here: bool,
    /// Whether this node has a copy that stands still.
    pub frozen: bool,
    /// Whether it is a guest: not in the ring file.
    pub guest: bool,
    /// The loan, if this node lent it to a window.
    pub loan: Option<LoanView>,
    /// The newest place in its history that this node knows.
    pub stamp: Option<Stamp>,
    /// How it moves: now if it is here, else when a holder last reported it.
    pub state: Option<BallState>,
    /// How long ago that was.
    pub age: Duration,
}

/// The loan of a ball to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoanView {
    /// The edge of this node's screen by which it left.
    pub edge: Direction,
    /// How long ago it left.
    pub since: Duration,
}

impl Node {
    /// What this node knows, as of the last input.
    pub fn view(&self) -> View {
        let context = &self.context;
        let live = context.up_voter_count();
        let reaches_majority = live >= context.majority;
        let nodes = context.topology.node_ids();
        View {
            me: context.me,
            incarnation: self.incarnation,
            uptime: context.now.since(self.started),
            has_quorum: live >= context.quorum,
            is_past_quarantine: context.now >= context.quarantine_until,
            draining: context.is_draining(),
            nodes: nodes
                .map(|node| self.node_view(node, reaches_majority))
                .collect(),
            balls: self.ball_views().collect(),
            counters: context.counters,
        }
    }

    /// What this node knows of every ball, as of the last input.
    pub fn ball_views(&self) -> impl Iterator<Item = BallView> {
        let balls = self.balls.values();
        balls.filter_map(|ball| ball_view(ball, &self.context))
    }

    /// A node that is not heard is down if this node reaches a majority: then the fault is not its own.
    fn node_view(&self, node: NodeId, reaches_majority: bool) -> NodeView {
        let Context { peers, now, .. } = &self.context;
        if node == self.context.me {
            return NodeView {
                node,
                health: Health::Up,
                since: now.since(self.started),
                round_trip: None,
                incarnation: Some(self.incarnation),
            };
        }
        let peer = peers.get(node);
        let link = peer.and_then(|peer| peer.link.as_ref());
        let never_met = peer.is_some_and(|peer| !peer.met) && *now < self.context.quarantine_until;
        // One that is connected and was asked nothing may be well.
        let is_unasked = peers.is_up(node, *now);
        let health = if peers.is_live(node, *now) {
            Health::Up
        } else if is_unasked {
            Health::Unknown
        } else if reaches_majority && !never_met {
            Health::Down
        } else {
            Health::Unknown
        };
        NodeView {
            node,
            health,
            since: peer.map_or(Duration::ZERO, |peer| now.since(peer.since)),
            round_trip: link.and_then(|link| link.round_trip),
            incarnation: link.map(|link| link.incarnation),
        }
    }
}

/// `None` for a number that no guest has.
fn ball_view(ball: &Ball, context: &Context) -> Option<BallView> {
    let (now, screen) = (context.now, context.topology.screen);
    let newest = ball.voter.newest();
    let guest = ball.is_guest();
    let heard = ball.voter.heard_at();
    let is_recent = |heard| now.since(heard) <= context.topology.lease * KNOWN_LEASES;
    let hears_all = !context.peers.has_far || context.votes(context.me);
    let is_known = hears_all || heard.is_some_and(is_recent);
    Some(match &ball.holding {
        HolderState::Held(held) => BallView {
            ball: ball.id,
            holder: Some(context.me),
            here: held.is_possessed(),
            frozen: held.is_frozen(),
            guest,
            loan: held.loan().map(|loan| LoanView {
                edge: loan.edge,
                since: now.since(loan.since),
            }),
            stamp: Some(held.stamp),
            state: Some(held.state(screen, now)),
            age: Duration::ZERO,
        },
        HolderState::None | HolderState::Passing(_) | HolderState::Electing(_)
            if guest && newest.is_none() =>
        {
            return None;
        }
        HolderState::None | HolderState::Passing(_) | HolderState::Electing(_) => BallView {
            ball: ball.id,
            holder: ball.voter.holder().filter(|_| is_known),
            here: false,
            frozen: false,
            guest,
            loan: None,
            stamp: newest.map(|newest| newest.stamp),
            state: newest.map(|newest| newest.state),
            age: heard.map_or(Duration::ZERO, |heard| now.since(heard)),
        },
    })
}
