//! Rules 3 and 7: how long a holder holds, and when a copy is dropped.

use carom::ring::{Message, Notification, OnPartition};

use crate::solo::{
    BALL, BEAT, LEASE, Solo, WORTH, candidate, dark, generation, lit, notes, record, renewed,
    topology,
};

#[test]
fn the_deadline_counts_from_the_moment_the_request_was_sent() {
    let mut solo = Solo::among(3, 1000 * LEASE);
    let (seq, _) = candidate(&solo.until(LEASE)).unwrap();
    solo.now += 90_000;
    assert!(
        !lit(&solo.grant(1, seq, None)),
        "the third may still answer"
    );
    assert!(lit(&solo.grant(2, seq, None)));
    assert!(!dark(&solo.until(LEASE + WORTH - 1)));
    let out = solo.until(LEASE + WORTH);
    assert!(dark(&out));
    assert_eq!(notes(&out), [Notification::Frozen { ball: BALL }]);
}

#[test]
fn a_holder_asks_at_once_and_then_every_quarter_of_a_lease() {
    let mut solo = Solo::among(3, 1000 * LEASE);
    let (seq, _) = candidate(&solo.until(LEASE)).unwrap();
    solo.grant(1, seq, None);
    let out = solo.grant(2, seq, None);
    let (first, claim) = renewed(&out).unwrap();
    assert_eq!((first, claim.hop), (seq + 1, Some(0)));
    for turn in 1..4 {
        assert_eq!(renewed(&solo.until(LEASE + turn * BEAT - 1)), None);
        let (number, _) = renewed(&solo.until(LEASE + turn * BEAT)).unwrap();
        assert_eq!(number, first + turn);
        solo.grant(1, number, None);
    }
}

#[test]
fn a_minority_of_grants_renews_nothing() {
    let mut solo = Solo::holder(5, 1000 * LEASE);
    let (seq, _) = renewed(&solo.until(LEASE + BEAT)).unwrap();
    solo.grant(1, seq, None);
    solo.grant(1, seq, None);
    assert!(dark(&solo.until(LEASE + WORTH)), "two voices of five");
}

#[test]
fn a_majority_of_grants_renews_from_the_request_on() {
    let mut solo = Solo::holder(5, 1000 * LEASE);
    let (seq, _) = renewed(&solo.until(LEASE + BEAT)).unwrap();
    solo.grant(1, seq, None);
    solo.until(LEASE + BEAT + 70_000);
    solo.grant(2, seq, None);
    assert!(!dark(&solo.until(LEASE + BEAT + WORTH - 1)));
    assert!(dark(&solo.until(LEASE + BEAT + WORTH)));
}

#[test]
fn an_answer_to_an_older_request_never_shortens_the_lease() {
    let mut solo = Solo::holder(3, 1000 * LEASE);
    let (older, _) = renewed(&solo.until(LEASE + BEAT)).unwrap();
    let (newer, _) = renewed(&solo.until(LEASE + 2 * BEAT)).unwrap();
    solo.grant(1, newer, None);
    solo.grant(1, older, None);
    assert!(!dark(&solo.until(LEASE + 2 * BEAT + WORTH - 1)));
    assert!(dark(&solo.until(LEASE + 2 * BEAT + WORTH)));
}

/// A holder whose lease ran out; and the latest request it still sends.
fn frozen(nodes: u8) -> (Solo, u64) {
    let mut solo = Solo::holder(nodes, 1000 * LEASE);
    assert!(dark(&solo.until(LEASE + WORTH)));
    let (seq, _) = renewed(&solo.until(3 * LEASE)).unwrap();
    (solo, seq)
}

#[test]
fn a_frozen_ball_moves_on_with_the_first_renewal_and_from_where_it_stood() {
    let (mut solo, seq) = frozen(3);
    let view = |solo: &Solo| solo.node.ball_views().next().unwrap();
    let stood = view(&solo).state.unwrap();
    assert!(view(&solo).frozen);
    solo.until(solo.now + 5_000);
    let out = solo.grant(1, seq, None);
    assert!(lit(&out));
    assert_eq!(notes(&out), [Notification::Unfrozen { ball: BALL }]);
    assert_eq!(view(&solo).state.unwrap(), stood);
    assert_eq!(view(&solo).age.as_micros(), 0);
    assert!(!dark(&solo.until(3 * LEASE + WORTH - 1)));
    assert!(dark(&solo.until(3 * LEASE + WORTH)));
}

#[test]
fn a_grant_that_comes_when_its_lease_is_over_wakes_nothing() {
    let (mut solo, seq) = frozen(3);
    // Newer requests went out since; this one is remembered, but worth nothing now.
    solo.until(3 * LEASE + WORTH);
    assert!(!lit(&solo.grant(1, seq, None)));
    assert!(!solo.here());
}

#[test]
fn a_frozen_holder_asks_at_once_when_somebody_comes_back() {
    let (mut solo, _) = frozen(3);
    solo.part(1);
    solo.until(3 * LEASE + BEAT / 2);
    assert!(renewed(&solo.meet(1)).is_some());
}

#[test]
fn a_frozen_copy_goes_when_a_majority_favours_one_other_generation() {
    let (mut solo, seq) = frozen(5);
    let rival = |round| Some(generation(round));
    solo.deny(1, seq, rival(2), 9, None);
    solo.deny(1, seq, rival(2), 9, None);
    solo.deny(2, seq, rival(3), 9, None);
    let out = solo.deny(3, seq, rival(2), 9, None);
    assert_eq!(notes(&out), [], "two for one, one for another");
    let out = solo.deny(4, seq, rival(2), 9, None);
    assert!(matches!(
        notes(&out)[..],
        [Notification::SteppedDown { ball: BALL, .. }]
    ));
    assert!(!dark(&out), "it was dark already");
    assert!(!solo.node.ball_views().next().unwrap().frozen);
}

#[test]
fn a_frozen_copy_goes_when_a_higher_generation_is_heard_of() {
    let (mut solo, seq) = frozen(3);
    let mine = solo.stamp().unwrap().generation;
    assert_eq!(
        notes(&solo.deny(1, seq, None, 0, Some(record(mine, 9)))),
        [],
        "its own"
    );
    let out = solo.deny(1, seq, None, 0, Some(record(generation(2), 0)));
    assert!(matches!(
        notes(&out)[..],
        [Notification::SteppedDown { .. }]
    ));
}

#[test]
fn a_frozen_copy_goes_when_the_next_holder_renews() {
    let (mut solo, _) = frozen(3);
    let out = solo.renewal(1, generation(2), 4);
    assert!(matches!(
        notes(&out)[..],
        [Notification::SteppedDown { .. }]
    ));
    assert_eq!(solo.stamp(), Some(record(generation(2), 4).stamp));
}

#[test]
fn a_running_deadline_outlasts_whatever_is_said() {
    let mut solo = Solo::holder(3, 1000 * LEASE);
    let (seq, _) = renewed(&solo.until(LEASE + BEAT)).unwrap();
    let newer = Some(record(generation(7), 7));
    for peer in [1, 2] {
        solo.deny(peer, seq, Some(generation(7)), 9, newer);
        solo.renewal(peer, generation(7), 7);
        assert!(solo.here());
    }
    solo.until(LEASE + WORTH - 1);
    assert!(solo.here());
}

#[test]
fn the_clock_that_takes_a_lease_away_goes_first() {
    let mut solo = Solo::holder(3, 1000 * LEASE);
    let (seq, _) = renewed(&solo.until(LEASE + BEAT)).unwrap();
    // The process was stopped: the grant lay in the socket, and its lease is not over yet.
    solo.now = LEASE + WORTH + 1_000;
    let out = solo.grant(1, seq, None);
    assert!(dark(&out[..1]), "{out:?}");
    assert!(lit(&out), "the renewal of a quarter later still counts");
}

#[test]
fn only_five_requests_are_remembered() {
    for (back, retires) in [(4, true), (5, false)] {
        let (mut solo, latest) = frozen(5);
        let seq = latest - back;
        let denied = (1..=3).flat_map(|peer| solo.deny(peer, seq, Some(generation(9)), 9, None));
        let denied: Vec<_> = denied.collect();
        assert_eq!(
            !notes(&denied).is_empty(),
            retires,
            "{back} before the latest"
        );
    }
}

#[test]
fn more_rivals_than_four_are_not_told_apart() {
    let (mut solo, seq) = frozen(9);
    for peer in 1..=4 {
        solo.deny(peer, seq, Some(generation(10 + u64::from(peer))), 9, None);
    }
    for peer in 1..=8 {
        let out = solo.deny(peer, seq, Some(generation(30)), 9, None);
        assert_eq!(notes(&out), [], "a liar could else fill the memory");
    }
}

#[test]
fn an_island_that_plays_on_moves_a_frozen_ball_only_when_all_agree() {
    let arrive = || {
        let mut file = topology(3, 1000 * LEASE);
        file.on_partition = OnPartition::PlayOn;
        let mut solo = Solo::new(file);
        drop(solo.meet(1));
        drop(solo.meet(2));
        solo.until(LEASE / 2);
        let out = solo.pass_with(1, record(generation(1), 4), LEASE, None, 0);
        assert!(!lit(&out), "without an echo it comes frozen");
        (solo, renewed(&out).unwrap().0)
    };
    let (mut solo, seq) = arrive();
    assert!(!lit(&solo.grant(1, seq, None)));
    assert!(lit(&solo.grant(2, seq, None)));
    let (mut solo, seq) = arrive();
    solo.deny(1, seq, Some(generation(0)), 9, None);
    assert!(!lit(&solo.grant(1, seq, None)));
    assert!(
        !lit(&solo.grant(2, seq, None)),
        "one of them was against it"
    );
}

#[test]
fn an_island_that_plays_on_bows_to_the_newer_ball() {
    let mut file = topology(3, 1000 * LEASE);
    file.on_partition = OnPartition::PlayOn;
    let mut solo = Solo::new(file);
    let out = solo.until(2 * LEASE);
    assert!(lit(&out), "alone it is an island: {out:?}");
    let out = solo.meet(1);
    assert!(!dark(&out));
    let older = generation(0);
    assert!(!dark(&solo.renewal(1, older, 99)));
    let out = solo.renewal(1, generation(9), 1);
    assert!(dark(&out), "{out:?}");
    assert!(matches!(
        notes(&out)[..],
        [Notification::SteppedDown { .. }]
    ));
    let release = said_release(&out);
    assert!(!release, "nobody had lent it anything");
}

fn said_release(out: &[carom::ring::Output]) -> bool {
    let lines = crate::solo::said(out, 1);
    let release = |line: &Message| matches!(line, Message::Release { .. });
    lines.iter().any(release)
}
