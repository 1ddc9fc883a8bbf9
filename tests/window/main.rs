//! The edge of the ring against windows in Python and Java, written from the format alone.
//!
//! There is no ring here: the test takes the place of the daemon.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed set-up ends the test, and figures are for people"
)]

mod program;

use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use async_io::{Async, Timer};
use carom::ring::{BallState, Direction, Screen, WindowBall};
use carom::window::{Event, OpenError, WindowClient, WindowListener, listen};
use smol::channel::{Receiver, bounded};
use smol::{LocalExecutor, future};

use program::{Program, free_port, programs};

const SCREEN: Screen = Screen {
    width: 800.0,
    height: 600.0,
};
const BALL: BallState = BallState {
    position: [800.0, 299.6],
    velocity: [400.0, -130.0],
    radius: 29.7,
    color: [255, 64, 0],
};

/// How often a ball flies through every window.
const LAPS: usize = 40;

/// A screen then takes 64 ms; a port takes at most ten balls a second.
const SPEEDUP: &str = "30";

/// A single node in a ring with one window: both its edges lead there.
struct Edge {
    executor: Rc<LocalExecutor<'static>>,
    /// Our ports for balls from a window on the left, and on the right.
    ports: [u16; 2],
    events: Receiver<Event>,
    _listening: [WindowListener; 2],
}

impl Edge {
    fn new() -> Self {
        let executor = Rc::new(LocalExecutor::new());
        let (sender, events) = bounded(4);
        let [left, right] = [Direction::Left, Direction::Right].map(|edge| {
            let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
            let port = listener.get_ref().local_addr().unwrap().port();
            (
                port,
                listen::spawn(&executor, listener, edge, SCREEN, sender.clone()),
            )
        });
        Self {
            executor,
            ports: [left.0, right.0],
            events,
            _listening: [left.1, right.1],
        }
    }

    fn run<T>(&self, test: impl Future<Output = T>) -> T {
        async_io::block_on(self.executor.run(test))
    }

    fn window(&self, port: u16) -> Rc<WindowClient> {
        let host = "127.0.0.1".to_owned();
        WindowClient::new(&self.executor, "laptop".to_owned(), host, port)
    }

    /// The next ball that comes in.
    async fn next(&self) -> Event {
        let late = async {
            Timer::after(Duration::from_secs(20)).await;
            panic!("no ball came back");
        };
        future::or(async { self.events.recv().await.unwrap() }, late).await
    }
}

#[test]
fn a_ball_flies_through_a_window_both_ways_and_stays_itself() {
    for program in programs() {
        let edge = Edge::new();
        let [from_left, from_right] = [free_port(), free_port()];
        // Our right edge is the left neighbour of the window.
        let running = program.start(&[
            ("--listen-left", from_left.to_string()),
            ("--listen-right", from_right.to_string()),
            ("--left", format!("127.0.0.1:{}", edge.ports[1])),
            ("--right", format!("127.0.0.1:{}", edge.ports[0])),
            ("--speedup", SPEEDUP.to_owned()),
        ]);
        let windows = [
            (Direction::Right, edge.window(from_left)),
            (Direction::Left, edge.window(from_right)),
        ];
        edge.run(async {
            for number in 0..LAPS {
                let (direction, window) = &windows[number % 2];
                let across = match direction {
                    Direction::Right => 400.0,
                    Direction::Left => -400.0,
                };
                let before = BallState {
                    velocity: [across, -130.0],
                    ..BALL
                };
                let sent = WindowBall::leaving(&before, *direction, SCREEN);
                window.open().await.unwrap().send(&sent).unwrap();
                let event = edge.next().await;
                assert_eq!(event.edge, direction.opposite(), "{}", program.name);
                assert!(event.ball.looks_like(&before), "{:?}", event.ball);
                let entering = event.ball.entering(event.edge, SCREEN).unwrap();
                let after = event.ball.restore(entering, &sent, &before);
                assert_eq!(after.velocity[0], across);
                assert_eq!(after.velocity[1].abs(), 130.0);
                assert_eq!((after.radius, after.color), (29.7, [255, 64, 0]));
            }
        });
        let log = running.stop();
        let count = |word: &str| log.iter().filter(|line| line.contains(word)).count();
        assert_eq!(count(" in "), LAPS, "{log:#?}");
        // The last ball may be here before the window has said that it sent it.
        assert!(count(" out ") >= LAPS - 1, "{log:#?}");
        assert_eq!((count(" garbled "), count(" refused ")), (0, 0), "{log:#?}");
        println!("{}: {LAPS} laps", program.name);
    }
}

#[test]
fn a_window_without_a_neighbour_sends_the_ball_back_where_it_came_from() {
    for program in programs() {
        let edge = Edge::new();
        let port = free_port();
        let nobody = free_port();
        let running = program.start(&[
            ("--listen-left", port.to_string()),
            ("--left", format!("127.0.0.1:{}", edge.ports[1])),
            ("--right", format!("127.0.0.1:{nobody}")),
            ("--speedup", "200".to_owned()),
        ]);
        let window = edge.window(port);
        let event = edge.run(async {
            let sent = WindowBall::leaving(&BALL, Direction::Right, SCREEN);
            window.open().await.unwrap().send(&sent).unwrap();
            edge.next().await
        });
        assert_eq!(event.edge, Direction::Right, "{}", program.name);
        assert_eq!(event.ball.velocity[0], -7);
        let log = running.stop();
        assert!(
            log.iter().any(|line| line.contains(" refused right ")),
            "{log:#?}"
        );
        assert!(
            log.iter().any(|line| line.contains(" bounce right ")),
            "{log:#?}"
        );
    }
}

#[test]
fn a_window_that_dies_with_the_ball_was_given_it_and_a_dead_one_takes_none() {
    for program in programs() {
        let edge = Edge::new();
        let port = free_port();
        let mut running = program.start(&[
            ("--listen-left", port.to_string()),
            ("--crash-after", "1".to_owned()),
        ]);
        let window = edge.window(port);
        edge.run(async {
            let sent = WindowBall::leaving(&BALL, Direction::Right, SCREEN);
            // Nothing tells us that it died: this is why a ball is only lent to a window.
            window.open().await.unwrap().send(&sent).unwrap();
            running.wait();
            let error = window.open().await.err().expect("nobody listens");
            assert!(matches!(error, OpenError::Unreachable(_)), "{error}");
            assert!(edge.events.is_empty());
        });
        let log = running.stop();
        assert!(
            log.iter().any(|line| line.contains(" crash left ")),
            "{log:#?}"
        );
    }
}

#[test]
fn a_stopped_window_takes_the_ball_and_never_shows_it() {
    let Some(program) = programs().into_iter().next() else {
        return;
    };
    let edge = Edge::new();
    let port = free_port();
    let running = program.start(&[("--listen-left", port.to_string())]);
    running.signal("STOP");
    let window = edge.window(port);
    edge.run(async {
        let sent = WindowBall::leaving(&BALL, Direction::Right, SCREEN);
        // Its kernel accepts the connection.
        window.open().await.unwrap().send(&sent).unwrap();
    });
    let log = running.stop();
    assert!(log.iter().all(|line| !line.contains(" in ")), "{log:#?}");
}

#[test]
fn a_student_who_presses_the_space_bar_sends_a_guest() {
    for program in programs() {
        let edge = Edge::new();
        let running = program.start(&[
            ("--right", format!("127.0.0.1:{}", edge.ports[0])),
            ("--speedup", "200".to_owned()),
            ("--serve", Program::FLAG.to_owned()),
        ]);
        let event = edge.run(edge.next());
        assert_eq!(event.edge, Direction::Left, "{}", program.name);
        assert!(!event.ball.looks_like(&BALL));
        let guest = event.ball.entering(event.edge, SCREEN).unwrap();
        assert_eq!((guest.velocity[0], guest.radius), (240.0, 25.0));
        assert_eq!(guest.color, [0, 128, 255]);
        running.stop();
    }
}
