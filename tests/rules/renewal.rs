//! Rules 3 and 7: how long a holder may act, and when a copy is dropped.

use std::time::Duration;

use carom::ring::{Message, Notification, OnPartition, Time};

use crate::fixture::{
    BALL, HEARTBEAT, HOLDER_LEASE, LEASE, TestNode, candidacy, generation, led_off, led_on,
    notifications, record, renewed, topology,
};

#[test]
fn the_deadline_counts_from_the_moment_the_request_was_sent() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
    node.now += 90_000;
    assert!(
        !led_on(&node.grant(1, seq, None)),
        "the third may still answer"
    );
    assert!(led_on(&node.grant(2, seq, None)));
    assert!(!led_off(&node.until(LEASE + HOLDER_LEASE - 1)));
    let out = node.until(LEASE + HOLDER_LEASE);
    assert!(led_off(&out));
    assert_eq!(notifications(&out), [Notification::Frozen { ball: BALL }]);
}

#[test]
fn a_holder_renews_at_once_and_then_every_quarter_of_a_lease() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
    node.grant(1, seq, None);
    let out = node.grant(2, seq, None);
    let (first, request) = renewed(&out).unwrap();
    assert_eq!((first, request.hop), (seq + 1, Some(0)));
    for turn in 1..4 {
        assert_eq!(renewed(&node.until(LEASE + turn * HEARTBEAT - 1)), None);
        let (number, _) = renewed(&node.until(LEASE + turn * HEARTBEAT)).unwrap();
        assert_eq!(number, first + turn);
        node.grant(1, number, None);
    }
}

#[test]
fn a_minority_of_grants_renews_nothing() {
    let mut node = TestNode::holder(5, 1000 * LEASE);
    let (seq, _) = renewed(&node.until(LEASE + HEARTBEAT)).unwrap();
    node.grant(1, seq, None);
    node.grant(1, seq, None);
    assert!(
        led_off(&node.until(LEASE + HOLDER_LEASE)),
        "two votes of five"
    );
}

#[test]
fn a_majority_of_grants_renews_from_the_request_on() {
    let mut node = TestNode::holder(5, 1000 * LEASE);
    let (seq, _) = renewed(&node.until(LEASE + HEARTBEAT)).unwrap();
    node.grant(1, seq, None);
    node.until(LEASE + HEARTBEAT + 70_000);
    node.grant(2, seq, None);
    assert!(!led_off(&node.until(LEASE + HEARTBEAT + HOLDER_LEASE - 1)));
    assert!(led_off(&node.until(LEASE + HEARTBEAT + HOLDER_LEASE)));
}

#[test]
fn the_led_may_be_on_until_the_latest_deadline_and_alone_until_well_after_the_next_wake() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    assert_eq!(node.core.led_deadline(), None, "it possesses nothing");
    let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
    node.grant(1, seq, None);
    node.grant(2, seq, None);
    let until = |moment| Some(Time::from_micros(moment));
    let deadline = LEASE + HOLDER_LEASE;
    assert_eq!(node.core.led_deadline(), until(deadline));
    let (seq, _) = renewed(&node.until(LEASE + HEARTBEAT)).unwrap();
    node.grant(1, seq, None);
    let deadline = deadline + HEARTBEAT;
    assert_eq!(node.core.led_deadline(), until(deadline));
    assert!(led_off(&node.until(deadline)));
    assert_eq!(node.core.led_deadline(), None, "a frozen copy is dark");

    let mut alone = TestNode::connected(1, 1000 * LEASE);
    assert!(led_on(&alone.until(2 * LEASE)));
    let next_wake = alone.core.next_deadline().unwrap();
    assert!(alone.core.led_deadline().unwrap() >= next_wake + Duration::from_micros(LEASE));
}

#[test]
fn an_answer_to_an_older_request_never_shortens_the_lease() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    let (older, _) = renewed(&node.until(LEASE + HEARTBEAT)).unwrap();
    let (newer, _) = renewed(&node.until(LEASE + 2 * HEARTBEAT)).unwrap();
    node.grant(1, newer, None);
    node.grant(1, older, None);
    assert!(!led_off(
        &node.until(LEASE + 2 * HEARTBEAT + HOLDER_LEASE - 1)
    ));
    assert!(led_off(&node.until(LEASE + 2 * HEARTBEAT + HOLDER_LEASE)));
}

/// A holder whose lease has expired, and the sequence number of its latest request.
fn frozen(nodes: u16) -> (TestNode, u64) {
    let mut node = TestNode::holder(nodes, 1000 * LEASE);
    assert!(led_off(&node.until(LEASE + HOLDER_LEASE)));
    let (seq, _) = renewed(&node.until(3 * LEASE)).unwrap();
    (node, seq)
}

#[test]
fn a_frozen_ball_moves_on_with_the_first_renewal_and_from_where_it_stood() {
    let (mut node, seq) = frozen(3);
    let view = |node: &TestNode| node.core.ball_views().next().unwrap();
    let stood = view(&node).state.unwrap();
    assert!(view(&node).frozen);
    node.until(node.now + 5_000);
    let out = node.grant(1, seq, None);
    assert!(led_on(&out));
    assert_eq!(notifications(&out), [Notification::Unfrozen { ball: BALL }]);
    assert_eq!(view(&node).state.unwrap(), stood);
    assert_eq!(view(&node).age.as_micros(), 0);
    assert!(!led_off(&node.until(3 * LEASE + HOLDER_LEASE - 1)));
    assert!(led_off(&node.until(3 * LEASE + HOLDER_LEASE)));
}

#[test]
fn a_grant_that_comes_after_its_lease_expired_unfreezes_nothing() {
    let (mut node, seq) = frozen(3);
    // Newer requests went out since; this one is remembered, but worth nothing now.
    node.until(3 * LEASE + HOLDER_LEASE);
    assert!(!led_on(&node.grant(1, seq, None)));
    assert!(!node.has_ball());
}

#[test]
fn a_frozen_holder_renews_at_once_when_a_peer_reconnects() {
    let (mut node, _) = frozen(3);
    node.disconnect(1);
    node.until(3 * LEASE + HEARTBEAT / 2);
    assert!(renewed(&node.connect(1)).is_some());
}

#[test]
fn a_frozen_copy_is_retired_when_a_majority_favours_one_other_generation() {
    let (mut node, seq) = frozen(5);
    let rival = |round| Some(generation(round));
    node.deny(1, seq, rival(2), 9, None);
    node.deny(1, seq, rival(2), 9, None);
    node.deny(2, seq, rival(3), 9, None);
    let out = node.deny(3, seq, rival(2), 9, None);
    assert_eq!(notifications(&out), [], "two for one, one for another");
    let out = node.deny(4, seq, rival(2), 9, None);
    assert!(matches!(
        notifications(&out)[..],
        [Notification::SteppedDown { ball: BALL, .. }]
    ));
    assert!(!led_off(&out), "it was off already");
    assert!(!node.core.ball_views().next().unwrap().frozen);
}

#[test]
fn a_frozen_copy_is_retired_when_a_higher_generation_is_heard_of() {
    let (mut node, seq) = frozen(3);
    let mine = node.stamp().unwrap().generation;
    assert_eq!(
        notifications(&node.deny(1, seq, None, 0, Some(record(mine, 0)))),
        [],
        "its own"
    );
    let out = node.deny(1, seq, None, 0, Some(record(generation(2), 0)));
    assert!(matches!(
        notifications(&out)[..],
        [Notification::SteppedDown { .. }]
    ));
}

#[test]
fn a_frozen_copy_is_retired_when_the_next_holder_renews() {
    let (mut node, _) = frozen(3);
    let out = node.renewal(1, generation(2), 4);
    assert!(matches!(
        notifications(&out)[..],
        [Notification::SteppedDown { .. }]
    ));
    assert_eq!(node.stamp(), Some(record(generation(2), 4).stamp));
}

#[test]
fn before_its_deadline_a_holder_ignores_votes_that_others_have() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    let (seq, _) = renewed(&node.until(LEASE + HEARTBEAT)).unwrap();
    for peer in [1, 2] {
        node.deny(peer, seq, Some(generation(7)), 9, None);
        node.request_lease(peer, generation(8));
        assert!(node.has_ball());
    }
    node.until(LEASE + HOLDER_LEASE - 1);
    assert!(node.has_ball());
}

#[test]
fn an_expired_lease_is_ended_before_the_message_is_handled() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    let (seq, _) = renewed(&node.until(LEASE + HEARTBEAT)).unwrap();
    // The process was stopped: the grant waited in the socket, and its lease has not expired yet.
    node.now = LEASE + HOLDER_LEASE + 1_000;
    let out = node.grant(1, seq, None);
    assert!(led_off(&out[..1]), "{out:?}");
    assert!(
        led_on(&out),
        "the renewal a quarter of a lease later still counts"
    );
}

#[test]
fn only_five_requests_are_remembered() {
    for (back, retires) in [(4, true), (5, false)] {
        let (mut node, latest) = frozen(5);
        let seq = latest - back;
        let denied = (1..=3).flat_map(|peer| node.deny(peer, seq, Some(generation(9)), 9, None));
        let denied: Vec<_> = denied.collect();
        assert_eq!(
            !notifications(&denied).is_empty(),
            retires,
            "{back} before the latest"
        );
    }
}

#[test]
fn more_rivals_than_four_are_not_told_apart() {
    let (mut node, seq) = frozen(9);
    for peer in 1..=4 {
        node.deny(peer, seq, Some(generation(10 + u64::from(peer))), 9, None);
    }
    for peer in 1..=8 {
        let out = node.deny(peer, seq, Some(generation(30)), 9, None);
        assert_eq!(
            notifications(&out),
            [],
            "or a faulty peer could fill the memory"
        );
    }
}

#[test]
fn an_island_that_plays_on_moves_a_frozen_ball_only_when_all_agree() {
    let arrive = || {
        let mut file = topology(3, 1000 * LEASE);
        file.on_partition = OnPartition::PlayOn;
        let mut node = TestNode::new(file);
        drop(node.connect(1));
        drop(node.connect(2));
        node.until(LEASE / 2);
        let out = node.pass_with(1, record(generation(1), 4), LEASE, None, 0);
        assert!(!led_on(&out), "without an echo it comes frozen");
        (node, renewed(&out).unwrap().0)
    };
    let (mut node, seq) = arrive();
    assert!(!led_on(&node.grant(1, seq, None)));
    assert!(led_on(&node.grant(2, seq, None)));
    let (mut node, seq) = arrive();
    node.deny(1, seq, Some(generation(0)), 9, None);
    assert!(!led_on(&node.grant(1, seq, None)));
    assert!(
        !led_on(&node.grant(2, seq, None)),
        "one of them was against it"
    );
}

#[test]
fn an_island_that_plays_on_steps_down_for_the_newer_ball() {
    let mut file = topology(3, 1000 * LEASE);
    file.on_partition = OnPartition::PlayOn;
    let mut node = TestNode::new(file);
    let out = node.until(2 * LEASE);
    assert!(led_on(&out), "alone it is an island: {out:?}");
    let out = node.connect(1);
    assert!(!led_off(&out));
    let older = generation(0);
    assert!(!led_off(&node.renewal(1, older, 99)));
    let out = node.renewal(1, generation(9), 1);
    assert!(led_off(&out), "{out:?}");
    assert!(matches!(
        notifications(&out)[..],
        [Notification::SteppedDown { .. }]
    ));
    let release = releases(&out);
    assert!(!release, "nobody had granted it anything");
}

fn releases(out: &[carom::ring::Output]) -> bool {
    let lines = crate::fixture::sent_to(out, 1);
    let release = |line: &Message| matches!(line, Message::Release { .. });
    lines.iter().any(release)
}
