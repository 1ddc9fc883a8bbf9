//! A ball's motion: its state, and where it is as a pure function of the state at entry and the time since.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The virtual screen that every node has. Both sides in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Screen {
    /// From the left edge to the right one.
    pub width: f64,
    /// From the floor to the ceiling.
    pub height: f64,
}

/// How a ball moves, as it was at one moment. Lengths in pixels, y upwards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BallState {
    /// Of the centre, from the lower left corner of the screen.
    pub position: [f64; 2],
    /// In pixels a second.
    pub velocity: [f64; 2],
    /// In pixels.
    pub radius: f64,
    /// Red, green, blue.
    pub color: [u8; 3],
}

impl BallState {
    /// The way the ball flies: to the right unless it moves left.
    pub fn direction(&self) -> Direction {
        let [across, _] = self.velocity;
        if across < 0.0 {
            Direction::Left
        } else {
            Direction::Right
        }
    }
}

/// The two ways along a ring: right is onward in the order of the ring file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards the node listed before.
    Left,
    /// Towards the node listed next.
    Right,
}

impl Direction {
    /// The other way.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// A ball that has bounced between two walls stays at least this long on its way across.
///
/// A ball that "leaves at once" and has nowhere to go would else bounce without end.
pub const SHORTEST_BOUNCE: Duration = Duration::from_millis(10);

/// The state `elapsed` after `entry`: x linear up to the edge, y folded between floor and ceiling.
pub fn at(entry: &BallState, screen: Screen, elapsed: Duration) -> BallState {
    let seconds = elapsed.as_secs_f64();
    let ([x, y], [across, up]) = (entry.position, entry.velocity);
    let (y, up) = fold(y, up, seconds, entry.radius, screen.height - entry.radius);
    BallState {
        position: [(x + across * seconds).clamp(0.0, screen.width), y],
        velocity: [across, up],
        ..*entry
    }
}

/// How long after `entry` the ball's centre reaches the edge it flies to; `None` if it never does.
pub fn time_to_edge(entry: &BallState, screen: Screen) -> Option<Duration> {
    let ([x, _], [across, _]) = (entry.position, entry.velocity);
    let way = match entry.direction() {
        Direction::Right => screen.width - x,
        Direction::Left => x,
    };
    let seconds = way.max(0.0) / across.abs();
    // Rounded down to the clock's unit: what takes under a microsecond takes no time.
    let micros = (seconds * 1e6).floor();
    (micros.is_finite() && micros < 1e18).then(|| Duration::from_micros(micros as u64))
}

/// The same ball as it comes in on the next screen: at the edge opposite to the way it flies.
pub fn enter(state: &BallState, screen: Screen) -> BallState {
    let [_, y] = state.position;
    let x = match state.direction() {
        Direction::Right => 0.0,
        Direction::Left => screen.width,
    };
    let low = state.radius.min(screen.height / 2.0);
    BallState {
        position: [x, y.clamp(low, screen.height - low)],
        ..*state
    }
}

/// The same ball flying back.
pub fn bounce(state: &BallState) -> BallState {
    let [across, up] = state.velocity;
    BallState {
        velocity: [-across, up],
        ..*state
    }
}

/// Moves `y` for `seconds` at `speed` between two mirrors; returns the height and the speed there.
fn fold(y: f64, speed: f64, seconds: f64, floor: f64, ceiling: f64) -> (f64, f64) {
    let room = ceiling - floor;
    if room <= 0.0 {
        // A ball as high as the screen cannot move up or down.
        return ((floor + ceiling) / 2.0, speed);
    }
    let way = (y.clamp(floor, ceiling) - floor + speed * seconds).rem_euclid(2.0 * room);
    if way <= room {
        (floor + way, speed)
    } else {
        (floor + 2.0 * room - way, -speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen {
        width: 800.0,
        height: 600.0,
    };

    fn ball(position: [f64; 2], velocity: [f64; 2]) -> BallState {
        BallState {
            position,
            velocity,
            radius: 30.0,
            color: [255, 64, 0],
        }
    }

    #[test]
    fn the_sample_ball_crosses_in_the_time_its_speed_says() {
        let entry = ball([100.0, 300.0], [240.0, 130.0]);
        let time = time_to_edge(&entry, SCREEN).unwrap();
        assert_eq!(time, Duration::from_micros(2_916_666));
        let [x, _] = at(&entry, SCREEN, time).position;
        assert!((x - 800.0).abs() < 0.001, "{x}");
    }

    #[test]
    fn y_is_mirrored_at_floor_and_ceiling() {
        let entry = ball([0.0, 500.0], [10.0, 100.0]);
        // 70 pixels to the ceiling at 570, then down again.
        let after = at(&entry, SCREEN, Duration::from_secs(1));
        assert_eq!((after.position[1], after.velocity[1]), (540.0, -100.0));
        let later = at(&entry, SCREEN, Duration::from_secs(7));
        assert_eq!((later.position[1], later.velocity[1]), (120.0, 100.0));
    }

    #[test]
    fn stepping_twice_is_stepping_once() {
        let entry = ball([0.0, 77.0], [13.0, -331.0]);
        let once = at(&entry, SCREEN, Duration::from_millis(5_300));
        let twice = at(
            &at(&entry, SCREEN, Duration::from_millis(1_900)),
            SCREEN,
            Duration::from_millis(3_400),
        );
        assert!((once.position[1] - twice.position[1]).abs() < 1e-9);
        assert_eq!(once.velocity, twice.velocity);
    }

    #[test]
    fn a_left_flyer_enters_at_the_right_and_a_tall_ball_stays_inside() {
        assert_eq!(
            enter(&ball([0.0, 10.0], [-5.0, 0.0]), SCREEN).position,
            [800.0, 30.0]
        );
        assert_eq!(
            enter(&ball([800.0, 10.0], [5.0, 0.0]), SCREEN).position,
            [0.0, 30.0]
        );
        let tall = BallState {
            radius: 400.0,
            ..ball([0.0, 10.0], [5.0, 9.0])
        };
        assert_eq!(enter(&tall, SCREEN).position[1], 300.0);
        assert_eq!(at(&tall, SCREEN, Duration::from_secs(1)).position[1], 300.0);
    }

    #[test]
    fn a_still_ball_never_reaches_an_edge_and_a_very_fast_one_does_at_once() {
        assert_eq!(time_to_edge(&ball([1.0, 1.0], [0.0, 1.0]), SCREEN), None);
        assert_eq!(
            time_to_edge(&ball([0.0, 1.0], [8e9, 1.0]), SCREEN),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn a_ball_that_barely_moves_never_reaches_its_edge() {
        assert_eq!(time_to_edge(&ball([0.0, 300.0], [0.0, 50.0]), SCREEN), None);
        assert_eq!(
            time_to_edge(&ball([0.0, 300.0], [800e-12, 0.0]), SCREEN),
            None
        );
        let hour = time_to_edge(&ball([0.0, 300.0], [800.0 / 3600.0, 0.0]), SCREEN);
        assert_eq!(hour.map(|time| time.as_secs()), Some(3600));
    }

    #[test]
    fn a_ball_comes_in_no_nearer_to_floor_and_ceiling_than_its_radius() {
        let height = |y| enter(&ball([800.0, y], [1.0, 0.0]), SCREEN).position[1];
        let radius = ball([0.0, 0.0], [0.0, 0.0]).radius;
        assert_eq!(height(-5.0), radius);
        assert_eq!(height(5_000.0), SCREEN.height - radius);
        assert_eq!(height(300.0), 300.0);
    }
}
