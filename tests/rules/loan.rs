//! A ball is lent to a window and comes back: by whom, when, and as what.

use carom::ring::{
    BallId, Direction, Input, InvalidWindowBall, LateCopy, Message, Notification, Output, Time,
    Topology, WindowBall,
};

use crate::kind::{LOAN, agree, called, given, holder, play, with_windows};
use crate::solo::{
    BALL, LEASE, Solo, candidate, dark, generation, lit, notes, passed_to, renewed, said,
};

const CROSSING: u64 = 150_000;

fn answer(solo: &mut Solo, open: bool) -> Vec<Output> {
    solo.feed(Input::WindowAnswered { ball: BALL, open })
}

/// The ball has just been given to the window on the right; says how.
fn lent() -> (Solo, WindowBall) {
    let mut solo = holder(CROSSING);
    let out = play(&mut solo, LEASE + CROSSING);
    assert_eq!(called(&out), Some(Direction::Right));
    let sent = given(&answer(&mut solo, true)).unwrap();
    (solo, sent)
}

/// The same as the window sends it back by the way it came.
fn turned(sent: WindowBall) -> WindowBall {
    let [dx, dy] = sent.velocity;
    WindowBall {
        position: [0, 222],
        velocity: [-dx, dy],
        ..sent
    }
}

fn from_window(solo: &mut Solo, ball: WindowBall) -> Vec<Output> {
    let edge = Direction::Right;
    solo.feed(Input::FromWindow { edge, ball })
}

#[test]
fn the_ball_stays_and_shines_until_the_window_answers() {
    let mut solo = holder(CROSSING);
    assert_eq!(called(&play(&mut solo, LEASE + CROSSING - 1)), None);
    let out = play(&mut solo, LEASE + CROSSING);
    assert_eq!(called(&out), Some(Direction::Right));
    assert_eq!((passed_to(&out), dark(&out)), (None, false));
    let waiting = play(&mut solo, LEASE + CROSSING + LEASE);
    assert_eq!(
        (called(&waiting), dark(&waiting)),
        (None, false),
        "it asks once"
    );
    let out = answer(&mut solo, true);
    let off = out
        .iter()
        .position(|output| matches!(output, Output::LedOff(_)));
    let give = out
        .iter()
        .position(|output| matches!(output, Output::SendToWindow { .. }));
    assert!(off.unwrap() < give.unwrap(), "{out:?}");
    let sent = given(&out).unwrap();
    assert_eq!((sent.position, sent.velocity), ([0, 300], [89, 0]));
    assert_eq!((sent.radius, sent.color), (30, [255, 64, 0]));
    assert_eq!(solo.node.view().counters.loans, 1);
}

#[test]
fn a_ball_bounces_off_a_window_that_is_not_there_and_stays_lit() {
    let mut solo = holder(CROSSING);
    play(&mut solo, LEASE + CROSSING);
    let out = answer(&mut solo, false);
    assert!(!dark(&out) && !lit(&out), "{out:?}");
    let view = solo.node.ball_views().next().unwrap();
    assert_eq!(view.state.unwrap().direction(), Direction::Left);
    let out = play(&mut solo, LEASE + 2 * CROSSING);
    assert_eq!(
        called(&out),
        Some(Direction::Left),
        "to the window on the other side"
    );
}

#[test]
fn what_is_lent_is_renewed_and_shown_but_shines_nowhere() {
    let (mut solo, _) = lent();
    let began = solo.now;
    let out = play(&mut solo, began + 5 * LEASE);
    assert!(!lit(&out) && candidate(&out).is_none(), "{out:?}");
    assert!(renewed(&out).is_some());
    solo.feed(Input::Tick);
    let view = solo.node.ball_views().next().unwrap();
    assert!(!view.here && !view.frozen);
    let loan = view.loan.unwrap();
    assert_eq!(loan.edge, Direction::Right);
    assert_eq!(loan.since.as_micros(), u128::from(5 * LEASE));
}

#[test]
fn it_comes_home_by_the_edge_it_left_by_one_hop_on_and_as_fast_as_it_was() {
    let (mut solo, sent) = lent();
    let (stamp, moment) = (solo.stamp().unwrap(), solo.now + LEASE);
    play(&mut solo, moment);
    let out = from_window(&mut solo, turned(sent));
    assert!(lit(&out) && notes(&out).is_empty(), "{out:?}");
    assert_eq!(solo.stamp().unwrap().generation, stamp.generation);
    assert_eq!(solo.stamp().unwrap().hop, stamp.hop + 1);
    let state = solo.node.ball_views().next().unwrap().state.unwrap();
    assert_eq!(state.position, [800.0, 222.0]);
    let speed = 800.0 / (CROSSING as f64 / 1e6);
    assert_eq!(state.velocity, [-speed, 0.0], "not 60 times 89");
}

#[test]
fn the_node_beyond_asks_and_gets_it_by_an_ordinary_pass() {
    let (mut solo, sent) = lent();
    let stamp = solo.stamp().unwrap();
    let question = |seq| Message::LoanQuery {
        seq,
        edge: Direction::Right,
        ball: WindowBall {
            position: [800, 77],
            ..sent
        },
    };
    let out = solo.hear(2, question(5));
    assert_eq!(
        said(&out, 2),
        [Message::LoanUnknown { seq: 5 }],
        "that is not the node beyond"
    );
    let out = solo.hear(1, question(6));
    let (to, pass) = passed_to(&out).unwrap();
    assert_eq!((to, pass.record.stamp.generation), (1, stamp.generation));
    assert_eq!(pass.record.stamp.hop, stamp.hop + 1);
    assert_eq!(pass.record.state.position[1], 77.0);
    assert!(
        !lit(&out) && !dark(&out),
        "it has been dark since it was lent"
    );
    // The same once more is a copy.
    let out = solo.hear(1, question(7));
    assert_eq!(said(&out, 1), [Message::LoanUnknown { seq: 7 }]);
}

#[test]
fn who_finds_a_ball_asks_the_lender_and_takes_the_pass_for_an_answer() {
    let mut solo = Solo::new(with_windows(CROSSING));
    (1..3).for_each(|peer| drop(solo.meet(peer)));
    solo.until(LEASE / 2);
    solo.renewal(2, generation(3), 8);
    solo.until(LEASE);
    solo.renewal(2, generation(3), 8);
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
    let out = solo.feed(found.clone());
    let [
        Message::LoanQuery {
            seq,
            edge: theirs,
            ball: told,
        },
    ] = said(&out, 2)[..]
    else {
        panic!("{out:?}");
    };
    assert_eq!(
        (theirs, told),
        (Direction::Right, ball),
        "their edge, not ours"
    );
    let out = solo.pass(2, generation(3), 9, LEASE / 2);
    assert!(lit(&out) && notes(&out).is_empty());
    let out = solo.hear(2, Message::LoanUnknown { seq });
    assert_eq!(notes(&out), [], "it was settled by the pass");
    // And again: the ring has that ball, so this is a copy.
    let out = solo.feed(found);
    let [Message::LoanQuery { seq, .. }] = said(&out, 2)[..] else {
        panic!("{out:?}");
    };
    let out = solo.hear(2, Message::LoanUnknown { seq });
    assert_eq!(
        notes(&out),
        [Notification::LateCopyRefused { ball: BALL, edge }]
    );
    assert_eq!(solo.node.view().counters.refused_balls, 1);
}

#[test]
fn after_the_loan_the_lender_goes_on_and_the_windows_copy_is_late() {
    let (mut solo, sent) = lent();
    let (began, stamp) = (solo.now, solo.stamp().unwrap());
    assert!(!lit(&play(&mut solo, began + LOAN - 1)));
    let out = play(&mut solo, began + LOAN);
    assert!(lit(&out));
    let edge = Direction::Right;
    assert!(notes(&out).contains(&Notification::LoanExpired { ball: BALL, edge }));
    assert_eq!(
        solo.stamp().unwrap().generation,
        stamp.generation,
        "the same ball, no election"
    );
    let state = solo.node.ball_views().next().unwrap().state.unwrap();
    assert_eq!(
        state.direction(),
        Direction::Left,
        "it comes in from that edge"
    );
    let out = from_window(&mut solo, turned(sent));
    assert!(!lit(&out));
    let [Message::LoanQuery { seq, .. }] = said(&out, 1)[..] else {
        panic!("{out:?}");
    };
    let out = solo.hear(1, Message::LoanUnknown { seq });
    assert_eq!(
        notes(&out),
        [Notification::LateCopyRefused { ball: BALL, edge }]
    );
}

#[test]
fn where_the_ring_file_says_so_a_late_copy_is_a_guest() {
    let mut topology = with_windows(CROSSING);
    topology.external_balls.late_copy = LateCopy::Guest;
    let mut solo = Solo::new(topology);
    (1..3).for_each(|peer| drop(solo.meet(peer)));
    play(&mut solo, LEASE + CROSSING / 2);
    let ball = WindowBall {
        position: [0, 200],
        velocity: [-7, 0],
        radius: 30,
        color: [255, 64, 0],
    };
    let out = from_window(&mut solo, ball);
    let [Message::LoanQuery { seq, .. }] = said(&out, 1)[..] else {
        panic!("{out:?}");
    };
    let out = solo.hear(1, Message::LoanUnknown { seq });
    let out = agree(&mut solo, out);
    assert!(lit(&out), "{out:?}");
    assert!(solo.node.ball_views().any(|view| view.guest && view.here));
}

#[test]
fn what_certainly_did_not_reach_the_window_bounces() {
    let (mut solo, _) = lent();
    let out = solo.feed(Input::WindowSendFailed { ball: BALL });
    assert!(lit(&out));
    let state = solo.node.ball_views().next().unwrap().state.unwrap();
    assert_eq!(state.direction(), Direction::Left);
    let out = solo.feed(Input::WindowSendFailed { ball: BALL });
    assert!(!lit(&out), "it is here already");
}

#[test]
fn a_loan_outlives_a_time_without_a_majority() {
    let (mut solo, sent) = lent();
    // Nobody answers for two leases: the lease runs out, and nobody else has stood either.
    let frozen = solo.now + 2 * LEASE;
    let out = solo.until(frozen);
    assert!(notes(&out).contains(&Notification::Frozen { ball: BALL }));
    assert!(!dark(&out), "it was dark before");
    let out = play(&mut solo, frozen + LEASE);
    assert!(notes(&out).contains(&Notification::Unfrozen { ball: BALL }));
    assert!(!lit(&out), "the window still has it");
    assert!(lit(&from_window(&mut solo, turned(sent))));
}

#[test]
fn a_ball_that_comes_home_without_a_lease_stands_still_and_dark() {
    let (mut solo, sent) = lent();
    let frozen = solo.now + 2 * LEASE;
    solo.until(frozen);
    assert!(!lit(&from_window(&mut solo, turned(sent))));
    let view = solo.node.ball_views().next().unwrap();
    assert!(view.frozen && view.loan.is_none());
    assert!(lit(&play(&mut solo, frozen + LEASE)));
}

#[test]
fn a_found_ball_waits_for_its_lease_and_comes_back_if_its_finder_is_gone() {
    let (mut solo, sent) = lent();
    let frozen = solo.now + 2 * LEASE;
    solo.until(frozen);
    let (seq, edge) = (6, Direction::Right);
    let out = solo.hear(
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
    drop(solo.part(1));
    let out = play(&mut solo, frozen + LEASE);
    assert!(lit(&out), "{out:?}");
    let state = solo.node.ball_views().next().unwrap().state.unwrap();
    assert_eq!(state.direction(), Direction::Left);
}

#[test]
fn a_node_that_leaves_hands_on_what_a_window_has() {
    let (mut solo, _) = lent();
    let out = solo.feed(Input::Drain);
    assert_eq!(passed_to(&out).unwrap().0, 1);
    assert!(!lit(&out) && !dark(&out));
}

#[test]
fn what_is_no_ball_is_told_and_nothing_else_happens() {
    let mut solo = holder(LEASE * 100);
    let ball = WindowBall {
        position: [0, 0],
        velocity: [0, 5],
        radius: 30,
        color: [0; 3],
    };
    let out = from_window(&mut solo, ball);
    let (edge, why) = (Direction::Right, InvalidWindowBall::StandsStill);
    assert_eq!(
        out,
        [Output::Notify(Notification::InvalidWindowBall {
            edge,
            why
        })]
    );
    let no_gap = Topology {
        window_chains: Vec::new(),
        ..with_windows(LEASE)
    };
    let mut alone = Solo::new(no_gap);
    let ball = WindowBall {
        velocity: [-5, 5],
        ..ball
    };
    assert_eq!(from_window(&mut alone, ball), []);
}

#[test]
fn a_new_ball_is_welcome_though_the_node_that_was_asked_is_gone() {
    let mut solo = holder(LEASE * 100);
    let ball = |color| WindowBall {
        position: [0, 200],
        velocity: [-7, 0],
        radius: 30,
        color,
    };
    let (known, new) = (ball([255, 64, 0]), ball([1, 2, 3]));
    for ball in [known, new] {
        let out = from_window(&mut solo, ball);
        assert!(matches!(said(&out, 1)[..], [Message::LoanQuery { .. }]));
    }
    assert_eq!(solo.part(2), [], "that is another link");
    solo.meet(2);
    let out = solo.part(1);
    let out = agree(&mut solo, out);
    assert!(
        out.contains(&Output::Notify(Notification::GuestJoined {
            ball: BallId(2)
        })),
        "{out:?}"
    );
    // The ring has the other: whoever lent it brings it back, and no answer is awaited any more.
    solo.meet(1);
    assert_eq!(solo.node.view().counters.refused_balls, 0);
    assert_eq!(solo.node.ball_views().filter(|view| view.guest).count(), 1);
}

#[test]
fn a_node_that_waits_to_leave_rests_though_a_loan_is_over() {
    let (mut solo, _) = lent();
    let until = solo.now + LOAN - LEASE / 2;
    play(&mut solo, until);
    // All the others are leaving too, so nobody takes the ball, and nobody has said farewell.
    (1..3).for_each(|peer| drop(solo.hear(peer, Message::Leaving)));
    solo.feed(Input::Drain);
    let over = solo.now + LEASE / 2 + 1;
    solo.until(over);
    let due = solo.node.next_deadline().map(Time::as_micros);
    assert!(
        due.is_some_and(|due| due > solo.now),
        "{due:?} at {}",
        solo.now
    );
}
