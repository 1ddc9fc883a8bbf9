//! The topologies that unit tests start from.

use super::motion::BallState;
use super::node_id::NodeId;
use super::topology::{InitialBall, Topology};

/// The ball of the sample ring file.
pub(crate) const BALL: BallState = BallState {
    position: [0.0, 300.0],
    velocity: [240.0, 130.0],
    radius: 30.0,
    color: [255, 64, 0],
};

/// A ring called "test" of nodes `pi1`, `pi2`, and so on, without a ball.
pub(crate) fn ring_of(count: usize) -> Topology {
    Topology {
        ring: "test".to_owned(),
        nodes: (1..=count).map(|number| format!("pi{number}")).collect(),
        ..Topology::default()
    }
}

/// The same with one ball, which begins on the first node.
pub(crate) fn ring_with_ball(count: usize, state: BallState) -> Topology {
    let start = NodeId(0);
    Topology {
        balls: vec![InitialBall { start, state }],
        ..ring_of(count)
    }
}
