//! Rule 9: what happens to a lent ball when its loan or its lease expires.

use carom::ring::{Direction, Input, LateCopy, Message, Notification, Time, WindowBall};

use crate::fixture::{BALL, LEASE, TestNode, led_off, led_on, notifications, sent_to};
use crate::granting_peers::{LOAN, grant_all, run_granting, with_windows};
use crate::loan::{CROSSING, from_window, lent, returned};

#[test]
fn after_the_loan_expired_the_lender_goes_on_and_the_windows_copy_is_late() {
    let (mut node, sent) = lent();
    let (began, stamp) = (node.now, node.stamp().unwrap());
    assert!(!led_on(&run_granting(&mut node, began + LOAN - 1)));
    let out = run_granting(&mut node, began + LOAN);
    assert!(led_on(&out));
    let edge = Direction::Right;
    assert!(notifications(&out).contains(&Notification::LoanExpired { ball: BALL, edge }));
    assert_eq!(
        node.stamp().unwrap().generation,
        stamp.generation,
        "the same ball, no election"
    );
    let state = node.core.ball_views().next().unwrap().state.unwrap();
    assert_eq!(
        state.direction(),
        Direction::Left,
        "it comes in from that edge"
    );
    let out = from_window(&mut node, returned(sent));
    assert!(!led_on(&out));
    let [Message::LoanQuery { seq, .. }] = sent_to(&out, 1)[..] else {
        panic!("{out:?}");
    };
    let out = node.receive(1, Message::LoanUnknown { seq });
    assert_eq!(
        notifications(&out),
        [Notification::LateCopyRefused { ball: BALL, edge }]
    );
}

#[test]
fn where_the_ring_file_says_so_a_late_copy_is_a_guest() {
    let mut topology = with_windows(CROSSING);
    topology.external_balls.late_copy = LateCopy::Guest;
    let mut node = TestNode::new(topology);
    (1..3).for_each(|peer| drop(node.connect(peer)));
    run_granting(&mut node, LEASE + CROSSING / 2);
    let ball = WindowBall {
        position: [0, 200],
        velocity: [-7, 0],
        radius: 30,
        color: [255, 64, 0],
    };
    let out = from_window(&mut node, ball);
    let [Message::LoanQuery { seq, .. }] = sent_to(&out, 1)[..] else {
        panic!("{out:?}");
    };
    let out = node.receive(1, Message::LoanUnknown { seq });
    let out = grant_all(&mut node, out);
    assert!(led_on(&out), "{out:?}");
    assert!(node.core.ball_views().any(|view| view.guest && view.here));
}

#[test]
fn a_loan_survives_a_time_without_a_majority() {
    let (mut node, sent) = lent();
    // Nobody answers for two leases: the lease expires, and nobody else has started an election.
    let frozen = node.now + 2 * LEASE;
    let out = node.until(frozen);
    assert!(notifications(&out).contains(&Notification::Frozen { ball: BALL }));
    assert!(!led_off(&out), "it was off before");
    let out = run_granting(&mut node, frozen + LEASE);
    assert!(notifications(&out).contains(&Notification::Unfrozen { ball: BALL }));
    assert!(!led_on(&out), "the window still has it");
    assert!(led_on(&from_window(&mut node, returned(sent))));
}

#[test]
fn a_ball_that_returns_without_a_lease_is_frozen_with_its_led_off() {
    let (mut node, sent) = lent();
    let frozen = node.now + 2 * LEASE;
    node.until(frozen);
    assert!(!led_on(&from_window(&mut node, returned(sent))));
    let view = node.core.ball_views().next().unwrap();
    assert!(view.frozen && view.loan.is_none());
    assert!(led_on(&run_granting(&mut node, frozen + LEASE)));
}

#[test]
fn a_node_that_waits_to_leave_does_not_busy_loop_when_a_loan_expires() {
    let (mut node, _) = lent();
    let until = node.now + LOAN - LEASE / 2;
    run_granting(&mut node, until);
    // All the others are leaving too, so nobody takes the ball, and nobody has acknowledged the leave.
    (1..3).for_each(|peer| drop(node.receive(peer, Message::Leaving)));
    node.handle(Input::Drain);
    let over = node.now + LEASE / 2 + 1;
    node.until(over);
    let due = node.core.next_deadline().map(Time::as_micros);
    assert!(
        due.is_some_and(|due| due > node.now),
        "{due:?} at {}",
        node.now
    );
}
