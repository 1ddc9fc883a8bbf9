//! The holder's part: what this node has of one ball.

use std::cmp::Ordering;
use std::time::Duration;

use super::ball::{BallState, Direction, Generation, Record, Stamp};
use super::message::Incarnation;
use super::motion;
use super::node_set::NodeSet;
use super::sketch::{self, Sketch};
use super::time::Time;
use super::topology::{NodeId, Screen};
use super::window_ball::WindowBall;

/// What this node has of one ball.
#[derive(Clone, Debug)]
pub(super) enum Holding {
    /// Nothing.
    None,
    /// A copy; possessed while its deadline is ahead.
    Held(Held),
    /// Sent, not yet acknowledged.
    Passing(Passing),
    /// Nothing yet: asking the ring for it.
    Electing(Election),
}

/// Where a ball is whose lease this node holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stay {
    /// On this node's screen.
    Here,
    /// At that edge of it, while a connection to the window beyond is opened.
    Calling(Direction),
    /// With a window.
    Away(Loan),
    /// Back from a window, and to be handed to the node beyond the gap.
    Returning(NodeId),
    /// Nowhere: the ring is being told to forget it.
    Leaving,
}

/// A ball that a window has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loan {
    /// The edge by which it left.
    pub(super) edge: Direction,
    pub(super) since: Time,
    /// When this node takes it back.
    pub(super) until: Time,
    pub(super) sent: WindowBall,
}

/// A copy of the ball.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) stamp: Stamp,
    pub(super) stay: Stay,
    pub(super) entry: BallState,
    /// When the ball was as `entry` says; `None` while it is frozen.
    pub(super) moving_since: Option<Time>,
    /// When the ball reaches its edge, if it moves and ever does.
    pub(super) edge_at: Option<Time>,
    /// Until when this node may act as holder.
    pub(super) deadline: Time,
    /// When the request that set the deadline was sent; `None` for a lease that came with a pass.
    pub(super) renewed_from: Option<Time>,
    pub(super) renew_at: Time,
    asks: Vec<Ask>,
}

/// One renewal, and who has answered it.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) seq: u64,
    pub(super) sent: Time,
    pub(super) asked: NodeSet,
    pub(super) granted: NodeSet,
    /// Who denied it in favour of which other generation's running lease.
    denied: Vec<(Generation, NodeSet)>,
}

/// At most this many renewals are remembered: one is sent every quarter of a lease and is worth a lease.
const MOST_ASKS: usize = 5;

/// At most this many rivals are told apart in the answers to one renewal.
const MOST_RIVALS: usize = 4;

impl Held {
    pub(super) fn new(stamp: Stamp, entry: BallState, deadline: Time, renew_at: Time) -> Self {
        Self {
            stamp,
            stay: Stay::Here,
            entry,
            moving_since: None,
            edge_at: None,
            deadline,
            renewed_from: None,
            renew_at,
            asks: Vec::new(),
        }
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.moving_since.is_none()
    }

    /// Whether the ball is on this node's screen.
    pub(super) fn is_here(&self) -> bool {
        matches!(self.stay, Stay::Here | Stay::Calling(_))
    }

    /// Whether this node possesses the ball: it is here, and the lease runs.
    pub(super) fn is_lit(&self) -> bool {
        self.is_here() && !self.is_frozen()
    }

    /// The loan, while a window has the ball.
    pub(super) fn loan(&self) -> Option<Loan> {
        match self.stay {
            Stay::Away(loan) => Some(loan),
            Stay::Here | Stay::Calling(_) | Stay::Returning(_) | Stay::Leaving => None,
        }
    }

    /// The ball as it is now; as it stood, if it is frozen; as it left, if it is not here.
    pub(super) fn state(&self, screen: Screen, now: Time) -> BallState {
        match self.moving_since.filter(|_| self.is_here()) {
            Some(since) => motion::at(&self.entry, screen, now.since(since)),
            None => self.entry,
        }
    }

    /// Lets the ball move from `entry`, taking no less than `at_least` to the edge.
    pub(super) fn start(&mut self, now: Time, screen: Screen, at_least: Duration) {
        self.moving_since = Some(now);
        self.edge_at = match self.stay {
            Stay::Here => {
                motion::time_to_edge(&self.entry, screen).map(|time| now + time.max(at_least))
            }
            Stay::Returning(_) => Some(now),
            Stay::Calling(_) | Stay::Away(_) | Stay::Leaving => None,
        };
    }

    /// Stops the ball where it was at `moment`.
    pub(super) fn freeze(&mut self, moment: Time, screen: Screen) {
        self.entry = self.state(screen, moment);
        self.moving_since = None;
        self.edge_at = None;
        if let Stay::Calling(_) = self.stay {
            self.stay = Stay::Here;
        }
    }

    /// Remembers a renewal that is sent now to the nodes `asked`.
    pub(super) fn ask(&mut self, seq: u64, sent: Time, asked: NodeSet) {
        if self.asks.len() >= MOST_ASKS {
            self.asks.remove(0);
        }
        let (granted, denied) = (NodeSet::default(), Vec::new());
        self.asks.push(Ask {
            seq,
            sent,
            asked,
            granted,
            denied,
        });
    }

    /// Answers to earlier requests count no more.
    pub(super) fn forget_asks(&mut self) {
        self.asks.clear();
    }

    pub(super) fn ask_mut(&mut self, seq: u64) -> Option<&mut Ask> {
        self.asks.iter_mut().find(|ask| ask.seq == seq)
    }

    /// Shows the renewals whose answers can still come.
    pub(super) fn sketch_asks(&self, me: NodeId, lease: Duration, to: &mut impl Sketch) {
        for ask in &self.asks {
            if !to.awaits(ask.seq) {
                continue;
            }
            to.request(ask.seq);
            to.moment(me, ask.sent, lease);
            sketch::set(to, ask.asked);
            sketch::set(to, ask.granted);
            for &(rival, nodes) in &ask.denied {
                to.generation(rival);
                sketch::set(to, nodes);
            }
        }
    }
}

impl Ask {
    /// Notes a denial; returns how many denied this request in favour of the same rival.
    pub(super) fn deny(&mut self, from: NodeId, rival: Generation) -> usize {
        if let Some((_, nodes)) = self.denied.iter_mut().find(|(other, _)| *other == rival) {
            nodes.insert(from);
            return nodes.len();
        }
        if self.denied.len() < MOST_RIVALS {
            self.denied.push((rival, [from].into_iter().collect()));
            return 1;
        }
        0
    }

    /// Whether every asked node granted.
    pub(super) fn is_unanimous(&self) -> bool {
        self.asked.is_subset(self.granted) && self.denied.is_empty()
    }
}

/// A pass on its way.
#[derive(Clone, Debug)]
pub(super) struct Passing {
    /// The ball as it was sent.
    pub(super) record: Record,
    pub(super) to: NodeId,
    pub(super) to_incarnation: Incarnation,
    pub(super) deadline: Time,
}

/// A candidacy.
#[derive(Clone, Debug)]
pub(super) struct Election {
    pub(super) generation: Generation,
    pub(super) seq: u64,
    pub(super) sent: Time,
    /// When the candidate stops waiting for answers.
    pub(super) closes: Time,
    pub(super) asked: NodeSet,
    pub(super) answered: NodeSet,
    pub(super) granted: NodeSet,
    /// Whether anyone refused for any other reason than its quarantine.
    pub(super) opposed: bool,
    /// How this generation stands against a rival of its round or a later one that has voices, too.
    pub(super) rivalry: Option<Ordering>,
    /// How long each quarantined voter will still refuse.
    pub(super) quarantined: Vec<Duration>,
    /// The newest state among the answers.
    pub(super) best: Option<Record>,
}

impl Election {
    pub(super) fn hear_of(&mut self, newest: Option<Record>) {
        if let Some(record) = newest
            && self.best.is_none_or(|best| best.stamp < record.stamp)
        {
            self.best = Some(record);
        }
    }

    pub(super) fn is_over(&self, now: Time) -> bool {
        now >= self.closes || self.asked.is_subset(self.answered)
    }
}
