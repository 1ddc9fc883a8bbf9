//! What must be published: whatever a subscriber cannot predict from what it was sent before.

use std::time::Duration;

use crate::http::status::{BallStatus, NodeStatus, ReturnStatus, Status};
use crate::ring::{BallState, Screen, motion};

/// How far a ball on another node may be from its prediction, as a share of the screen's width. What
/// is known of such a ball is as late as the message that reported it.
const REMOTE_TOLERANCE: f64 = 0.05;

/// How far a ball on this node may be from its prediction, in pixels: rounding errors only.
const TOLERANCE: f64 = 1.0;

/// A change that is published as one event.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Ball(BallStatus),
    BallRemoved(u32),
    Node(NodeStatus),
    Return(ReturnStatus),
}

/// What is new in `status` for subscribers that were sent `published`, and `elapsed` has passed since;
/// and the balls as the subscribers know them after these changes. A difference within the tolerance
/// is not published, so it must not count as published either: small ones would add up.
pub(super) fn changes(
    published: &Status,
    status: &Status,
    elapsed: Duration,
) -> (Vec<Change>, Vec<BallStatus>) {
    let mut changes = Vec::new();
    for node in &status.nodes {
        let same = |old: &NodeStatus| {
            (&old.name, &old.state, &old.incarnation, &old.http)
                == (&node.name, &node.state, &node.incarnation, &node.http)
                && old.duplicate == node.duplicate
        };
        if !published.nodes.iter().any(same) {
            changes.push(Change::Node(node.clone()));
        }
    }
    let [width, height] = status.screen;
    let screen = Screen { width, height };
    let mut balls = Vec::new();
    for ball in &status.balls {
        let old = published.balls.iter().find(|old| old.ball == ball.ball);
        match old.filter(|old| is_predicted(old, elapsed, ball, screen)) {
            Some(old) => balls.push(BallStatus {
                age_seconds: old.age_seconds + elapsed.as_secs_f64(),
                ..old.clone()
            }),
            None => {
                changes.push(Change::Ball(ball.clone()));
                balls.push(ball.clone());
            }
        }
    }
    for old in &published.balls {
        if !status.balls.iter().any(|ball| ball.ball == old.ball) {
            changes.push(Change::BallRemoved(old.ball));
        }
    }
    let facts = |status: &Status| {
        let back = status.last_return.as_ref();
        back.map(|back| (back.ball, back.from.clone(), back.away_ms))
    };
    if let Some(back) = &status.last_return
        && facts(status) != facts(published)
    {
        changes.push(Change::Return(back.clone()));
    }
    (changes, balls)
}

/// Whether a subscriber that was sent `old`, `elapsed` ago, draws the ball where `new` says it is.
fn is_predicted(old: &BallStatus, elapsed: Duration, new: &BallStatus, screen: Screen) -> bool {
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
    let predicted = predict(old, screen, age(old) + elapsed);
    let actual = predict(new, screen, age(new));
    let (Some(predicted), Some(actual)) = (predicted, actual) else {
        return old.position == new.position;
    };
    let tolerance = if new.here || new.frozen {
        TOLERANCE
    } else {
        screen.width * REMOTE_TOLERANCE
    };
    let near = |index: usize| {
        let both = predicted
            .position
            .get(index)
            .zip(actual.position.get(index));
        both.is_some_and(|(one, other)| (one - other).abs() <= tolerance)
    };
    predicted.direction() == actual.direction() && near(0) && near(1)
}

/// Where the ball is once `elapsed` has passed.
fn predict(ball: &BallStatus, screen: Screen, elapsed: Duration) -> Option<BallState> {
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
