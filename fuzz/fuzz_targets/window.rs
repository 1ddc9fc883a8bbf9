//! Balls of windows, in both formats: eight numbers from a window, and JSON in a `found` from a peer.

#![no_main]

mod common;

use carom::net::encode;
use carom::net::fuzzing::message_in;
use carom::ring::{Direction, Message, Screen, WindowBall};
use carom::window::wire;
use libfuzzer_sys::fuzz_target;

const SCREEN: Screen = Screen {
    width: 800.0,
    height: 600.0,
};

fuzz_target!(|data: &[u8]| {
    match wire::parse(data) {
        Ok(ball) => check_ball(ball),
        Err(error) => common::assert_one_safe_line(&error.to_string()),
    }
    if let Ok(Message::LoanQuery { ball, .. }) = message_in(data) {
        check_ball(ball);
    }
});

fn check_ball(ball: WindowBall) {
    let text = wire::format(&ball);
    assert!(text.len() < wire::LONGEST);
    for end in ["", "\n", "\r\n"] {
        assert_eq!(wire::parse(format!("{text}{end}").as_bytes()), Ok(ball));
    }
    for edge in [Direction::Left, Direction::Right] {
        let query = Message::LoanQuery { seq: 7, edge, ball };
        let mut line = Vec::new();
        encode(&query, &mut line);
        assert_eq!(message_in(line.trim_ascii_end()), Ok(query));
        match ball.entering(edge, SCREEN) {
            Ok(state) => {
                let [x, y] = state.position;
                assert!((0.0..=SCREEN.width).contains(&x));
                assert!((state.radius..=SCREEN.height - state.radius).contains(&y));
                let inwards = state.velocity[0] > 0.0;
                assert_eq!(inwards, edge == Direction::Left);
                // It may leave the screen on the other side as a ball that a window takes.
                let onward = if inwards {
                    Direction::Right
                } else {
                    Direction::Left
                };
                let left = WindowBall::leaving(&state, onward, SCREEN);
                assert_eq!(wire::parse(wire::format(&left).as_bytes()), Ok(left));
                assert!(left.looks_like(&state));
            }
            Err(invalid) => common::assert_one_safe_line(&invalid.to_string()),
        }
    }
}
