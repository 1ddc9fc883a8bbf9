//! The edge of the ring where windows stand: a ball in their units, and back.
//!
//! Windows are the ball programs of a textbook's chapter: whole pixels, and pixels a frame of 1/60 s.
//! A pixel is a pixel on every screen: heights and radii are not scaled where screens differ, only
//! kept inside.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::motion::{BallState, Direction, Screen};

/// A window moves its balls so often a second.
const FRAMES: f64 = 60.0;

/// No window moves a ball further in a frame, in pixels: it would cross its screen unseen.
pub const FASTEST: i32 = 1000;

/// A ball as a window knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowBall {
    /// Of the centre, from the lower left corner, in pixels.
    pub position: [i32; 2],
    /// In pixels a frame.
    pub velocity: [i32; 2],
    /// In pixels.
    pub radius: i32,
    /// Red, green, blue.
    pub color: [u8; 3],
}

/// Why a ball from a window cannot come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidWindowBall {
    /// It does not move across, so it would stay at the edge for ever.
    StandsStill,
    /// It flies back to where it comes from.
    WrongWay,
    /// It moves faster than any window shows.
    TooFast,
    /// It has no size, or does not fit the screen.
    Size,
}

impl fmt::Display for InvalidWindowBall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandsStill => {
                formatter.write_str("its dx is 0, so it would stay at the edge for ever")
            }
            Self::WrongWay => formatter.write_str(
                "its dx points back to where it comes from: it belongs to the other port",
            ),
            Self::TooFast => write!(formatter, "it moves more than {FASTEST} pixels a frame"),
            Self::Size => {
                formatter.write_str("its radius is less than 1 or does not fit the screen")
            }
        }
    }
}

impl WindowBall {
    /// The ball that leaves a node flying `direction`, as a window with that screen gets it.
    pub fn leaving(state: &BallState, direction: Direction, screen: Screen) -> Self {
        let [_, y] = state.position;
        let [across, up] = state.velocity;
        // A ball that is slow for a window still has to cross it.
        let across = frames(across.abs()).max(1);
        let (x, dx) = match direction {
            Direction::Right => (0, across),
            Direction::Left => (whole(screen.width), -across),
        };
        Self {
            position: [x, whole(inside(y, state.radius, screen))],
            velocity: [dx, frames(up)],
            radius: whole(state.radius).max(1),
            color: state.color,
        }
    }

    /// The ball that comes in at a node with that screen, by that edge of it.
    ///
    /// # Errors
    /// When no ball of the ring could look or move so.
    pub fn entering(
        &self,
        edge: Direction,
        screen: Screen,
    ) -> Result<BallState, InvalidWindowBall> {
        let [dx, dy] = self.velocity;
        let radius = f64::from(self.radius);
        let inwards = match edge {
            Direction::Left => dx > 0,
            Direction::Right => dx < 0,
        };
        if dx == 0 {
            return Err(InvalidWindowBall::StandsStill);
        }
        if !inwards {
            return Err(InvalidWindowBall::WrongWay);
        }
        let paces = |pace: i32| (-FASTEST..=FASTEST).contains(&pace);
        if !paces(dx) || !paces(dy) {
            return Err(InvalidWindowBall::TooFast);
        }
        if self.radius < 1 || 2.0 * radius >= screen.width.min(screen.height) {
            return Err(InvalidWindowBall::Size);
        }
        let [_, y] = self.position;
        let x = match edge {
            Direction::Left => 0.0,
            Direction::Right => screen.width,
        };
        Ok(BallState {
            position: [x, inside(f64::from(y), radius, screen)],
            velocity: [f64::from(dx) * FRAMES, f64::from(dy) * FRAMES],
            radius,
            color: self.color,
        })
    }

    /// Whether this may be that ball: radius and color are all that a window keeps of its identity.
    pub fn looks_like(&self, state: &BallState) -> bool {
        self.radius == whole(state.radius).max(1) && self.color == state.color
    }

    /// `back`, which came in as this, with what was rounded off when `before` left as `sent`.
    ///
    /// Where the window has not changed a speed it is what it was: a ball must not grow slower with
    /// every lap because 130 pixels a second are no whole number of pixels a frame.
    pub fn restore(&self, back: BallState, sent: &Self, before: &BallState) -> BallState {
        let mut velocity = back.velocity;
        let paces = self.velocity.iter().zip(sent.velocity);
        for (speed, ((&now, then), exact)) in velocity.iter_mut().zip(paces.zip(before.velocity)) {
            if now.abs() == then.abs() {
                *speed = if now == 0 {
                    exact
                } else {
                    exact.abs().copysign(f64::from(now))
                };
            }
        }
        BallState {
            velocity,
            radius: before.radius,
            ..back
        }
    }
}

/// A height at which the ball touches neither floor nor ceiling.
fn inside(y: f64, radius: f64, screen: Screen) -> f64 {
    let highest = (screen.height - radius).max(radius);
    y.max(radius).min(highest)
}

fn frames(speed: f64) -> i32 {
    whole((speed / FRAMES).clamp(f64::from(-FASTEST), f64::from(FASTEST)))
}

/// The nearest whole number; what is no number is 0.
#[allow(clippy::cast_possible_truncation, reason = "clamped to the range")]
fn whole(length: f64) -> i32 {
    length
        .round()
        .clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen {
        width: 800.0,
        height: 600.0,
    };
    const BALL: BallState = BallState {
        position: [812.0, 299.6],
        velocity: [400.0, -130.0],
        radius: 30.0,
        color: [255, 64, 0],
    };

    #[test]
    fn a_ball_goes_out_in_whole_numbers_and_comes_back_exactly() {
        let sent = WindowBall::leaving(&BALL, Direction::Right, SCREEN);
        assert_eq!((sent.position, sent.velocity), ([0, 300], [7, -2]));
        // The window let it bounce off the floor, then off its far wall.
        let back = WindowBall {
            position: [0, 77],
            velocity: [-7, 2],
            ..sent
        };
        assert!(back.looks_like(&BALL));
        let entering = back.entering(Direction::Right, SCREEN).unwrap();
        assert_eq!(entering.position, [800.0, 77.0]);
        assert_eq!(entering.velocity, [-420.0, 120.0]);
        let restored = back.restore(entering, &sent, &BALL);
        assert_eq!(restored.velocity, [-400.0, 130.0]);
        assert_eq!(restored.radius, BALL.radius);
        let faster = WindowBall {
            velocity: [-9, 2],
            ..back
        };
        let entering = faster.entering(Direction::Right, SCREEN).unwrap();
        assert_eq!(
            faster.restore(entering, &sent, &BALL).velocity,
            [-540.0, 130.0]
        );
    }

    #[test]
    fn a_radius_between_two_pixels_comes_back_exactly() {
        let ball = BallState {
            radius: 30.4,
            ..BALL
        };
        let sent = WindowBall::leaving(&ball, Direction::Right, SCREEN);
        let back = WindowBall {
            velocity: [-7, 2],
            ..sent
        };
        let entering = back.entering(Direction::Right, SCREEN).unwrap();
        assert_eq!(entering.radius, 30.0);
        assert_eq!(back.restore(entering, &sent, &ball).radius, 30.4);
    }

    #[test]
    fn a_slow_ball_still_crosses_and_a_fast_one_is_shown() {
        let paced = |across| {
            let ball = BallState {
                velocity: [across, 20.0],
                ..BALL
            };
            WindowBall::leaving(&ball, Direction::Left, SCREEN).velocity
        };
        assert_eq!(paced(-3.0), [-1, 0]);
        assert_eq!(paced(-1e13), [-FASTEST, 0]);
        assert_eq!(paced(f64::NAN), [-1, 0]);
    }

    #[test]
    fn heights_are_kept_inside_the_smaller_screen() {
        let low = Screen {
            width: 300.0,
            height: 200.0,
        };
        let sent = WindowBall::leaving(&BALL, Direction::Left, low);
        assert_eq!(sent.position, [300, 170]);
        let wild = WindowBall {
            position: [9, i32::MIN],
            ..sent
        };
        let entering = wild.entering(Direction::Right, SCREEN).unwrap();
        assert_eq!(entering.position, [800.0, 30.0]);
    }

    #[test]
    fn what_no_ball_can_be_is_refused_with_a_reason() {
        let good = WindowBall::leaving(&BALL, Direction::Right, SCREEN);
        let of = |velocity, radius| {
            let ball = WindowBall {
                velocity,
                radius,
                ..good
            };
            ball.entering(Direction::Left, SCREEN).unwrap_err()
        };
        let smallest = WindowBall { radius: 1, ..good };
        assert!(smallest.entering(Direction::Left, SCREEN).is_ok());
        assert_eq!(of([0, 5], 30), InvalidWindowBall::StandsStill);
        assert_eq!(of([-7, 5], 30), InvalidWindowBall::WrongWay);
        assert_eq!(of([FASTEST + 1, 5], 30), InvalidWindowBall::TooFast);
        assert_eq!(of([7, i32::MIN], 30), InvalidWindowBall::TooFast);
        for radius in [0, -30, 300, i32::MAX, i32::MIN] {
            assert_eq!(of([7, 5], radius), InvalidWindowBall::Size, "{radius}");
        }
    }
}
