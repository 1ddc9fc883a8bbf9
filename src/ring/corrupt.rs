//! Arbitrary memory, for tests of rule 11. The shipped binary never calls any of this, so it does
//! not contain it.

use std::time::Duration;

use super::ball::{Ball, Corruption};
use super::cover::CoverDigest;
use super::generation::{Generation, Record, Stamp};
use super::incarnation::{Incarnation, Life};
use super::lineage::{Lineage, Renewal};
use super::motion::BallState;
use super::node::Node;
use super::node_id::{NodeId, NodeSet};
use super::time::Time;

/// Draws the values of a corrupt memory.
struct Drawn<'a> {
    random: &'a mut fastrand::Rng,
    now: Time,
    lease: Duration,
    nodes: u8,
}

impl Node {
    /// Replaces what this node remembers by values drawn from `random`.
    ///
    /// Its identity, its ring file, its connections and its randomness stay, as they come from outside.
    /// Counters are drawn within the limits of plausibility: a node whose rounds are further away is
    /// ignored until it is restarted.
    pub fn corrupt(&mut self, random: &mut fastrand::Rng) {
        let context = &mut self.context;
        let nodes = u8::try_from(context.topology.nodes.len()).unwrap_or(u8::MAX);
        let (now, lease) = (context.now, context.topology.lease);
        let mut drawn = Drawn {
            random,
            now,
            lease,
            nodes,
        };
        context.now = drawn.moment();
        context.quarantine_until = drawn.moment();
        context.next_heartbeat = drawn.moment();
        context.last_seq = drawn.random.u64(0..40);
        for peer in context.topology.node_ids() {
            let (heard, echo, at) = (drawn.moment(), drawn.moment(), drawn.random.bool());
            if let Some(link) = context.peers.link_mut(peer) {
                link.heard = heard;
                link.echo = at.then_some((echo.as_micros(), heard));
                link.round_trip = None;
            }
        }
        for ball in self.balls.values_mut() {
            let state = ball.last_known_state();
            if let Some(state) = state.filter(|_| drawn.random.u8(0..8) > 0) {
                drawn.corrupt_ball(ball, state);
            }
        }
    }
}

impl Drawn<'_> {
    fn corrupt_ball(&mut self, ball: &mut Ball, state: BallState) {
        let corruption = Corruption {
            lease: self.some(|drawn| (drawn.generation(), drawn.moment(), drawn.renewal())),
            newest: self.some(|drawn| drawn.record(state)),
            holder: self.some(Self::node),
            heard_at: self.some(Self::moment),
            tombstone: self.some(Self::generation),
            highest_round: self.random.u64(0..12),
            not_before: self.moment(),
            pending_ack: self.some(|drawn| (drawn.node(), drawn.record(state).stamp)),
            role: self.random.u8(0..4),
            record: self.record(state),
            deadline: self.moment(),
            since: self.moment(),
            renew_at: self.moment(),
            lineage: self.lineage(),
            peer: self.node(),
            seq: self.random.u64(0..40),
            nodes: (0..u16::from(self.random.u8(0..=self.nodes)))
                .map(NodeId)
                .collect::<NodeSet>(),
            covered: self.covered(),
            cover: self.some(|drawn| CoverDigest::from_bits(drawn.random.u64(..))),
            fence: self.some(Self::generation),
        };
        ball.corrupt(corruption);
    }

    fn some<T>(&mut self, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.random.bool().then(|| draw(self))
    }

    /// Any moment: long ago, about now, or in years.
    fn moment(&mut self) -> Time {
        let micros = self.now.as_micros();
        let lease = u64::try_from(self.lease.as_micros()).unwrap_or(u64::MAX);
        Time::from_micros(match self.random.u8(0..4) {
            0 => self.random.u64(0..=micros),
            1 => micros.saturating_sub(self.random.u64(0..lease * 2)),
            2 => micros + self.random.u64(0..lease * 2),
            _ => micros + self.random.u64(0..1 << 50),
        })
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.random.u8(0..self.nodes).into())
    }

    /// One of a few, so that several nodes draw the same.
    fn generation(&mut self) -> Generation {
        Generation {
            round: self.random.u64(1..9),
            nonce: self.random.u64(1..4),
        }
    }

    fn covered(&mut self) -> (Vec<(Life, Time)>, Option<Time>) {
        let lives = (0..self.random.u8(0..4)).map(|_| {
            let incarnation = Incarnation(self.random.u64(..));
            let node = self.node();
            (Life { node, incarnation }, self.moment())
        });
        let lives = lives.collect();
        (lives, self.some(Self::moment))
    }

    fn renewal(&mut self) -> Option<Renewal> {
        self.some(|drawn| Renewal {
            hop: drawn.random.u64(0..30),
            node: drawn.node(),
        })
    }

    fn lineage(&mut self) -> Lineage {
        let mut lineage = Lineage::default();
        for _ in 0..self.random.u8(0..10) {
            if let Some(renewal) = self.renewal() {
                lineage.request(renewal);
            }
        }
        lineage
    }

    fn record(&mut self, state: BallState) -> Record {
        let stamp = Stamp {
            generation: self.generation(),
            hop: self.random.u64(0..30),
        };
        Record { stamp, state }
    }
}
