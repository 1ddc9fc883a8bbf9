//! Rules 1 and 2: to whom a voter lends its voice.

use carom::ring::message::LeaseRequest;
use carom::ring::{BallId, Input, Message, Notification};

use crate::solo::{Answer, BALL, LEASE, Solo, generation, notes, record, said};

/// A voter that has been there for long and knows of no ball; it stands itself only much later.
fn voter() -> Solo {
    let mut solo = Solo::among(3, LEASE);
    solo.now = LEASE;
    solo
}

#[test]
fn a_voter_grants_nothing_for_a_lease_after_its_start() {
    let mut solo = Solo::among(3, LEASE);
    solo.now = LEASE - 1;
    let out = solo.ask(1, generation(1));
    let denial = Answer::of(&out, 1).denial();
    assert_eq!((denial.lease_generation, denial.lease_left), (None, 1));
    solo.now = LEASE;
    let out = solo.ask(1, generation(1));
    assert!(Answer::of(&out, 1).is_granted());
}

#[test]
fn another_process_of_its_name_silences_it_for_a_lease_more() {
    let mut solo = voter();
    assert_eq!(
        notes(&solo.feed(Input::Duplicate)),
        [Notification::DuplicateNode]
    );
    solo.now += LEASE / 2;
    assert_eq!(notes(&solo.feed(Input::Duplicate)), [], "told once");
    solo.now += LEASE - 1;
    let out = solo.ask(1, generation(1));
    assert_eq!(Answer::of(&out, 1).denial().lease_left, 1);
    solo.now += 1;
    let out = solo.ask(1, generation(1));
    assert!(Answer::of(&out, 1).is_granted());
}

#[test]
fn one_voice_goes_to_one_generation_for_a_lease() {
    let mut solo = voter();
    assert!(Answer::of(&solo.ask(1, generation(1)), 1).is_granted());
    solo.now += LEASE - 1;
    let denial = Answer::of(&solo.ask(2, generation(2)), 2).denial();
    assert_eq!(denial.lease_generation, Some(generation(1)));
    assert_eq!(denial.lease_left, 1);
    let again = solo.ask(1, generation(1));
    assert!(Answer::of(&again, 1).is_granted(), "to the same again");
    solo.now += LEASE - 1;
    assert!(!Answer::of(&solo.ask(2, generation(2)), 2).is_granted());
    solo.now += 1;
    assert!(Answer::of(&solo.ask(2, generation(2)), 2).is_granted());
}

#[test]
fn a_voice_comes_back_by_a_release_of_its_own_generation_only() {
    let mut solo = voter();
    solo.ask(1, generation(1));
    let release = |round| Message::Release {
        ball: BALL,
        generation: generation(round),
    };
    solo.hear(2, release(2));
    assert!(!Answer::of(&solo.ask(2, generation(2)), 2).is_granted());
    solo.hear(1, release(1));
    assert!(Answer::of(&solo.ask(2, generation(2)), 2).is_granted());
}

#[test]
fn what_is_below_the_newest_is_denied_even_when_no_lease_runs() {
    let mut solo = voter();
    let out = solo.renewal(1, generation(5), 3);
    assert!(Answer::of(&out, 1).is_granted());
    solo.now += LEASE;
    let denial = Answer::of(&solo.ask(2, generation(4)), 2).denial();
    assert_eq!((denial.lease_generation, denial.lease_left), (None, 0));
    assert_eq!(denial.newest, Some(record(generation(5), 3)));
    assert!(Answer::of(&solo.ask(2, generation(5)), 2).is_granted());
}

#[test]
fn only_a_holder_leaves_a_trace() {
    let mut solo = voter();
    solo.ask(1, generation(9));
    assert_eq!(solo.stamp(), None, "a candidate is not in `newest`");
    solo.renewal(2, generation(3), 7);
    assert_eq!(solo.stamp(), Some(record(generation(3), 7).stamp));
    solo.renewal(2, generation(3), 6);
    assert_eq!(solo.stamp(), Some(record(generation(3), 7).stamp), "older");
    let out = solo.ask(1, generation(9));
    match Answer::of(&out, 1) {
        Answer::Granted(newest) => assert_eq!(newest, Some(record(generation(3), 7))),
        Answer::Denied(_) => panic!("its lease ran already"),
    }
}

#[test]
fn a_ball_of_no_ring_file_is_passed_over() {
    let mut solo = voter();
    let claim = |ball| LeaseRequest::of_candidate(ball, generation(1));
    let balls = vec![claim(BallId(2)), claim(BALL)];
    let out = solo.hear(1, Message::Acquire { seq: 5, balls });
    let [Message::Granted { seq: 5, balls }] = &said(&out, 1)[..] else {
        panic!("one answer: {out:?}");
    };
    assert_eq!(balls.len(), 1);
    let balls = vec![claim(BallId(2))];
    let out = solo.hear(1, Message::Acquire { seq: 6, balls });
    assert!(said(&out, 1).is_empty(), "{out:?}");
}

#[test]
fn who_has_no_connection_is_not_heard() {
    let mut solo = voter();
    solo.part(1);
    assert!(solo.ask(1, generation(1)).is_empty());
}
