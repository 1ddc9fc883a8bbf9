//! What a request at the control socket means to the core, and the reply to it.

use super::ring_thread::Answer;
use crate::control::{NewBall, Reply, Request};
use crate::http::BallStatus;
use crate::ring::view::BallView;
use crate::ring::{BallId, BallState, GuestRejected, Input, Screen, Topology, WindowBall};

/// The greatest speed of a guest, in pixels a second: a faster one would cross its screen unseen.
const MAX_SPEED: f64 = 60_000.0;

/// The input for the core, or why the request is refused without asking it.
pub(super) fn input(
    request: &Request,
    topology: &Topology,
    mut balls: impl Iterator<Item = BallView>,
) -> Result<Input, String> {
    match request {
        Request::List => Ok(Input::Tick),
        Request::Add(ball) => {
            let state = state(ball, topology.screen)?;
            // Windows tell balls apart by radius and color alone.
            let seen_by_windows = WindowBall::leaving(&state, state.direction(), topology.screen);
            let twin = balls.find(|view| {
                let looks_alike = |known: &BallState| seen_by_windows.looks_like(known);
                !topology.window_chains.is_empty() && view.state.as_ref().is_some_and(looks_alike)
            });
            match twin {
                Some(twin) => Err(format!(
                    "ball {} looks like that, and windows tell balls apart by radius and color alone: choose another color",
                    twin.ball
                )),
                None => Ok(Input::AddGuest(state)),
            }
        }
        Request::Remove { ball } => match balls.find(|view| view.ball == BallId(*ball)) {
            Some(view) if view.guest => Ok(Input::RemoveGuest(view.ball)),
            Some(_) => Err(format!(
                "ball {ball} is in the ring file, and only guests can be removed"
            )),
            None => Err(format!(
                "there is no ball {ball}: `carom ball list` shows all"
            )),
        },
    }
}

/// The reply to a request that the node has handled; `balls` lists all balls.
pub(super) fn reply(answer: &Answer, balls: impl FnOnce() -> Vec<BallStatus>) -> Reply {
    let refused = answer.refused.as_deref();
    match (refused.or(answer.rejected.map(rejection)), &answer.request) {
        (Some(why), _) => Reply::Refused(why.to_owned()),
        (None, Request::List) => Reply::Balls(balls()),
        (None, Request::Add(_) | Request::Remove { .. }) => Reply::Requested,
    }
}

/// The new ball as the core represents balls, or why it cannot be one.
fn state(ball: &NewBall, screen: Screen) -> Result<BallState, String> {
    let NewBall {
        position,
        velocity,
        radius,
        color,
    } = *ball;
    let numbers = position.into_iter().chain(velocity).chain([radius]);
    if !numbers.into_iter().all(f64::is_finite) {
        return Err("position, velocity and radius must be numbers".to_owned());
    }
    let ([x, y], [across, _]) = (position, velocity);
    if !(1.0..screen.width.min(screen.height) / 2.0).contains(&radius) {
        return Err(format!(
            "radius {radius} is not from 1 to under half of the screen's shorter side ({} x {})",
            screen.width, screen.height
        ));
    }
    if !(0.0..=screen.width).contains(&x) || !(radius..=screen.height - radius).contains(&y) {
        return Err(format!(
            "the ball would begin outside of the screen ({} x {})",
            screen.width, screen.height
        ));
    }
    if across == 0.0 || velocity.iter().any(|speed| speed.abs() > MAX_SPEED) {
        return Err(format!(
            "its x velocity must not be 0, and no speed over {MAX_SPEED} pixels a second"
        ));
    }
    Ok(BallState {
        position,
        velocity,
        radius,
        color,
    })
}

/// Why a guest was rejected, and what to do.
pub(super) fn rejection(why: GuestRejected) -> &'static str {
    match why {
        GuestRejected::Full => {
            "as many guests are there as the ring file allows (guests): remove one, or wait until one leaves"
        }
        GuestRejected::TooMany => "guests come faster than one a second: wait a little",
        GuestRejected::NotReady => {
            "this node has only just started, or is about to stop: wait a lease"
        }
        GuestRejected::NoMajority => "no majority of the voters agreed in time: try again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen {
        width: 800.0,
        height: 600.0,
    };
    const BALL: NewBall = NewBall {
        position: [400.0, 300.0],
        velocity: [240.0, 130.0],
        radius: 20.0,
        color: [1, 2, 3],
    };

    #[test]
    fn a_ball_that_no_ring_file_could_have_is_refused_with_a_reason() {
        assert!(state(&BALL, SCREEN).is_ok());
        let cases = [
            (
                NewBall {
                    radius: f64::NAN,
                    ..BALL
                },
                "must be numbers",
            ),
            (
                NewBall {
                    radius: 0.5,
                    ..BALL
                },
                "radius 0.5",
            ),
            (
                NewBall {
                    radius: 300.0,
                    ..BALL
                },
                "radius 300",
            ),
            (
                NewBall {
                    position: [400.0, 595.0],
                    ..BALL
                },
                "outside",
            ),
            (
                NewBall {
                    position: [-1.0, 300.0],
                    ..BALL
                },
                "outside",
            ),
            (
                NewBall {
                    velocity: [0.0, 130.0],
                    ..BALL
                },
                "must not be 0",
            ),
            (
                NewBall {
                    velocity: [240.0, 1e9],
                    ..BALL
                },
                "no speed over",
            ),
        ];
        for (ball, why) in cases {
            let refused = state(&ball, SCREEN).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
