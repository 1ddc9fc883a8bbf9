//! Rule 9: a ball is lent to a window and comes back.

use carom::ring::{
    BallId, Direction, Input, InvalidWindowBall, Message, Notification, Output, Topology,
    WindowBall,
};

use crate::fixture::{
    BALL, LEASE, TestNode, candidacy, generation, led_off, led_on, notifications, passed_to,
    renewed, sent_to,
};
use crate::granting_peers::{
    ball_for_window, grant_all, holder, run_granting, window_opened, with_windows,
};

pub(crate) const CROSSING: u64 = 150_000;

fn window_answers(node: &mut TestNode, open: bool) -> Vec<Output> {
    node.handle(Input::WindowAnswered { ball: BALL, open })
}

/// A holder that has just lent its ball to the window on the right, and the ball that it sent.
pub(crate) fn lent() -> (TestNode, WindowBall) {
    let mut node = holder(CROSSING);
    let out = run_granting(&mut node, LEASE + CROSSING);
    assert_eq!(window_opened(&out), Some(Direction::Right));
    let sent = ball_for_window(&window_answers(&mut node, true)).unwrap();
    (node, sent)
}

/// The same ball as the window sends it back to its lender.
pub(crate) fn returned(sent: WindowBall) -> WindowBall {
    let [dx, dy] = sent.velocity;
    WindowBall {
        position: [0, 222],
        velocity: [-dx, dy],
        ..sent
    }
}

pub(crate) fn from_window(node: &mut TestNode, ball: WindowBall) -> Vec<Output> {
    let edge = Direction::Right;
    node.handle(Input::FromWindow { edge, ball })
}

#[test]
fn the_ball_stays_and_its_led_is_on_until_the_window_answers() {
    let mut node = holder(CROSSING);
    assert_eq!(
        window_opened(&run_granting(&mut node, LEASE + CROSSING - 1)),
        None
    );
    let out = run_granting(&mut node, LEASE + CROSSING);
    assert_eq!(window_opened(&out), Some(Direction::Right));
    assert_eq!((passed_to(&out), led_off(&out)), (None, false));
    let waiting = run_granting(&mut node, LEASE + CROSSING + LEASE);
    assert_eq!(
        (window_opened(&waiting), led_off(&waiting)),
        (None, false),
        "it asks once"
    );
    let out = window_answers(&mut node, true);
    let off = out
        .iter()
        .position(|output| matches!(output, Output::LedOff(_)));
    let give = out
        .iter()
        .position(|output| matches!(output, Output::SendToWindow { .. }));
    assert!(off.unwrap() < give.unwrap(), "{out:?}");
    let sent = ball_for_window(&out).unwrap();
    assert_eq!((sent.position, sent.velocity), ([0, 300], [89, 0]));
    assert_eq!((sent.radius, sent.color), (30, [255, 64, 0]));
    assert_eq!(node.core.view().counters.loans, 1);
}

#[test]
fn a_ball_bounces_off_a_window_that_is_not_there_and_stays_lit() {
    let mut node = holder(CROSSING);
    run_granting(&mut node, LEASE + CROSSING);
    let out = window_answers(&mut node, false);
    assert!(!led_off(&out) && !led_on(&out), "{out:?}");
    let view = node.core.ball_views().next().unwrap();
    assert_eq!(view.state.unwrap().direction(), Direction::Left);
    let out = run_granting(&mut node, LEASE + 2 * CROSSING);
    assert_eq!(
        window_opened(&out),
        Some(Direction::Left),
        "to the window on the other side"
    );
}

#[test]
fn a_lent_ball_is_renewed_and_reported_but_no_led_is_on() {
    let (mut node, _) = lent();
    let began = node.now;
    let out = run_granting(&mut node, began + 5 * LEASE);
    assert!(!led_on(&out) && candidacy(&out).is_none(), "{out:?}");
    assert!(renewed(&out).is_some());
    node.handle(Input::Tick);
    let view = node.core.ball_views().next().unwrap();
    assert!(!view.here && !view.frozen);
    let loan = view.loan.unwrap();
    assert_eq!(loan.edge, Direction::Right);
    assert_eq!(loan.since.as_micros(), u128::from(5 * LEASE));
}

#[test]
fn it_returns_by_the_edge_it_left_by_one_hop_on_and_as_fast_as_before() {
    let (mut node, sent) = lent();
    let (stamp, moment) = (node.stamp().unwrap(), node.now + LEASE);
    run_granting(&mut node, moment);
    let out = from_window(&mut node, returned(sent));
    assert!(led_on(&out) && notifications(&out).is_empty(), "{out:?}");
    assert_eq!(node.stamp().unwrap().generation, stamp.generation);
    assert_eq!(node.stamp().unwrap().hop, stamp.hop + 1);
    let state = node.core.ball_views().next().unwrap().state.unwrap();
    assert_eq!(state.position, [800.0, 222.0]);
    let speed = 800.0 / (CROSSING as f64 / 1e6);
    assert_eq!(state.velocity, [-speed, 0.0], "not 60 times 89");
}

#[test]
fn the_node_beyond_the_window_asks_and_gets_the_ball_by_an_ordinary_pass() {
    let (mut node, sent) = lent();
    let stamp = node.stamp().unwrap();
    let query = |seq| Message::LoanQuery {
        seq,
        edge: Direction::Right,
        ball: WindowBall {
            position: [800, 77],
            ..sent
        },
    };
    let out = node.receive(2, query(5));
    assert_eq!(
        sent_to(&out, 2),
        [Message::LoanUnknown { seq: 5 }],
        "that is not the node beyond"
    );
    let out = node.receive(1, query(6));
    let (to, pass) = passed_to(&out).unwrap();
    assert_eq!((to, pass.record.stamp.generation), (1, stamp.generation));
    assert_eq!(pass.record.stamp.hop, stamp.hop + 1);
    assert_eq!(pass.record.state.position[1], 77.0);
    assert!(
        !led_on(&out) && !led_off(&out),
        "its LED has been off since it was lent"
    );
    // The same ball once more is a copy.
    let out = node.receive(1, query(7));
    assert_eq!(sent_to(&out, 1), [Message::LoanUnknown { seq: 7 }]);
}

#[test]
fn a_node_that_receives_a_ball_from_a_window_asks_the_lender_and_the_pass_is_the_answer() {
    let mut node = TestNode::new(with_windows(CROSSING));
    (1..3).for_each(|peer| drop(node.connect(peer)));
    node.until(LEASE / 2);
    node.renewal(2, generation(3), 8);
    node.until(LEASE);
    node.renewal(2, generation(3), 8);
    let ball = WindowBall {
        position: [0, 123],
        velocity: [7, 0],
        radius: 30,
        color: [255, 64, 0],
    };
    let (edge, found) = (
        Direction::Left,
        Input::FromWindow {
            edge: Direction::Left,
            ball,
        },
    );
    let out = node.handle(found.clone());
    let [
        Message::LoanQuery {
            seq,
            edge: theirs,
            ball: told,
        },
    ] = sent_to(&out, 2)[..]
    else {
        panic!("{out:?}");
    };
    assert_eq!(
        (theirs, told),
        (Direction::Right, ball),
        "their edge, not ours"
    );
    let out = node.pass(2, generation(3), 9, LEASE / 2);
    assert!(led_on(&out) && notifications(&out).is_empty());
    let out = node.receive(2, Message::LoanUnknown { seq });
    assert_eq!(notifications(&out), [], "it was settled by the pass");
    // The same again: the ring has that ball, so this is a copy.
    let out = node.handle(found);
    let [Message::LoanQuery { seq, .. }] = sent_to(&out, 2)[..] else {
        panic!("{out:?}");
    };
    let out = node.receive(2, Message::LoanUnknown { seq });
    assert_eq!(
        notifications(&out),
        [Notification::LateCopyRefused { ball: BALL, edge }]
    );
    assert_eq!(node.core.view().counters.refused_balls, 1);
}

#[test]
fn a_ball_whose_send_to_the_window_failed_bounces() {
    let (mut node, _) = lent();
    let out = node.handle(Input::WindowSendFailed { ball: BALL });
    assert!(led_on(&out));
    let state = node.core.ball_views().next().unwrap().state.unwrap();
    assert_eq!(state.direction(), Direction::Left);
    let out = node.handle(Input::WindowSendFailed { ball: BALL });
    assert!(!led_on(&out), "it is here already");
}

#[test]
fn a_ball_found_beyond_the_window_waits_for_its_lease_and_comes_back_if_that_node_is_gone() {
    let (mut node, sent) = lent();
    let frozen = node.now + 2 * LEASE;
    node.until(frozen);
    let (seq, edge) = (6, Direction::Right);
    let out = node.receive(
        1,
        Message::LoanQuery {
            seq,
            edge,
            ball: sent,
        },
    );
    assert_eq!(
        passed_to(&out),
        None,
        "without a lease there is nothing to pass"
    );
    drop(node.disconnect(1));
    let out = run_granting(&mut node, frozen + LEASE);
    assert!(led_on(&out), "{out:?}");
    let state = node.core.ball_views().next().unwrap().state.unwrap();
    assert_eq!(state.direction(), Direction::Left);
}

#[test]
fn a_leaving_node_passes_on_the_ball_that_it_has_lent() {
    let (mut node, _) = lent();
    let out = node.handle(Input::Drain);
    assert_eq!(passed_to(&out).unwrap().0, 1);
    assert!(!led_on(&out) && !led_off(&out));
}

#[test]
fn a_lent_ball_that_seems_to_come_out_of_the_window_on_the_other_side_is_asked_about() {
    let (mut node, sent) = lent();
    let edge = Direction::Left;
    let out = node.handle(Input::FromWindow { edge, ball: sent });
    assert!(!led_on(&out), "{out:?}");
    assert!(matches!(sent_to(&out, 2)[..], [Message::LoanQuery { .. }]));
}

#[test]
fn a_ball_of_another_look_is_not_the_one_that_was_lent() {
    let (mut node, sent) = lent();
    let other = WindowBall {
        color: [9, 9, 9],
        ..returned(sent)
    };
    let out = from_window(&mut node, other);
    assert!(!led_on(&out), "{out:?}");
    assert!(matches!(sent_to(&out, 1)[..], [Message::LoanQuery { .. }]));
}

#[test]
fn an_invalid_ball_is_reported_and_nothing_else_happens() {
    let mut node = holder(LEASE * 100);
    let ball = WindowBall {
        position: [0, 0],
        velocity: [0, 5],
        radius: 30,
        color: [0; 3],
    };
    let out = from_window(&mut node, ball);
    let (edge, why) = (Direction::Right, InvalidWindowBall::StandsStill);
    assert_eq!(
        out,
        [Output::Notify(Notification::InvalidWindowBall {
            edge,
            why
        })]
    );
    assert_eq!(node.core.view().counters.refused_balls, 1);
    let no_chain = Topology {
        window_chains: Vec::new(),
        ..with_windows(LEASE)
    };
    let mut alone = TestNode::new(no_chain);
    let ball = WindowBall {
        velocity: [-5, 5],
        ..ball
    };
    assert_eq!(from_window(&mut alone, ball), []);
}

#[test]
fn a_new_ball_becomes_a_guest_though_the_node_that_was_asked_is_gone() {
    let mut node = holder(LEASE * 100);
    let ball = |color| WindowBall {
        position: [0, 200],
        velocity: [-7, 0],
        radius: 30,
        color,
    };
    let (known, new) = (ball([255, 64, 0]), ball([1, 2, 3]));
    for ball in [known, new] {
        let out = from_window(&mut node, ball);
        assert!(matches!(sent_to(&out, 1)[..], [Message::LoanQuery { .. }]));
    }
    assert_eq!(node.disconnect(2), [], "that is another link");
    node.connect(2);
    let out = node.disconnect(1);
    let out = grant_all(&mut node, out);
    assert!(
        out.contains(&Output::Notify(Notification::GuestJoined {
            ball: BallId(2)
        })),
        "{out:?}"
    );
    // The ring has the other ball: its lender recovers it, and no answer is pending any more.
    node.connect(1);
    assert_eq!(node.core.view().counters.refused_balls, 0);
    assert_eq!(node.core.ball_views().filter(|view| view.guest).count(), 1);
}
