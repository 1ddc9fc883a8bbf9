//! The holder's part: what this node has of one ball.

use std::cmp::Ordering;
use std::time::Duration;

use crate::ring::cover::CoverDigest;
use crate::ring::generation::{Generation, Record, Stamp};
use crate::ring::lineage::{Lineage, Renewal};
use crate::ring::message::{Denial, Incarnation};
use crate::ring::motion::{self, BallState, Direction, Screen};
use crate::ring::node_id::{NodeId, NodeSet};
use crate::ring::time::Time;
use crate::ring::window_ball::WindowBall;

/// What this node has of one ball.
#[derive(Clone, Debug)]
pub(in crate::ring) enum HolderState {
    /// Nothing.
    None,
    /// A copy; possessed while its deadline is ahead.
    Held(HeldBall),
    /// Sent to another node, not yet acknowledged.
    Passing(Passing),
    /// Nothing yet: this node is a candidate for it.
    Electing(Election),
}

/// Where a ball is whose lease this node holds.
#[derive(Clone, Copy, Debug)]
pub(in crate::ring) enum Placement {
    /// On this node's screen.
    OnScreen,
    /// At that edge of the screen, while a connection to the window beyond it is opened.
    Connecting(Direction),
    /// Lent to a window.
    Lent(Loan),
    /// Back from a window, and to be passed to the node beyond the window chain.
    Returning(NodeId),
    /// A guest that leaves the ring: no longer shown, until a quorum has retired it.
    Retiring,
}

/// The loan of a ball to a window.
#[derive(Clone, Copy, Debug)]
pub(in crate::ring) struct Loan {
    /// The edge by which the ball left.
    pub(in crate::ring) edge: Direction,
    pub(in crate::ring) since: Time,
    /// When this node takes the ball back.
    pub(in crate::ring) until: Time,
    pub(in crate::ring) sent: WindowBall,
}

/// A copy of the ball.
#[derive(Clone, Debug)]
pub(in crate::ring) struct HeldBall {
    pub(in crate::ring) stamp: Stamp,
    pub(in crate::ring) placement: Placement,
    pub(in crate::ring) entry: BallState,
    /// When the ball was as `entry` says; `None` while it is frozen.
    pub(in crate::ring) moving_since: Option<Time>,
    /// When the ball reaches its edge, if it moves and ever does.
    pub(in crate::ring) edge_at: Option<Time>,
    /// Until when this node may act as holder.
    pub(in crate::ring) deadline: Time,
    /// When the request that set the deadline was sent; `None` for a lease that came with a pass.
    pub(in crate::ring) renewed_from: Option<Time>,
    /// The cover of the lease; `None` if anybody may have the ball (rule 13).
    pub(in crate::ring) cover: Option<CoverDigest>,
    pub(in crate::ring) renew_at: Time,
    /// The renewals of this possession and those before it, in this generation.
    pub(in crate::ring) lineage: Lineage,
    /// The ball has just got a new generation, and the whole ring is to know of it.
    pub(in crate::ring) is_news: bool,
    pending_renewals: Vec<PendingRenewal>,
}

/// One renewal, and who has answered it.
#[derive(Clone, Debug)]
pub(in crate::ring) struct PendingRenewal {
    pub(in crate::ring) seq: u64,
    pub(in crate::ring) sent: Time,
    pub(in crate::ring) renewal: Renewal,
    pub(in crate::ring) cover: Option<CoverDigest>,
    pub(in crate::ring) asked: NodeSet,
    pub(in crate::ring) granted: NodeSet,
    /// The voters that denied it, by the generation whose lease they have granted instead.
    pub(in crate::ring) denied: Vec<(Generation, NodeSet)>,
}

/// At most this many renewals are remembered: one is sent every quarter of a lease and counts for a lease.
const MOST_PENDING_RENEWALS: usize = 5;

/// At most this many rival generations are told apart in the answers to one renewal.
const MOST_RIVALS: usize = 4;

impl HeldBall {
    pub(in crate::ring) fn new(
        stamp: Stamp,
        entry: BallState,
        deadline: Time,
        renew_at: Time,
        lineage: Lineage,
    ) -> Self {
        Self {
            stamp,
            placement: Placement::OnScreen,
            entry,
            moving_since: None,
            edge_at: None,
            deadline,
            renewed_from: None,
            cover: None,
            renew_at,
            lineage,
            is_news: false,
            pending_renewals: Vec::new(),
        }
    }

    pub(in crate::ring) fn is_frozen(&self) -> bool {
        self.moving_since.is_none()
    }

    /// Whether the ball is on this node's screen.
    pub(in crate::ring) fn is_on_screen(&self) -> bool {
        matches!(
            self.placement,
            Placement::OnScreen | Placement::Connecting(_)
        )
    }

    /// Whether a window has the ball, or has returned it for another node.
    pub(in crate::ring) fn is_lent(&self) -> bool {
        matches!(self.placement, Placement::Lent(_) | Placement::Returning(_))
    }

    /// Whether the ball is a guest that is leaving.
    pub(in crate::ring) fn is_retiring(&self) -> bool {
        matches!(self.placement, Placement::Retiring)
    }

    /// Whether this node possesses the ball: it is on the screen, and the lease runs. The LED is on
    /// exactly then.
    pub(in crate::ring) fn is_possessed(&self) -> bool {
        self.is_on_screen() && !self.is_frozen()
    }

    /// The loan, while a window has the ball.
    pub(in crate::ring) fn loan(&self) -> Option<Loan> {
        match self.placement {
            Placement::Lent(loan) => Some(loan),
            Placement::OnScreen
            | Placement::Connecting(_)
            | Placement::Returning(_)
            | Placement::Retiring => None,
        }
    }

    /// The ball as it is now; as it stopped, if it is frozen; as it left, if it is not on the screen.
    pub(in crate::ring) fn state(&self, screen: Screen, now: Time) -> BallState {
        match self.moving_since.filter(|_| self.is_on_screen()) {
            Some(since) => motion::at(&self.entry, screen, now.since(since)),
            None => self.entry,
        }
    }

    /// Lets the ball move from `entry`, taking no less than `at_least` to the edge.
    pub(in crate::ring) fn start(&mut self, now: Time, screen: Screen, at_least: Duration) {
        self.moving_since = Some(now);
        self.edge_at = match self.placement {
            Placement::OnScreen => {
                motion::time_to_edge(&self.entry, screen).map(|time| now + time.max(at_least))
            }
            Placement::Returning(_) => Some(now),
            Placement::Connecting(_) | Placement::Lent(_) | Placement::Retiring => None,
        };
    }

    /// Stops the ball where it was at `moment`.
    pub(in crate::ring) fn freeze(&mut self, moment: Time, screen: Screen) {
        self.entry = self.state(screen, moment);
        self.moving_since = None;
        self.edge_at = None;
        if let Placement::Connecting(_) = self.placement {
            self.placement = Placement::OnScreen;
        }
    }

    /// Remembers a renewal that `me` sends now to the nodes `asked`.
    pub(in crate::ring) fn add_renewal(
        &mut self,
        seq: u64,
        sent: Time,
        me: NodeId,
        cover: Option<CoverDigest>,
        asked: NodeSet,
    ) {
        let renewal = Renewal {
            hop: self.stamp.hop,
            node: me,
        };
        self.lineage.request(renewal);
        if self.pending_renewals.len() >= MOST_PENDING_RENEWALS {
            self.pending_renewals.remove(0);
        }
        let (granted, denied) = (NodeSet::default(), Vec::new());
        self.pending_renewals.push(PendingRenewal {
            seq,
            sent,
            renewal,
            cover,
            asked,
            granted,
            denied,
        });
    }

    /// Answers to earlier renewals no longer count.
    pub(in crate::ring) fn forget_renewals(&mut self) {
        self.pending_renewals.clear();
    }

    pub(in crate::ring) fn renewal_mut(&mut self, seq: u64) -> Option<&mut PendingRenewal> {
        let mut renewals = self.pending_renewals.iter_mut();
        renewals.find(|renewal| renewal.seq == seq)
    }

    pub(in crate::ring) fn pending_renewals(&self) -> &[PendingRenewal] {
        &self.pending_renewals
    }
}

impl PendingRenewal {
    /// Notes a denial; returns the nodes that denied this renewal in favour of the same rival.
    pub(in crate::ring) fn note_denial(&mut self, from: NodeId, rival: Generation) -> NodeSet {
        if let Some((_, nodes)) = self.denied.iter_mut().find(|(other, _)| *other == rival) {
            nodes.insert(from);
            return *nodes;
        }
        let first: NodeSet = [from].into_iter().collect();
        if self.denied.len() >= MOST_RIVALS {
            return NodeSet::default();
        }
        self.denied.push((rival, first));
        first
    }

    /// Whether every node that was asked granted.
    pub(in crate::ring) fn is_unanimous(&self) -> bool {
        self.asked.is_subset(self.granted) && self.denied.is_empty()
    }
}

/// A pass on its way.
#[derive(Clone, Debug)]
pub(in crate::ring) struct Passing {
    /// The ball as it was sent.
    pub(in crate::ring) record: Record,
    pub(in crate::ring) to: NodeId,
    pub(in crate::ring) to_incarnation: Incarnation,
    pub(in crate::ring) deadline: Time,
    pub(in crate::ring) lineage: Lineage,
    /// The cover of the lease; `None` if anybody may have the ball.
    pub(in crate::ring) cover: Option<CoverDigest>,
}

/// This node's candidacy for a ball.
#[derive(Clone, Debug)]
pub(in crate::ring) struct Election {
    pub(in crate::ring) generation: Generation,
    pub(in crate::ring) seq: u64,
    pub(in crate::ring) sent: Time,
    /// When the candidate stops waiting for answers.
    pub(in crate::ring) closes: Time,
    pub(in crate::ring) asked: NodeSet,
    pub(in crate::ring) answered: NodeSet,
    pub(in crate::ring) granted: NodeSet,
    /// Whether anyone denied for any other reason than its quarantine.
    pub(in crate::ring) opposed: bool,
    /// How this generation compares with the highest rival of its round or a later one that voters
    /// have granted instead.
    pub(in crate::ring) rivalry: Option<Ordering>,
    /// How long each quarantined voter will still deny.
    pub(in crate::ring) quarantined: Vec<Duration>,
    /// The newest state among the answers.
    pub(in crate::ring) newest: Option<Record>,
    /// The cover of the lease for which it asks.
    pub(in crate::ring) cover: Option<CoverDigest>,
    /// When this node learned of the end of the last holder; `None` unless the running lease is to be overruled (rule 13).
    pub(in crate::ring) death: Option<Time>,
}

impl Election {
    pub(in crate::ring) fn on_granted(&mut self, from: NodeId, newest: Option<Record>) {
        self.answered.insert(from);
        self.granted.insert(from);
        self.note_newest(newest);
    }

    /// `votes`: whether it is a voter. What others deny, and why, says nothing of how the votes will fall.
    pub(in crate::ring) fn on_denied(&mut self, from: NodeId, votes: bool, denial: &Denial) {
        self.answered.insert(from);
        self.note_newest(denial.newest);
        if !votes {
            return;
        }
        if denial.lease_generation.is_none() && denial.lease_left > 0 {
            self.quarantined
                .push(Duration::from_micros(denial.lease_left));
        } else {
            self.opposed = true;
        }
        let rival = denial.lease_generation;
        if let Some(rival) = rival.filter(|rival| rival.round >= self.generation.round) {
            let comparison = self.generation.cmp(&rival);
            // Keep the worst comparison over all rivals.
            self.rivalry = Some(
                self.rivalry
                    .map_or(comparison, |worst| worst.min(comparison)),
            );
        }
    }

    pub(in crate::ring) fn note_newest(&mut self, newest: Option<Record>) {
        if let Some(record) = newest
            && self.newest.is_none_or(|known| known.stamp < record.stamp)
        {
            self.newest = Some(record);
        }
    }

    /// Whether all answers are in, or the time for them is over.
    pub(in crate::ring) fn is_closed(&self, now: Time) -> bool {
        // A voter that denies a takeover may learn of the holder's end later, and then grants.
        let is_answered = self.death.is_none() && self.asked.is_subset(self.answered);
        now >= self.closes || is_answered
    }
}
