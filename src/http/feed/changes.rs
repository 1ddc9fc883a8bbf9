//! What is worth telling: whatever a follower could not foresee.

use std::time::Duration;

use crate::http::status::{BallStatus, NodeStatus, ReturnStatus, Status};
use crate::ring::{BallState, Screen, motion};

/// By how much, of a screen's width, a ball elsewhere may be off before it is told anew: what is
/// heard of it is as late as the line that told it.
const HEARSAY_SLACK: f64 = 0.05;

/// By how many pixels a ball here may be off: rounding.
const SLACK: f64 = 1.0;

/// One change.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Ball(BallStatus),
    Gone(u32),
    Node(NodeStatus),
    Return(ReturnStatus),
}

/// What is new in `status` for those who were told `told` that long `ago`; and the balls as they
/// then know them: small differences are not told, so they must not be taken for told either.
pub(super) fn changes(
    told: &Status,
    status: &Status,
    ago: Duration,
) -> (Vec<Change>, Vec<BallStatus>) {
    let mut changes = Vec::new();
    for node in &status.nodes {
        let same = |old: &NodeStatus| {
            (&old.name, &old.state, &old.incarnation, &old.http)
                == (&node.name, &node.state, &node.incarnation, &node.http)
        };
        if !told.nodes.iter().any(same) {
            changes.push(Change::Node(node.clone()));
        }
    }
    let [width, height] = status.screen;
    let screen = Screen { width, height };
    let mut balls = Vec::new();
    for ball in &status.balls {
        let old = told.balls.iter().find(|old| old.ball == ball.ball);
        match old.filter(|old| is_foreseen(old, ago, ball, screen)) {
            Some(old) => balls.push(BallStatus {
                age_seconds: old.age_seconds + ago.as_secs_f64(),
                ..old.clone()
            }),
            None => {
                changes.push(Change::Ball(ball.clone()));
                balls.push(ball.clone());
            }
        }
    }
    for old in &told.balls {
        if !status.balls.iter().any(|ball| ball.ball == old.ball) {
            changes.push(Change::Gone(old.ball));
        }
    }
    let facts = |status: &Status| {
        let back = status.last_return.as_ref();
        back.map(|back| (back.ball, back.from.clone(), back.away_ms))
    };
    if let Some(back) = &status.last_return
        && facts(status) != facts(told)
    {
        changes.push(Change::Return(back.clone()));
    }
    (changes, balls)
}

/// Whether a follower that was told `old`, that long ago, draws the ball where it is.
fn is_foreseen(old: &BallStatus, ago: Duration, new: &BallStatus, screen: Screen) -> bool {
    let facts = |ball: &BallStatus| {
        let BallStatus {
            holder,
            here,
            frozen,
            generation,
            hop,
            loan,
            ..
        } = ball;
        let window = loan.as_ref().map(|loan| loan.window.clone());
        (
            holder.clone(),
            *here,
            *frozen,
            window,
            generation.clone(),
            *hop,
        )
    };
    if facts(old) != facts(new) {
        return false;
    }
    let age = |ball: &BallStatus| Duration::try_from_secs_f64(ball.age_seconds).unwrap_or_default();
    let drawn = place(old, screen, age(old) + ago);
    let placed = place(new, screen, age(new));
    let (Some(drawn), Some(placed)) = (drawn, placed) else {
        return old.position == new.position;
    };
    let slack = if new.here || new.frozen {
        SLACK
    } else {
        screen.width * HEARSAY_SLACK
    };
    let near = |index: usize| {
        let both = drawn.position.get(index).zip(placed.position.get(index));
        both.is_some_and(|(one, other)| (one - other).abs() <= slack)
    };
    drawn.direction() == placed.direction() && near(0) && near(1)
}

/// Where the ball is that long after it was as told.
fn place(ball: &BallStatus, screen: Screen, elapsed: Duration) -> Option<BallState> {
    let state = BallState {
        position: ball.position?,
        velocity: ball.velocity?,
        radius: ball.radius,
        color: ball.color,
    };
    Some(if ball.frozen || ball.loan.is_some() {
        state
    } else {
        motion::at(&state, screen, elapsed)
    })
}
