//! Guests come by an election and leave by a farewell that a majority has heard.

use carom::ring::message::{Grant, LeaseRequest};
use carom::ring::{
    BallId, BallState, Generation, GuestRejected, Input, Message, Notification, Output, Record,
    Stamp,
};

use crate::kind::{LIFE, agree, holder, play, with_windows};
use crate::solo::{BALL, LEASE, Solo, generation, lit, notes, said, state, up_to};

/// The first identity that is kept for guests.
pub(crate) const FIRST: BallId = BallId(2);

pub(crate) fn newcomer() -> BallState {
    BallState {
        color: [1, 2, 3],
        ..state(LEASE * 1000)
    }
}

pub(crate) fn guests(solo: &Solo) -> Vec<(BallId, bool)> {
    let views = solo.node.ball_views().filter(|view| view.guest);
    views.map(|view| (view.ball, view.here)).collect()
}

pub(crate) fn welcomed(solo: &mut Solo) -> Vec<Output> {
    let out = solo.feed(Input::AddGuest(newcomer()));
    agree(solo, out)
}

pub(crate) fn acquire(solo: &mut Solo, from: u8, claim: LeaseRequest) -> Vec<Output> {
    let balls = vec![claim];
    solo.hear(from, Message::Acquire { seq: 9, balls })
}

pub(crate) fn renewal(generation: Generation, hop: u64) -> LeaseRequest {
    let stamp = Stamp { generation, hop };
    LeaseRequest::of_holder(
        FIRST,
        Record {
            stamp,
            state: newcomer(),
        },
        up_to(hop),
    )
}

pub(crate) fn is_granted(out: &[Output], to: u8) -> bool {
    matches!(said(out, to)[..], [Message::Granted { .. }])
}

#[test]
fn a_guest_gets_an_identity_and_a_lease_by_the_votes_of_a_majority() {
    let mut solo = holder(LEASE * 1000);
    let out = solo.feed(Input::AddGuest(newcomer()));
    assert!(!lit(&out), "not before the others agree");
    let [Message::Acquire { balls, .. }] = &said(&out, 1)[..] else {
        panic!("{out:?}");
    };
    assert_eq!(
        (balls[0].ball, balls[0].hop, balls[0].after),
        (FIRST, None, None)
    );
    let out = agree(&mut solo, out);
    assert!(lit(&out));
    assert!(notes(&out).contains(&Notification::GuestJoined { ball: FIRST }));
    assert_eq!(guests(&solo), [(FIRST, true)]);
}

#[test]
fn nobody_misses_a_guest_that_was_never_there() {
    let mut solo = Solo::new(with_windows(LEASE * 1000));
    (1..3).for_each(|peer| drop(solo.meet(peer)));
    let out = play(&mut solo, 20 * LEASE);
    let wanted = out
        .iter()
        .any(|output| matches!(output, Output::Notify(Notification::ElectionStarted { ball, .. }) if *ball != BALL));
    assert!(!wanted);
    assert_eq!(guests(&solo), []);
}

#[test]
fn a_guest_that_is_missed_is_taken_back_like_any_ball() {
    let mut solo = holder(LEASE * 1000);
    let newest = generation(4);
    acquire(&mut solo, 1, renewal(newest, 6));
    let out = play(&mut solo, 4 * LEASE);
    let claims = out.iter().find_map(|output| match output {
        Output::Broadcast(Message::Acquire { balls, .. }) => {
            balls.iter().find(|claim| claim.ball == FIRST)
        }
        _ => None,
    });
    assert_eq!(claims.unwrap().after, Some(newest));
    assert_eq!(guests(&solo), [(FIRST, true)]);
}

#[test]
fn there_are_no_more_than_the_ring_file_allows_and_no_faster_than_one_a_second() {
    let mut solo = holder(LEASE * 1000);
    assert!(lit(&welcomed(&mut solo)));
    assert!(lit(&welcomed(&mut solo)));
    let full = Notification::GuestRejected {
        why: GuestRejected::Full,
    };
    assert_eq!(notes(&welcomed(&mut solo)), [full]);
    for _ in 0..2 {
        for number in [2, 3] {
            let out = solo.feed(Input::RemoveGuest(BallId(number)));
            agree(&mut solo, out);
            let moment = solo.now + 1_000;
            play(&mut solo, moment);
        }
        assert_eq!(guests(&solo), []);
        welcomed(&mut solo);
        welcomed(&mut solo);
    }
    assert_eq!(
        guests(&solo).len(),
        0,
        "four came at once, two more were too many"
    );
    let many = Notification::GuestRejected {
        why: GuestRejected::TooMany,
    };
    assert_eq!(notes(&welcomed(&mut solo)), [many]);
    let later = solo.now + 1_000_000;
    play(&mut solo, later);
    assert!(lit(&welcomed(&mut solo)));
}

#[test]
fn a_node_that_has_just_started_takes_no_guest() {
    let mut solo = Solo::new(with_windows(LEASE * 1000));
    (1..3).for_each(|peer| drop(solo.meet(peer)));
    solo.until(LEASE - 1);
    let why = GuestRejected::NotReady;
    assert_eq!(
        notes(&welcomed(&mut solo)),
        [Notification::GuestRejected { why }]
    );
}

#[test]
fn without_a_majority_a_guest_is_turned_away_and_leaves_no_trace() {
    let mut solo = holder(LEASE * 1000);
    solo.feed(Input::AddGuest(newcomer()));
    let closes = solo.now + LEASE / 8;
    let out = solo.until(closes);
    let why = GuestRejected::NoMajority;
    assert!(
        notes(&out).contains(&Notification::GuestRejected { why }),
        "{out:?}"
    );
    assert_eq!(guests(&solo), []);
}

#[test]
fn its_time_over_a_guest_leaves_and_is_forgotten_when_a_majority_says_so() {
    let mut solo = holder(LEASE * 1000);
    welcomed(&mut solo);
    let came = solo.now;
    play(&mut solo, came + LIFE - 1);
    assert_eq!(guests(&solo), [(FIRST, true)]);
    let out = solo.until(came + LIFE);
    let off = out
        .iter()
        .any(|output| matches!(output, Output::LedOff(gone) if gone.ball == FIRST));
    assert!(off, "{out:?}");
    let leaves = out.iter().any(|output| {
        matches!(output, Output::Broadcast(Message::Acquire { balls, .. })
            if balls.iter().any(|claim| claim.ball == FIRST && claim.leaves))
    });
    assert!(leaves);
    assert_eq!(guests(&solo), [(FIRST, false)], "nobody has agreed yet");
    let out = agree(&mut solo, out);
    assert!(notes(&out).contains(&Notification::GuestLeft { ball: FIRST }));
    assert_eq!(guests(&solo), []);
    let out = play(&mut solo, came + LIFE + 10 * LEASE);
    assert!(!lit(&out), "it stays away");
}

#[test]
fn a_grant_from_before_the_farewell_does_not_count_for_it() {
    let mut solo = holder(LEASE * 1000);
    welcomed(&mut solo);
    let next = solo.now + LEASE / 4;
    let out = solo.until(next);
    let earlier = out.iter().rev().find_map(|output| match output {
        Output::Broadcast(Message::Acquire { seq, .. }) => Some(*seq),
        _ => None,
    });
    solo.feed(Input::RemoveGuest(FIRST));
    for peer in [1, 2] {
        let (seq, newest) = (earlier.unwrap(), None);
        let balls = vec![Grant {
            ball: FIRST,
            newest,
        }];
        let out = solo.hear(peer, Message::Granted { seq, balls });
        assert_eq!(notes(&out), []);
    }
    assert_eq!(guests(&solo), [(FIRST, false)]);
}

#[test]
fn a_guest_that_a_window_has_does_not_leave_before_it_is_back() {
    let mut solo = holder(LEASE * 1000);
    let crossing = 150_000;
    let out = solo.feed(Input::AddGuest(BallState {
        color: [1, 2, 3],
        ..state(crossing)
    }));
    agree(&mut solo, out);
    let edge = solo.now + crossing;
    play(&mut solo, edge);
    solo.feed(Input::WindowAnswered {
        ball: FIRST,
        open: true,
    });
    let out = solo.feed(Input::RemoveGuest(FIRST));
    assert_eq!(notes(&out), []);
    let lent = solo
        .node
        .ball_views()
        .any(|view| view.guest && view.loan.is_some());
    assert!(lent);
}

#[test]
fn whoever_has_the_guest_is_asked_to_let_it_leave() {
    let mut solo = holder(LEASE * 1000);
    acquire(&mut solo, 1, renewal(generation(4), 6));
    let out = solo.feed(Input::RemoveGuest(FIRST));
    let remove = Message::Remove {
        ball: FIRST,
        generation: generation(4),
    };
    assert_eq!(said(&out, 1), [remove]);
    assert_eq!(
        said(&solo.feed(Input::RemoveGuest(BALL)), 1),
        [],
        "a ball of the ring file stays"
    );
    assert!(solo.here());
    let stamp = solo.stamp().unwrap();
    let remove = Message::Remove {
        ball: BALL,
        generation: stamp.generation,
    };
    assert_eq!(solo.hear(1, remove), []);
}

#[test]
fn a_new_guest_gets_no_identity_that_is_taken() {
    let mut solo = holder(LEASE * 1000);
    acquire(&mut solo, 1, renewal(generation(4), 6));
    let after = solo.now + 2 * LEASE;
    // Nobody renews it any more, so its lease is over; but it is missed, not gone.
    drop(solo.until(after.min(solo.now + LEASE / 8)));
    let fresh = LeaseRequest::of_candidate(FIRST, generation(9));
    assert!(!is_granted(&acquire(&mut solo, 2, fresh), 2));
}

pub(crate) fn turned_away(why: GuestRejected) -> Notification {
    Notification::GuestRejected { why }
}

#[test]
fn who_loses_the_identity_to_another_guest_is_told_and_takes_that_one_back_when_it_is_missed() {
    let mut solo = holder(LEASE * 1000);
    solo.feed(Input::AddGuest(newcomer()));
    // Another node was quicker, with a higher generation.
    let out = acquire(&mut solo, 1, renewal(generation(4), 6));
    assert!(
        notes(&out).contains(&turned_away(GuestRejected::NoMajority)),
        "{out:?}"
    );
    let missed = solo.now + 4 * LEASE;
    let out = play(&mut solo, missed);
    assert!(
        !notes(&out).contains(&turned_away(GuestRejected::NoMajority)),
        "{out:?}"
    );
    assert_eq!(guests(&solo), [(FIRST, true)]);
}

/// The number of the request among these in which somebody stands for the first guest's identity.
pub(crate) fn candidacy(out: &[Output]) -> Option<u64> {
    out.iter().find_map(|output| match output {
        Output::Broadcast(Message::Acquire { seq, balls }) => {
            let stands = |claim: &LeaseRequest| claim.ball == FIRST && claim.hop.is_none();
            balls.iter().any(stands).then_some(*seq)
        }
        _ => None,
    })
}

#[test]
fn what_did_not_reach_a_window_long_ago_brings_nobody_back_who_is_leaving() {
    let mut solo = holder(LEASE * 1000);
    welcomed(&mut solo);
    solo.feed(Input::RemoveGuest(FIRST));
    let out = solo.feed(Input::WindowSendFailed { ball: FIRST });
    assert!(!lit(&out), "{out:?}");
}
