//! The part of the ring file that all nodes agree on: who is in the ring, who is next, what a quorum is.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::generation::BallId;
use super::motion::{BallState, Direction, Screen};
use super::node_id::{NodeId, NodeSet};
use super::voters::Voters;
use super::window_chain::{ExternalBallPolicy, MOST_GUESTS, Window, WindowChain};

/// The largest number of balls in a ring: their renewals fit one line with room to spare.
pub const MOST_BALLS: usize = 64;

/// What is beyond the first and the last node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// The last node is the first one's neighbour.
    Ring,
    /// The two ends are walls.
    Row,
}

/// What a part of the ring does that cannot reach a majority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnPartition {
    /// The ball stands still until a majority can talk again.
    Freeze,
    /// Every island keeps a ball; the newest survives when they meet.
    PlayOn,
}

/// A ball as the ring file has it begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InitialBall {
    /// The node on whose screen it begins.
    pub start: NodeId,
    /// Its motion at the start.
    pub state: BallState,
}

/// All of the ring file that the nodes must agree on; addresses and pins are not part of it.
///
/// Its `Default` is in `config/defaults.rs`, with the other defaults of the ring file.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// The ring's name.
    pub ring: String,
    /// The nodes' names in ring order; 1 to [`MOST_NODES`](super::MOST_NODES) of them in a ring file, no two the same.
    pub nodes: Vec<String>,
    /// What is beyond the ends.
    pub shape: Shape,
    /// How long a silent holder keeps a ball before the ring takes it back.
    pub lease: Duration,
    /// What nodes do that reach no majority.
    pub on_partition: OnPartition,
    /// Which nodes vote, unless every part of the ring plays on.
    pub voters: Voters,
    /// Every node's screen.
    pub screen: Screen,
    /// The balls, [`BallId`] 1 first; at most [`MOST_BALLS`].
    pub balls: Vec<InitialBall>,
    /// Where windows stand; no two with the same neighbours.
    pub window_chains: Vec<WindowChain>,
    /// Loans to windows, and guests.
    pub external_balls: ExternalBallPolicy,
}

impl Topology {
    /// Every node, in ring order.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = self.nodes.len().min(NodeSet::CAPACITY);
        (0..count).filter_map(|index| u16::try_from(index).ok().map(NodeId))
    }

    /// The node of that name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.node_ids().find(|&id| self.name(id) == name)
    }

    /// A node's name; "?" for a number that is no node's.
    pub fn name(&self, node: NodeId) -> &str {
        self.nodes.get(node.index()).map_or("?", String::as_str)
    }

    /// Every ball with its number.
    pub fn initial_balls(&self) -> impl Iterator<Item = (BallId, &InitialBall)> {
        (1..).map(BallId).zip(&self.balls)
    }

    /// The numbers kept for balls that are not in the ring file.
    pub fn guest_ids(&self) -> impl Iterator<Item = BallId> + use<> {
        let first = u32::try_from(self.balls.len()).unwrap_or(u32::MAX);
        (1..=u32::from(self.external_balls.guests.min(MOST_GUESTS)))
            .map(move |number| BallId(first.saturating_add(number)))
    }

    /// The window chain that a ball reaches when it leaves `from` in that direction.
    pub fn window_chain(&self, from: NodeId, direction: Direction) -> Option<&WindowChain> {
        let before = |chain: &&WindowChain| chain.beyond(direction.opposite()) == Some(from);
        self.window_chains.iter().find(before)
    }

    /// Whether this node grants leases. Where every part of the ring plays on, each node decides alone.
    pub fn votes(&self, node: NodeId) -> bool {
        match self.on_partition {
            OnPartition::Freeze => self.voters.include(node, self.nodes.len()),
            OnPartition::PlayOn => node.index() < self.nodes.len(),
        }
    }

    /// The nodes that grant leases, in ring order.
    pub fn voter_ids(&self) -> impl Iterator<Item = NodeId> {
        self.node_ids().filter(|&node| self.votes(node))
    }

    /// More than half of the voters.
    pub fn majority(&self) -> usize {
        self.voter_ids().count() / 2 + 1
    }

    /// How many voters must grant a request.
    pub fn quorum(&self) -> usize {
        match self.on_partition {
            OnPartition::Freeze => self.majority(),
            OnPartition::PlayOn => 1,
        }
    }

    /// The time between two heartbeats on a link, and between two renewals: a quarter of the lease.
    pub fn heartbeat(&self) -> Duration {
        self.lease / 4
    }

    /// The nodes that a ball flying `direction` from `from` would come to, nearest first.
    ///
    /// All round a ring, to the end of a row; `from` itself is not among them.
    pub fn onward(&self, from: NodeId, direction: Direction) -> impl Iterator<Item = NodeId> {
        let count = self.nodes.len();
        let steps = match (self.shape, direction) {
            (Shape::Ring, _) => count.saturating_sub(1),
            (Shape::Row, Direction::Right) => count.saturating_sub(from.index() + 1),
            (Shape::Row, Direction::Left) => from.index(),
        };
        (1..=steps).filter_map(move |step| self.step(from, direction, step))
    }

    /// The node `step` places from `from`, counted round the ring whatever its shape.
    pub fn step(&self, from: NodeId, direction: Direction, step: usize) -> Option<NodeId> {
        let count = self.nodes.len();
        let index = match direction {
            Direction::Right => (from.index() + step).checked_rem(count)?,
            Direction::Left => (from.index() + count)
                .checked_sub(step.checked_rem(count)?)?
                .checked_rem(count)?,
        };
        u16::try_from(index).ok().map(NodeId)
    }

    /// A short name for exactly this topology: nodes whose fingerprints differ must not talk.
    ///
    /// The first 16 hexadecimal digits of SHA-256 over one line a fact, in a fixed order.
    pub fn fingerprint(&self) -> String {
        let mut facts = String::new();
        // Writing to a String cannot fail. Debug escapes the names, so no name can imitate a fact.
        let _ = writeln!(
            facts,
            "ring {:?} shape {:?} lease {} on-partition {:?} screen {:?} {:?}",
            self.ring,
            self.shape,
            super::time::micros(self.lease),
            self.on_partition,
            self.screen.width,
            self.screen.height,
        );
        for name in &self.nodes {
            let _ = writeln!(facts, "node {name:?}");
        }
        // Whoever votes, in whatever way the file says it: two majorities of other voters need not meet.
        let others = self.node_ids().filter(|&node| !self.votes(node));
        for node in others {
            let _ = writeln!(facts, "no voter {}", node.0);
        }
        facts.push_str(self.far_peers_fact());
        for InitialBall { start, state } in &self.balls {
            let _ = writeln!(
                facts,
                "ball {} {:?} {:?} {:?} {:?}",
                start.0, state.position, state.velocity, state.radius, state.color
            );
        }
        for WindowChain {
            left,
            right,
            windows,
        } in &self.window_chains
        {
            let _ = writeln!(
                facts,
                "gap {:?} {:?}",
                left.map(|node| node.0),
                right.map(|node| node.0)
            );
            for Window { name, screen } in windows {
                let _ = writeln!(
                    facts,
                    "window {name:?} {:?} {:?}",
                    screen.width, screen.height
                );
            }
        }
        let ExternalBallPolicy {
            loan,
            late_copy,
            guests,
            guest_life,
        } = self.external_balls;
        let _ = writeln!(
            facts,
            "loan {} late-copy {late_copy:?} guests {guests} guest-life {}",
            super::time::micros(loan),
            super::time::micros(guest_life),
        );
        let digest = Sha256::digest(facts);
        base16ct::lower::encode_string(digest.get(..8).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::node_id::MOST_NODES;
    use super::super::test_topology::ring_of;
    use super::*;

    fn topology(count: usize, shape: Shape) -> Topology {
        Topology {
            shape,
            ..ring_of(count)
        }
    }

    fn onward(count: usize, shape: Shape, from: u16, direction: Direction) -> Vec<u16> {
        topology(count, shape)
            .onward(NodeId(from), direction)
            .map(|id| id.0)
            .collect()
    }

    #[test]
    fn a_ring_goes_round_both_ways_and_a_row_ends() {
        assert_eq!(onward(4, Shape::Ring, 2, Direction::Right), [3, 0, 1]);
        assert_eq!(onward(4, Shape::Ring, 2, Direction::Left), [1, 0, 3]);
        assert_eq!(onward(4, Shape::Row, 2, Direction::Right), [3]);
        assert_eq!(onward(4, Shape::Row, 2, Direction::Left), [1, 0]);
        assert_eq!(onward(4, Shape::Row, 3, Direction::Right), [0; 0]);
        assert_eq!(onward(1, Shape::Ring, 0, Direction::Right), [0; 0]);
    }

    #[test]
    fn two_majorities_always_meet() {
        for count in 1..=MOST_NODES {
            let ring = topology(count, Shape::Ring);
            assert!(2 * ring.quorum() > ring.voter_ids().count(), "{count}");
        }
        let quorums = [5, 7, 8, 40].map(|count| topology(count, Shape::Ring).quorum());
        assert_eq!(quorums, [3, 4, 4, 4]);
    }

    #[test]
    fn the_fingerprint_sees_every_fact() {
        let base = topology(3, Shape::Ring);
        let mut others = vec![topology(4, Shape::Ring), topology(3, Shape::Row)];
        others.push(Topology {
            lease: Duration::from_millis(501),
            ..base.clone()
        });
        others.push(Topology {
            on_partition: OnPartition::PlayOn,
            ..base.clone()
        });
        others.push(Topology {
            ring: "other".to_owned(),
            ..base.clone()
        });
        others.push(Topology {
            screen: Screen {
                width: 801.0,
                ..base.screen
            },
            ..base.clone()
        });
        others.push(Topology {
            window_chains: vec![chain(2, 0)],
            ..base.clone()
        });
        others.push(Topology {
            external_balls: ExternalBallPolicy {
                guests: 1,
                ..base.external_balls
            },
            ..base.clone()
        });
        others.extend([
            voting(Voters::Number(2)),
            voting(Voters::Nodes(vec![NodeId(1)])),
        ]);
        for other in others {
            assert_ne!(base.fingerprint(), other.fingerprint());
        }
        assert_eq!(base.fingerprint().len(), 16);
    }

    fn voting(voters: Voters) -> Topology {
        Topology {
            voters,
            ..topology(3, Shape::Ring)
        }
    }

    #[test]
    fn the_fingerprint_sees_who_votes_and_not_how_the_file_says_it() {
        let names = [0, 1].map(NodeId).to_vec();
        let two = [voting(Voters::Number(2)), voting(Voters::Nodes(names))];
        let two = two.map(|ring| ring.fingerprint());
        assert_eq!(two[0], two[1]);
        let all = [Voters::Number(3), Voters::Number(7), Voters::Number(250)];
        for voters in all {
            assert_eq!(
                voting(voters).fingerprint(),
                topology(3, Shape::Ring).fingerprint()
            );
        }
    }

    #[test]
    fn where_every_part_plays_on_every_node_votes() {
        let ring = Topology {
            on_partition: OnPartition::PlayOn,
            ..voting(Voters::Number(1))
        };
        assert_eq!((ring.voter_ids().count(), ring.quorum()), (3, 1));
        assert!(!ring.votes(NodeId(3)));
    }

    fn chain(left: u16, right: u16) -> WindowChain {
        let screen = Topology::default().screen;
        let window = |name: &str| Window {
            name: name.to_owned(),
            screen,
        };
        WindowChain {
            left: Some(NodeId(left)),
            right: Some(NodeId(right)),
            windows: vec![window("near"), window("far")],
        }
    }

    #[test]
    fn a_window_chain_is_met_from_both_sides_and_nowhere_else() {
        let ring = Topology {
            window_chains: vec![chain(2, 0)],
            ..topology(3, Shape::Ring)
        };
        let met = |from, direction| {
            let met = ring.window_chain(NodeId(from), direction)?;
            let beyond = met.beyond(direction)?;
            Some((met.first(direction)?.name.as_str(), beyond.0))
        };
        assert_eq!(met(2, Direction::Right), Some(("near", 0)));
        assert_eq!(met(0, Direction::Left), Some(("far", 2)));
        for (from, direction) in [
            (2, Direction::Left),
            (0, Direction::Right),
            (1, Direction::Right),
        ] {
            assert_eq!(met(from, direction), None, "{from} {direction:?}");
        }
    }

    #[test]
    fn guests_are_numbered_after_the_balls_of_the_file() {
        let external_balls = ExternalBallPolicy {
            guests: 2,
            ..Topology::default().external_balls
        };
        let hosting = Topology {
            external_balls,
            ..topology(3, Shape::Ring)
        };
        assert_eq!(
            hosting.guest_ids().collect::<Vec<_>>(),
            [BallId(1), BallId(2)]
        );
    }
}
