//! The topologies that the tests of the core share: nodes pi1, pi2, ... and balls of one look.

use std::time::Duration;

use carom::ring::{BallState, InitialBall, NodeId, Topology};

/// A ring of so many nodes, with this one ball, which starts at pi1.
pub(crate) fn one_ball(ring: &str, nodes: usize, lease: Duration, state: BallState) -> Topology {
    Topology {
        ring: ring.to_owned(),
        nodes: node_names(nodes),
        lease,
        balls: vec![InitialBall {
            start: NodeId(0),
            state,
        }],
        ..Topology::default()
    }
}

/// The names pi1, pi2, ...
pub(crate) fn node_names(nodes: usize) -> Vec<String> {
    (1..=nodes).map(|number| format!("pi{number}")).collect()
}

/// A ball at the left edge that takes so many seconds to the right edge.
pub(crate) fn crossing_ball(seconds: f64) -> BallState {
    ball([0.0, 300.0], [800.0 / seconds, 0.0])
}

/// A ball with the usual radius and color.
pub(crate) fn ball(position: [f64; 2], velocity: [f64; 2]) -> BallState {
    BallState {
        position,
        velocity,
        radius: 30.0,
        color: [255, 64, 0],
    }
}
