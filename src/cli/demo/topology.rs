//! The ring of the demo: its nodes and its balls.

use crate::config::defaults;
use crate::ring::{BallState, InitialBall, NodeId, Topology, Voters};

/// The colors of the balls, in their order: distinct on a light and on a dark background.
const COLORS: [[u8; 3]; 8] = [
    [255, 64, 0],
    [24, 132, 245],
    [30, 165, 80],
    [214, 60, 160],
    [240, 170, 0],
    [130, 90, 240],
    [0, 165, 170],
    [150, 110, 80],
];

/// A ring whose balls cross a screen in about three quarters of a second.
pub(super) fn topology(nodes: u8, balls: u8) -> Topology {
    let ball = |number: u8| {
        let offset = f64::from(number);
        let sign = if number.is_multiple_of(2) { 1.0 } else { -1.0 };
        let color = COLORS.get(usize::from(number)).copied();
        InitialBall {
            start: NodeId((number % nodes.max(1)).into()),
            state: BallState {
                position: [0.0, 100.0 + 50.0 * offset],
                velocity: [sign * (1_100.0 + 40.0 * offset), 130.0],
                radius: 30.0,
                color: color.unwrap_or([255, 64, 0]),
            },
        }
    };
    Topology {
        ring: "demo".to_owned(),
        nodes: (1..=nodes).map(|number| format!("n{number}")).collect(),
        balls: (0..balls).map(ball).collect(),
        // As in a ring file that says nothing of them.
        voters: Voters::Number(defaults::VOTERS),
        ..Topology::default()
    }
}
