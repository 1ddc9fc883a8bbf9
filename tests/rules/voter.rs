//! Rules 1 and 2: to whom a voter grants a lease.

use carom::ring::message::LeaseRequest;
use carom::ring::{BallId, Input, Message, Notification};

use crate::fixture::{Answer, BALL, LEASE, TestNode, generation, notifications, record, sent_to};

/// A voter that has been there for long and knows of no ball; it is_candidate itself only much later.
fn voter() -> TestNode {
    let mut node = TestNode::connected(3, LEASE);
    node.now = LEASE;
    node
}

#[test]
fn a_voter_grants_nothing_for_a_lease_after_its_start() {
    let mut node = TestNode::connected(3, LEASE);
    node.now = LEASE - 1;
    let out = node.request_lease(1, generation(1));
    let denial = Answer::of(&out, 1).denial();
    assert_eq!((denial.lease_generation, denial.lease_left), (None, 1));
    node.now = LEASE;
    let out = node.request_lease(1, generation(1));
    assert!(Answer::of(&out, 1).is_granted());
}

#[test]
fn another_process_of_its_name_quarantines_it_for_another_lease() {
    let mut node = voter();
    assert_eq!(
        notifications(&node.handle(Input::Duplicate)),
        [Notification::DuplicateNode]
    );
    node.now += LEASE / 2;
    assert_eq!(
        notifications(&node.handle(Input::Duplicate)),
        [],
        "reported once"
    );
    node.now += LEASE - 1;
    let out = node.request_lease(1, generation(1));
    assert_eq!(Answer::of(&out, 1).denial().lease_left, 1);
    node.now += 1;
    let out = node.request_lease(1, generation(1));
    assert!(Answer::of(&out, 1).is_granted());
}

#[test]
fn a_voter_grants_to_one_generation_for_a_lease() {
    let mut node = voter();
    assert!(Answer::of(&node.request_lease(1, generation(1)), 1).is_granted());
    node.now += LEASE - 1;
    let denial = Answer::of(&node.request_lease(2, generation(2)), 2).denial();
    assert_eq!(denial.lease_generation, Some(generation(1)));
    assert_eq!(denial.lease_left, 1);
    let again = node.request_lease(1, generation(1));
    assert!(Answer::of(&again, 1).is_granted(), "to the same again");
    node.now += LEASE - 1;
    assert!(!Answer::of(&node.request_lease(2, generation(2)), 2).is_granted());
    node.now += 1;
    assert!(Answer::of(&node.request_lease(2, generation(2)), 2).is_granted());
}

#[test]
fn a_granted_lease_ends_early_by_a_release_of_its_own_generation_only() {
    let mut node = voter();
    node.request_lease(1, generation(1));
    let release = |round| Message::Release {
        ball: BALL,
        generation: generation(round),
    };
    node.receive(2, release(2));
    assert!(!Answer::of(&node.request_lease(2, generation(2)), 2).is_granted());
    node.receive(1, release(1));
    assert!(Answer::of(&node.request_lease(2, generation(2)), 2).is_granted());
}

#[test]
fn what_is_below_the_newest_is_denied_even_when_no_lease_runs() {
    let mut node = voter();
    let out = node.renewal(1, generation(5), 3);
    assert!(Answer::of(&out, 1).is_granted());
    node.now += LEASE;
    let denial = Answer::of(&node.request_lease(2, generation(4)), 2).denial();
    assert_eq!((denial.lease_generation, denial.lease_left), (None, 0));
    assert_eq!(denial.newest, Some(record(generation(5), 3)));
    assert!(Answer::of(&node.request_lease(2, generation(5)), 2).is_granted());
}

#[test]
fn only_a_holder_leaves_a_trace() {
    let mut node = voter();
    node.request_lease(1, generation(9));
    assert_eq!(node.stamp(), None, "a candidate is not in `newest`");
    node.renewal(2, generation(3), 7);
    assert_eq!(node.stamp(), Some(record(generation(3), 7).stamp));
    node.renewal(2, generation(3), 6);
    assert_eq!(node.stamp(), Some(record(generation(3), 7).stamp), "older");
    let out = node.request_lease(1, generation(9));
    match Answer::of(&out, 1) {
        Answer::Granted(newest) => assert_eq!(newest, Some(record(generation(3), 7))),
        Answer::Denied(_) => panic!("its lease ran already"),
    }
}

#[test]
fn a_ball_that_is_not_in_the_ring_file_is_ignored() {
    let mut node = voter();
    let request = |ball| LeaseRequest::of_candidate(ball, generation(1));
    let balls = vec![request(BallId(2)), request(BALL)];
    let out = node.receive(1, Message::Acquire { seq: 5, balls });
    let [Message::Granted { seq: 5, balls }] = &sent_to(&out, 1)[..] else {
        panic!("one answer: {out:?}");
    };
    assert_eq!(balls.len(), 1);
    let balls = vec![request(BallId(2))];
    let out = node.receive(1, Message::Acquire { seq: 6, balls });
    assert!(sent_to(&out, 1).is_empty(), "{out:?}");
}

#[test]
fn a_peer_without_a_connection_is_not_answered() {
    let mut node = voter();
    node.disconnect(1);
    assert!(node.request_lease(1, generation(1)).is_empty());
}
