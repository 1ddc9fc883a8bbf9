//! Rule 6: who stands for an election, and in which order.

use std::time::Duration;

use super::holder::Election;
use super::state::Ball;
use crate::ring::context::Context;
use crate::ring::near::NEAR_ON_A_SIDE;
use crate::ring::node_id::NodeId;

impl Ball {
    /// Whether this node may stand for an election of this ball.
    ///
    /// A node that is not told of every holder may have a record of long ago, and would stand for a ball that another node
    /// has. Voters are told. A node that does not vote stands only if it knows better than they: the holder
    /// fell silent beside it; or the ball is to start here, and has had no holder yet.
    pub(super) fn may_stand(&self, context: &Context) -> bool {
        if !context.peers.has_far || context.votes(context.me) {
            return true;
        }
        if self.is_elsewhere() {
            return false;
        }
        match (self.voter.holder().zip(self.voter.heard_at()), self.initial) {
            (Some((holder, reported)), _) if context.peers.near.contains(holder) => {
                // It had the ball when it fell silent, and had not passed it on long before.
                let silent = context.peers.silent_since(holder, reported, context.now);
                let latest = reported + context.topology.heartbeat() * 2;
                silent.is_some_and(|silent| silent <= latest)
            }
            (Some(_), _) | (None, None) => false,
            (None, Some(initial)) => initial.start == context.me,
        }
    }

    /// Whether this node knows from an election that it has lost that another node has had the ball since.
    pub(in crate::ring) fn is_elsewhere(&self) -> bool {
        let newest = self.voter.newest().map(|newest| newest.stamp);
        let elsewhere = self.elsewhere;
        let elsewhere = elsewhere.filter(|stamp| !self.voter.is_retired(stamp.generation));
        elsewhere > newest
    }

    /// Notes what the answers to a lost election say; whether the ball is elsewhere.
    pub(super) fn note_elsewhere(&mut self, election: &Election) -> bool {
        let newest = election.newest.map(|newest| newest.stamp);
        self.elsewhere = self.elsewhere.max(newest);
        self.is_elsewhere()
    }

    /// The number of nodes that stand for election before this one.
    ///
    /// The next node after the last holder in the ball's direction of flight is first, with rank 1, so
    /// that the ball visibly flies on. Before there is any holder, the node on which the ball begins
    /// has rank 0.
    pub(super) fn rank(&self, context: &Context) -> u32 {
        let Some(state) = self.last_known_state() else {
            return 0;
        };
        let (from, first) = match (self.voter.holder(), self.initial) {
            (Some(holder), _) => (holder, 1),
            (None, Some(initial)) => (initial.start, 0),
            (None, None) => return 0,
        };
        let topology = &context.topology;
        let order = (first..first + topology.nodes.len())
            .filter_map(|step| topology.step(from, state.direction(), step));
        let is_up = |&node: &NodeId| context.peers.is_up(node, context.now);
        let before = if context.peers.has_far {
            let is_there = |node: &NodeId| *node == context.me || is_up(node);
            let order: Vec<NodeId> = order.filter(is_there).collect();
            standing_before(context, &order)
        } else {
            let before = order.take_while(|&node| node != context.me);
            before.filter(is_up).count()
        };
        u32::try_from(before + first).unwrap_or(u32::MAX)
    }
}

/// How many of the nodes up to this one stand: voters, and those beside the last holder, which are the first and the last.
fn standing_before(context: &Context, order: &[NodeId]) -> usize {
    let numbered = order.iter().enumerate();
    let before = numbered.take_while(|&(_, &node)| node != context.me);
    let stands = before.filter(|&(place, &node)| {
        let is_beside = place < NEAR_ON_A_SIDE || place + NEAR_ON_A_SIDE >= order.len();
        is_beside || context.votes(node)
    });
    stands.count()
}

/// The time between the elections that two candidates of consecutive rank would start.
///
/// It is short enough that the last candidate starts no more than a quarter of a lease after the
/// first, because a fast ball may be lost far from where it was last renewed. It is no shorter than a
/// request and its answer take; otherwise, in a large ring, several candidates would always run at
/// once and none would win.
pub(super) fn candidate_stagger(context: &Context) -> Duration {
    let nodes = u32::try_from(context.candidate_count()).unwrap_or(u32::MAX);
    let even = context.topology.lease / 4 / nodes;
    even.max(context.longest_round_trip())
        .min(context.topology.heartbeat() / 2)
}
