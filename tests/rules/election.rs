//! Rule 6: when a node is_candidate, with what, and how a candidacy ends.

use std::time::Duration;

use carom::ring::{Message, NodeId, Notification, OnPartition, Output};

use crate::fixture::{
    BALL, HOLDER_LEASE, LEASE, TestNode, candidacy, generation, led_off, led_on, next_candidacy,
    notifications, record, renewed, sent_to, topology,
};

fn releases(out: &[Output]) -> bool {
    let release = |line: &Message| matches!(line, Message::Release { .. });
    sent_to(out, 1).iter().any(release)
}

#[test]
fn the_node_where_the_ball_starts_starts_an_election_when_its_quarantine_is_over() {
    let mut node = TestNode::connected(3, LEASE);
    assert_eq!(candidacy(&node.until(LEASE - 1)), None);
    let (_, request) = candidacy(&node.until(LEASE)).unwrap();
    assert_eq!((request.generation.round, request.hop), (1, None));
    let mut other = TestNode::with_id(topology(3, LEASE), 1);
    drop(other.connect(0));
    drop(other.connect(2));
    assert_eq!(candidacy(&other.until(LEASE)), None, "pi1 goes first");
    // With no measured round trip, the stagger is a quarter of a lease by three voters.
    assert_eq!(candidacy(&other.until(LEASE + LEASE / 12 - 1)), None);
    assert!(candidacy(&other.until(LEASE + LEASE / 12 + 1)).is_some());
}

#[test]
fn a_ring_of_one_wins_at_once_and_sends_nothing() {
    let mut node = TestNode::new(topology(1, 1000 * LEASE));
    let out = node.until(LEASE);
    assert!(led_on(&out));
    assert!(sent_to(&out, u16::MAX).is_empty(), "{out:?}");
}

#[test]
fn the_first_ball_starts_as_the_file_says_and_elsewhere_enters_at_the_edge() {
    let mut file = topology(3, 1000 * LEASE);
    file.balls[0].state.position = [100.0, 250.0];
    for (me, x) in [(0, 100.0), (1, 0.0)] {
        let mut node = TestNode::with_id(file.clone(), me);
        let others: Vec<u16> = (0..3).filter(|&node| node != me).collect();
        others.iter().for_each(|&peer| drop(node.connect(peer)));
        let (seq, _) = next_candidacy(&mut node);
        let won = others
            .iter()
            .any(|&peer| led_on(&node.grant(peer, seq, None)));
        assert!(won);
        let view = node.core.ball_views().next().unwrap();
        assert_eq!(view.state.unwrap().position, [x, 250.0]);
    }
}

#[test]
fn no_election_without_a_quorum_and_a_quorum_that_has_just_connected_waits_half_a_lease() {
    let mut node = TestNode::new(topology(5, LEASE));
    drop(node.connect(1));
    assert_eq!(candidacy(&node.until(5 * LEASE)), None);
    drop(node.connect(2));
    assert_eq!(candidacy(&node.until(5 * LEASE + LEASE / 2 - 1)), None);
    assert!(candidacy(&node.until(5 * LEASE + LEASE / 2)).is_some());
}

#[test]
fn the_next_node_after_the_last_holder_starts_an_election_first_when_the_lease_has_expired() {
    // In a ring of three, pi1 comes next after pi3.
    for (holder, rank) in [(2, 1), (1, 2)] {
        let mut node = TestNode::connected(3, LEASE);
        node.until(LEASE / 2);
        node.renewal(holder, generation(3), 8);
        node.until(LEASE);
        node.renewal(holder, generation(3), 9);
        let due = 2 * LEASE + LEASE / 4 * rank / 3;
        assert_eq!(candidacy(&node.until(due - 1)), None, "{rank}");
        let (_, request) = candidacy(&node.until(due)).unwrap();
        assert_eq!(request.generation.round, 4);
    }
}

#[test]
fn the_winner_reports_who_had_the_ball_and_when_it_last_renewed() {
    let mut node = TestNode::connected(3, LEASE);
    node.until(LEASE);
    node.renewal(2, generation(3), 9);
    let stood = 2 * LEASE + LEASE / 12;
    let (seq, _) = candidacy(&node.until(stood)).unwrap();
    node.grant(1, seq, None);
    let won = notifications(&node.until(stood + LEASE / 8));
    let missed = Some((
        NodeId(2),
        Duration::from_micros(LEASE + LEASE / 12 + LEASE / 8),
    ));
    assert!(
        matches!(won[..], [Notification::ElectionWon { missed: told, .. }] if told == missed),
        "{won:?}, not {missed:?}"
    );
}

#[test]
fn the_stagger_is_at_least_a_round_trip_and_at_most_half_a_heartbeat() {
    for (round_trip, turn) in [
        (LEASE / 12 + 10, LEASE / 12 + 10),
        (LEASE / 9, LEASE / 9),
        (LEASE / 7, LEASE / 8),
    ] {
        let mut node = TestNode::connected(3, LEASE);
        node.round_trip = round_trip;
        node.until(LEASE);
        node.renewal(1, generation(3), 9);
        let due = 2 * LEASE + 2 * turn;
        assert_eq!(candidacy(&node.until(due - 1)), None, "{round_trip}");
        assert!(candidacy(&node.until(due)).is_some(), "{round_trip}");
    }
}

#[test]
fn a_lease_granted_to_a_candidate_also_keeps_a_voter_waiting() {
    let mut node = TestNode::connected(3, LEASE);
    node.now = LEASE;
    node.request_lease(2, generation(6));
    let out = node.until(2 * LEASE - 1);
    assert_eq!(candidacy(&out), None);
    let (_, request) = candidacy(&node.until(2 * LEASE)).unwrap();
    assert_eq!(request.generation.round, 7, "above the round it heard of");
}

#[test]
fn a_candidate_wins_when_all_have_answered_or_an_eighth_of_a_lease_has_passed() {
    let mut node = TestNode::connected(5, 1000 * LEASE);
    let (seq, request) = candidacy(&node.until(LEASE)).unwrap();
    assert!(!led_on(&node.grant(1, seq, None)));
    assert!(
        !led_on(&node.grant(2, seq, None)),
        "two voters have not answered yet"
    );
    assert!(!led_on(&node.until(LEASE + LEASE / 8 - 1)));
    let out = node.until(LEASE + LEASE / 8);
    assert!(led_on(&out));
    let won = Notification::ElectionWon {
        ball: BALL,
        generation: request.generation,
        missed: None,
        death: None,
    };
    assert_eq!(notifications(&out), [won]);
    assert!(renewed(&out).is_some(), "and renews at once");
    assert!(led_off(&node.until(LEASE + HOLDER_LEASE)));
    assert_eq!(node.core.view().counters.elections, 1);
}

#[test]
fn one_vote_short_of_a_majority_does_not_win() {
    let mut node = TestNode::connected(5, LEASE);
    let (seq, request) = candidacy(&node.until(LEASE)).unwrap();
    node.grant(1, seq, None);
    node.grant(1, seq, None);
    node.grant(2, seq + 1, None);
    let out = node.until(LEASE + LEASE / 8);
    assert!(!led_on(&out) && releases(&out), "{out:?}");
    let lost = Notification::ElectionLost {
        ball: BALL,
        generation: request.generation,
        granted: 2,
    };
    assert_eq!(notifications(&out), [lost]);
    assert_eq!(
        candidacy(&node.until(LEASE + LEASE / 4 - 1)),
        None,
        "an eighth at least"
    );
    let (_, request) = candidacy(&node.until(2 * LEASE + LEASE / 8)).unwrap();
    assert_eq!(request.generation.round, 2, "a lease at most");
}

#[test]
fn the_winner_goes_on_from_the_newest_state_that_anyone_knows() {
    let mut node = TestNode::connected(5, LEASE);
    node.until(LEASE / 4);
    node.renewal(4, generation(1), 3);
    let due = LEASE / 4 + LEASE + LEASE / 4 / 5;
    let (seq, request) = candidacy(&node.until(due)).unwrap();
    let newest = record(generation(1), 7);
    node.grant(1, seq, Some(record(generation(1), 5)));
    node.deny(2, seq, None, 0, Some(newest));
    node.grant(3, seq, None);
    assert!(led_on(&node.grant(4, seq, Some(record(generation(1), 6)))));
    let stamp = node.stamp().unwrap();
    assert_eq!((stamp.generation, stamp.hop), (request.generation, 7));
    let view = node.core.ball_views().next().unwrap();
    let [x, y] = view.state.unwrap().position;
    assert!(x < 50.0 && y == 123.0, "on its own screen, from the edge");
}

#[test]
fn a_holder_that_renews_during_the_election_ends_it() {
    let mut node = TestNode::connected(3, LEASE);
    let (seq, request) = candidacy(&node.until(LEASE)).unwrap();
    let newer = request.generation.round + 1;
    let out = node.renewal(1, generation(newer), 4);
    assert!(releases(&out), "{out:?}");
    assert!(!led_on(&node.grant(2, seq, None)));
}

#[test]
fn a_newest_state_above_its_own_generation_loses_the_election() {
    let mut node = TestNode::connected(3, LEASE);
    let (seq, request) = candidacy(&node.until(LEASE)).unwrap();
    let newer = record(generation(request.generation.round + 1), 0);
    node.grant(1, seq, Some(newer));
    let out = node.grant(2, seq, None);
    assert!(!led_on(&out));
    assert!(matches!(
        notifications(&out)[..],
        [Notification::ElectionLost { granted: 3, .. }]
    ));
    let (_, request) = candidacy(&node.until(3 * LEASE)).unwrap();
    assert_eq!(request.generation.round, newer.stamp.generation.round + 1);
}

#[test]
fn grants_that_are_read_after_their_lease_expired_do_not_win() {
    for (late, wins) in [(HOLDER_LEASE - 1, true), (HOLDER_LEASE, false)] {
        let mut node = TestNode::connected(3, LEASE);
        let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
        // The process is stopped, and the grants wait in its sockets.
        node.now = LEASE + late;
        let out = node.grant(1, seq, None);
        assert_eq!(led_on(&out), wins, "{late}");
    }
}

#[test]
fn the_next_election_uses_a_round_above_the_one_in_a_denial() {
    let mut node = TestNode::connected(3, LEASE);
    let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
    node.deny(1, seq, Some(generation(8)), 1_000, None);
    let out = node.deny(2, seq, Some(generation(8)), 1_000, None);
    assert!(releases(&out));
    let (_, request) = candidacy(&node.until(3 * LEASE)).unwrap();
    assert_eq!(request.generation.round, 9);
}

#[test]
fn a_candidate_waits_for_voters_that_only_started_later() {
    let mut node = TestNode::connected(3, LEASE);
    let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
    node.deny(1, seq, None, 90_000, None);
    node.deny(2, seq, None, 50_000, None);
    // One more vote is needed: it waits for the earlier of the two voters, and a little more.
    assert_eq!(candidacy(&node.until(LEASE + 50_000 - 1)), None);
    let little = LEASE / 12 / 4;
    assert!(candidacy(&node.until(LEASE + 50_000 + little)).is_some());
}

#[test]
fn a_candidate_of_rank_one_waits_for_late_voters_and_then_for_its_stagger() {
    let mut node = TestNode::with_id(topology(3, LEASE), 1);
    drop(node.connect(0));
    drop(node.connect(2));
    let turn = LEASE / 12;
    let (seq, _) = candidacy(&node.until(LEASE + turn + 1)).unwrap();
    node.deny(0, seq, None, 50_000, None);
    node.deny(2, seq, None, 90_000, None);
    let denied = node.now;
    assert_eq!(candidacy(&node.until(denied + 50_000 + turn - 1)), None);
    assert!(candidacy(&node.until(denied + 50_000 + turn + turn / 4 + 1)).is_some());
}

#[test]
fn an_island_that_plays_on_takes_the_ball_only_if_nobody_objects() {
    let mut file = topology(3, 1000 * LEASE);
    file.on_partition = OnPartition::PlayOn;
    let mut node = TestNode::new(file);
    drop(node.connect(1));
    let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
    let out = node.deny(1, seq, Some(generation(8)), 1_000, None);
    assert!(!led_on(&out), "{out:?}");
    let (seq, _) = next_candidacy(&mut node);
    assert!(led_on(&node.grant(1, seq, None)));
}

#[test]
fn a_denial_of_an_earlier_election_does_not_end_this_one() {
    let mut node = TestNode::connected(3, LEASE);
    let (earlier, _) = candidacy(&node.until(LEASE)).unwrap();
    for peer in [1, 2] {
        node.deny(peer, earlier, Some(generation(8)), 1_000, None);
    }
    let (seq, _) = next_candidacy(&mut node);
    for peer in [1, 2] {
        let out = node.deny(peer, earlier, Some(generation(8)), 1_000, None);
        assert!(!releases(&out), "{out:?}");
    }
    assert!(led_on(&node.grant(1, seq, None)) || led_on(&node.grant(2, seq, None)));
}

#[test]
fn a_node_whose_own_vote_is_given_away_asks_nobody() {
    let mut node = TestNode::with_id(topology(3, LEASE), 1);
    drop(node.connect(0));
    drop(node.connect(2));
    node.until(LEASE - 1);
    node.now = LEASE;
    let granted = node.request_lease(2, generation(9));
    assert!(matches!(
        sent_to(&granted, 2)[..],
        [Message::Granted { .. }]
    ));
    let out = node.until(2 * LEASE - 1);
    assert_eq!(sent_to(&out, 0), []);
}

#[test]
fn a_node_whose_peers_are_silent_elects_itself_without_a_line() {
    let mut file = topology(3, 1000 * LEASE);
    file.on_partition = OnPartition::PlayOn;
    let mut node = TestNode::new(file);
    drop(node.connect(1));
    node.stop_heartbeats(1);
    let out = node.until(3 * LEASE);
    assert_eq!((led_on(&out), candidacy(&out)), (true, None));
}

#[test]
fn a_broken_link_ends_the_wait_for_its_answer() {
    let mut node = TestNode::connected(3, LEASE);
    let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
    assert!(!led_on(&node.grant(1, seq, None)));
    assert!(led_on(&node.disconnect(2)));
}

#[test]
fn a_denial_without_quarantine_or_lease_still_counts_against_the_candidate() {
    // That voter knows a newer state than the candidate: there is no quarantine to wait for.
    let mut file = topology(3, 1000 * LEASE);
    file.on_partition = OnPartition::PlayOn;
    let mut node = TestNode::new(file);
    drop(node.connect(1));
    let (seq, _) = candidacy(&node.until(LEASE)).unwrap();
    assert!(!led_on(&node.deny(1, seq, None, 0, None)));
}
