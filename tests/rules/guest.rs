//! Rule 10: a guest joins by an election and leaves by a renewal that a majority has granted.

use carom::ring::message::{Grant, LeaseRequest};
use carom::ring::{
    BallId, BallState, Generation, GuestRejected, Input, Message, Notification, Output, Record,
    Stamp,
};

use crate::fixture::{
    BALL, LEASE, TestNode, generation, led_on, notifications, sent_to, state, up_to,
};
use crate::granting_peers::{GUEST_LIFE, grant_all, holder, run_granting, with_windows};

/// The first of the identities that are reserved for guests.
pub(crate) const GUEST: BallId = BallId(2);

pub(crate) fn guest_state() -> BallState {
    BallState {
        color: [1, 2, 3],
        ..state(LEASE * 1000)
    }
}

pub(crate) fn guests(node: &TestNode) -> Vec<(BallId, bool)> {
    let views = node.core.ball_views().filter(|view| view.guest);
    views.map(|view| (view.ball, view.here)).collect()
}

pub(crate) fn add_guest(node: &mut TestNode) -> Vec<Output> {
    let out = node.handle(Input::AddGuest(guest_state()));
    grant_all(node, out)
}

pub(crate) fn send_request(node: &mut TestNode, from: u16, request: LeaseRequest) -> Vec<Output> {
    let balls = vec![request];
    node.receive(from, Message::Acquire { seq: 9, balls })
}

pub(crate) fn renewal(generation: Generation, hop: u64) -> LeaseRequest {
    let stamp = Stamp { generation, hop };
    LeaseRequest::of_holder(
        GUEST,
        Record {
            stamp,
            state: guest_state(),
        },
        up_to(hop),
    )
}

pub(crate) fn is_granted(out: &[Output], to: u16) -> bool {
    matches!(sent_to(out, to)[..], [Message::Granted { .. }])
}

#[test]
fn a_guest_gets_an_identity_and_a_lease_by_the_votes_of_a_majority() {
    let mut node = holder(LEASE * 1000);
    let out = node.handle(Input::AddGuest(guest_state()));
    assert!(!led_on(&out), "not before the others agree");
    let [Message::Acquire { balls, .. }] = &sent_to(&out, 1)[..] else {
        panic!("{out:?}");
    };
    assert_eq!(
        (balls[0].ball, balls[0].hop, balls[0].after),
        (GUEST, None, None)
    );
    let out = grant_all(&mut node, out);
    assert!(led_on(&out));
    assert!(notifications(&out).contains(&Notification::GuestJoined { ball: GUEST }));
    assert_eq!(guests(&node), [(GUEST, true)]);
}

#[test]
fn no_election_for_a_guest_that_never_was() {
    let mut node = TestNode::new(with_windows(LEASE * 1000));
    (1..3).for_each(|peer| drop(node.connect(peer)));
    let out = run_granting(&mut node, 20 * LEASE);
    let wanted = out
        .iter()
        .any(|output| matches!(output, Output::Notify(Notification::ElectionStarted { ball, .. }) if *ball != BALL));
    assert!(!wanted);
    assert_eq!(guests(&node), []);
}

#[test]
fn a_guest_whose_holder_is_gone_is_recovered_like_any_ball() {
    let mut node = holder(LEASE * 1000);
    let newest = generation(4);
    send_request(&mut node, 1, renewal(newest, 6));
    let out = run_granting(&mut node, 4 * LEASE);
    let requests = out.iter().find_map(|output| match output {
        Output::Broadcast(Message::Acquire { balls, .. }) => {
            balls.iter().find(|request| request.ball == GUEST)
        }
        _ => None,
    });
    assert_eq!(requests.unwrap().after, Some(newest));
    assert_eq!(guests(&node), [(GUEST, true)]);
}

#[test]
fn guests_are_limited_in_number_by_the_ring_file_and_in_rate_to_one_a_second() {
    let mut node = holder(LEASE * 1000);
    assert!(led_on(&add_guest(&mut node)));
    assert!(led_on(&add_guest(&mut node)));
    let full = Notification::GuestRejected {
        why: GuestRejected::Full,
    };
    assert_eq!(notifications(&add_guest(&mut node)), [full]);
    for _ in 0..2 {
        for number in [2, 3] {
            let out = node.handle(Input::RemoveGuest(BallId(number)));
            grant_all(&mut node, out);
            let moment = node.now + 1_000;
            run_granting(&mut node, moment);
        }
        assert_eq!(guests(&node), []);
        add_guest(&mut node);
        add_guest(&mut node);
    }
    assert_eq!(
        guests(&node).len(),
        0,
        "four came at once, two more were too many"
    );
    let many = Notification::GuestRejected {
        why: GuestRejected::TooMany,
    };
    assert_eq!(notifications(&add_guest(&mut node)), [many]);
    let later = node.now + 1_000_000;
    run_granting(&mut node, later);
    assert!(led_on(&add_guest(&mut node)));
}

#[test]
fn a_node_that_has_just_started_takes_no_guest() {
    let mut node = TestNode::new(with_windows(LEASE * 1000));
    (1..3).for_each(|peer| drop(node.connect(peer)));
    node.until(LEASE - 1);
    let why = GuestRejected::NotReady;
    assert_eq!(
        notifications(&add_guest(&mut node)),
        [Notification::GuestRejected { why }]
    );
    assert_eq!(node.core.view().counters.refused_balls, 1);
}

#[test]
fn without_a_majority_a_guest_is_rejected_and_leaves_no_trace() {
    let mut node = holder(LEASE * 1000);
    node.handle(Input::AddGuest(guest_state()));
    let closes = node.now + LEASE / 8;
    let out = node.until(closes);
    let why = GuestRejected::NoMajority;
    assert!(
        notifications(&out).contains(&Notification::GuestRejected { why }),
        "{out:?}"
    );
    assert_eq!(node.core.view().counters.refused_balls, 1);
    assert_eq!(guests(&node), []);
}

#[test]
fn at_the_end_of_its_life_a_guest_leaves_and_is_forgotten_when_a_majority_grants_it() {
    let mut node = holder(LEASE * 1000);
    add_guest(&mut node);
    let came = node.now;
    run_granting(&mut node, came + GUEST_LIFE - 1);
    assert_eq!(guests(&node), [(GUEST, true)]);
    let out = node.until(came + GUEST_LIFE);
    let off = out
        .iter()
        .any(|output| matches!(output, Output::LedOff(gone) if gone.ball == GUEST));
    assert!(off, "{out:?}");
    let leaves = out.iter().any(|output| {
        matches!(output, Output::Broadcast(Message::Acquire { balls, .. })
            if balls.iter().any(|request| request.ball == GUEST && request.leaves))
    });
    assert!(leaves);
    assert_eq!(guests(&node), [(GUEST, false)], "nobody has agreed yet");
    let out = grant_all(&mut node, out);
    assert!(notifications(&out).contains(&Notification::GuestLeft { ball: GUEST }));
    assert_eq!(guests(&node), []);
    let out = run_granting(&mut node, came + GUEST_LIFE + 10 * LEASE);
    assert!(!led_on(&out), "it does not come back");
}

#[test]
fn a_grant_of_an_earlier_renewal_does_not_let_the_guest_leave() {
    let mut node = holder(LEASE * 1000);
    add_guest(&mut node);
    let next = node.now + LEASE / 4;
    let out = node.until(next);
    let earlier = out.iter().rev().find_map(|output| match output {
        Output::Broadcast(Message::Acquire { seq, .. }) => Some(*seq),
        _ => None,
    });
    node.handle(Input::RemoveGuest(GUEST));
    for peer in [1, 2] {
        let (seq, newest) = (earlier.unwrap(), None);
        let balls = vec![Grant {
            ball: GUEST,
            newest,
        }];
        let out = node.receive(peer, Message::Granted { seq, balls });
        assert_eq!(notifications(&out), []);
    }
    assert_eq!(guests(&node), [(GUEST, false)]);
}

#[test]
fn a_guest_that_is_lent_to_a_window_does_not_leave_before_it_is_back() {
    let mut node = holder(LEASE * 1000);
    let crossing = 150_000;
    let out = node.handle(Input::AddGuest(BallState {
        color: [1, 2, 3],
        ..state(crossing)
    }));
    grant_all(&mut node, out);
    let edge = node.now + crossing;
    run_granting(&mut node, edge);
    node.handle(Input::WindowAnswered {
        ball: GUEST,
        open: true,
    });
    let out = node.handle(Input::RemoveGuest(GUEST));
    assert_eq!(notifications(&out), []);
    let lent = node
        .core
        .ball_views()
        .any(|view| view.guest && view.loan.is_some());
    assert!(lent);
}

#[test]
fn the_holder_of_a_guest_is_asked_to_remove_it() {
    let mut node = holder(LEASE * 1000);
    send_request(&mut node, 1, renewal(generation(4), 6));
    let out = node.handle(Input::RemoveGuest(GUEST));
    let remove = Message::Remove {
        ball: GUEST,
        generation: generation(4),
    };
    assert_eq!(sent_to(&out, 1), [remove]);
    assert_eq!(
        sent_to(&node.handle(Input::RemoveGuest(BALL)), 1),
        [],
        "a ball of the ring file stays"
    );
    assert!(node.has_ball());
    let stamp = node.stamp().unwrap();
    let remove = Message::Remove {
        ball: BALL,
        generation: stamp.generation,
    };
    assert_eq!(node.receive(1, remove), []);
}

#[test]
fn a_new_guest_gets_no_identity_that_is_taken() {
    let mut node = holder(LEASE * 1000);
    send_request(&mut node, 1, renewal(generation(4), 6));
    let after = node.now + 2 * LEASE;
    // Nobody renews it any more, so its lease has expired; but nothing says that it has left.
    drop(node.until(after.min(node.now + LEASE / 8)));
    let fresh = LeaseRequest::of_candidate(GUEST, generation(9));
    assert!(!is_granted(&send_request(&mut node, 2, fresh), 2));
}

pub(crate) fn rejected(why: GuestRejected) -> Notification {
    Notification::GuestRejected { why }
}

#[test]
fn a_guest_that_loses_its_identity_to_another_is_rejected_and_the_other_is_recovered_when_missing()
{
    let mut node = holder(LEASE * 1000);
    node.handle(Input::AddGuest(guest_state()));
    // Another node was quicker, with a higher generation.
    let out = send_request(&mut node, 1, renewal(generation(4), 6));
    assert!(
        notifications(&out).contains(&rejected(GuestRejected::NoMajority)),
        "{out:?}"
    );
    let missed = node.now + 4 * LEASE;
    let out = run_granting(&mut node, missed);
    assert!(
        !notifications(&out).contains(&rejected(GuestRejected::NoMajority)),
        "{out:?}"
    );
    assert_eq!(guests(&node), [(GUEST, true)]);
}

/// The sequence number of the candidate's request for the first guest identity among these.
pub(crate) fn guest_candidacy(out: &[Output]) -> Option<u64> {
    out.iter().find_map(|output| match output {
        Output::Broadcast(Message::Acquire { seq, balls }) => {
            let is_candidate =
                |request: &LeaseRequest| request.ball == GUEST && request.hop.is_none();
            balls.iter().any(is_candidate).then_some(*seq)
        }
        _ => None,
    })
}

#[test]
fn a_late_failure_of_a_send_to_a_window_does_not_bring_back_a_leaving_guest() {
    let mut node = holder(LEASE * 1000);
    add_guest(&mut node);
    node.handle(Input::RemoveGuest(GUEST));
    let out = node.handle(Input::WindowSendFailed { ball: GUEST });
    assert!(!led_on(&out), "{out:?}");
}
