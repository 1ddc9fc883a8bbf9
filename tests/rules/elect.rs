//! Rule 6: when a node stands, with what, and how a candidacy ends.

use std::time::Duration;

use carom::ring::{Generation, Message, NodeId, Notification, OnPartition, Output};

use crate::solo::{
    BALL, BEAT, LEASE, Solo, WORTH, candidate, dark, generation, lit, notes, record, renewed, said,
    topology,
};

fn releases(out: &[Output]) -> bool {
    let release = |line: &Message| matches!(line, Message::Release { .. });
    said(out, 1).iter().any(release)
}

#[test]
fn the_node_that_serves_stands_when_its_quarantine_is_over() {
    let mut solo = Solo::among(3, LEASE);
    assert_eq!(candidate(&solo.until(LEASE - 1)), None);
    let (_, claim) = candidate(&solo.until(LEASE)).unwrap();
    assert_eq!((claim.generation.round, claim.hop), (1, None));
    let mut other = Solo::which(topology(3, LEASE), 1);
    drop(other.meet(0));
    drop(other.meet(2));
    assert_eq!(candidate(&other.until(LEASE)), None, "the first goes first");
    // With no way to reckon, turns are a quarter of a lease by three voters.
    assert_eq!(candidate(&other.until(LEASE + LEASE / 12 - 1)), None);
    assert!(candidate(&other.until(LEASE + LEASE / 12 + 1)).is_some());
}

#[test]
fn a_ring_of_one_wins_at_once_and_tells_nobody() {
    let mut solo = Solo::new(topology(1, 1000 * LEASE));
    let out = solo.until(LEASE);
    assert!(lit(&out));
    assert!(said(&out, u8::MAX).is_empty(), "{out:?}");
}

#[test]
fn the_first_ball_is_served_as_the_file_says_and_elsewhere_comes_in_at_the_edge() {
    let mut file = topology(3, 1000 * LEASE);
    file.balls[0].state.position = [100.0, 250.0];
    for (me, x) in [(0, 100.0), (1, 0.0)] {
        let mut solo = Solo::which(file.clone(), me);
        let others: Vec<u8> = (0..3).filter(|&node| node != me).collect();
        others.iter().for_each(|&peer| drop(solo.meet(peer)));
        let seq = loop {
            if let Some((seq, _)) = candidate(&solo.until(solo.now + 1_000)) {
                break seq;
            }
        };
        let won = others.iter().any(|&peer| lit(&solo.grant(peer, seq, None)));
        assert!(won);
        let view = solo.node.ball_views().next().unwrap();
        assert_eq!(view.state.unwrap().position, [x, 250.0]);
    }
}

#[test]
fn nobody_stands_alone_and_a_quorum_that_has_just_met_waits_half_a_lease() {
    let mut solo = Solo::new(topology(5, LEASE));
    drop(solo.meet(1));
    assert_eq!(candidate(&solo.until(5 * LEASE)), None);
    drop(solo.meet(2));
    assert_eq!(candidate(&solo.until(5 * LEASE + LEASE / 2 - 1)), None);
    assert!(candidate(&solo.until(5 * LEASE + LEASE / 2)).is_some());
}

#[test]
fn the_next_after_the_last_holder_stands_first_when_the_lease_has_run_out() {
    // The first node follows the third.
    for (holder, rank) in [(2, 1), (1, 2)] {
        let mut solo = Solo::among(3, LEASE);
        solo.until(LEASE / 2);
        solo.renewal(holder, generation(3), 8);
        solo.until(LEASE);
        solo.renewal(holder, generation(3), 9);
        let due = 2 * LEASE + LEASE / 4 * rank / 3;
        assert_eq!(candidate(&solo.until(due - 1)), None, "{rank}");
        let (_, claim) = candidate(&solo.until(due)).unwrap();
        assert_eq!(claim.generation.round, 4);
    }
}

#[test]
fn the_winner_tells_who_had_the_ball_and_when_that_was_last_heard() {
    let mut solo = Solo::among(3, LEASE);
    solo.until(LEASE);
    solo.renewal(2, generation(3), 9);
    let stood = 2 * LEASE + LEASE / 12;
    let (seq, _) = candidate(&solo.until(stood)).unwrap();
    solo.grant(1, seq, None);
    let won = notes(&solo.until(stood + LEASE / 8));
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
fn a_turn_is_no_shorter_than_the_way_there_and_back_and_no_longer_than_half_a_heartbeat() {
    for (round_trip, turn) in [
        (LEASE / 12 + 10, LEASE / 12 + 10),
        (LEASE / 9, LEASE / 9),
        (LEASE / 7, LEASE / 8),
    ] {
        let mut solo = Solo::among(3, LEASE);
        solo.round_trip = round_trip;
        solo.until(LEASE);
        solo.renewal(1, generation(3), 9);
        let due = 2 * LEASE + 2 * turn;
        assert_eq!(candidate(&solo.until(due - 1)), None, "{round_trip}");
        assert!(candidate(&solo.until(due)).is_some(), "{round_trip}");
    }
}

#[test]
fn a_lease_that_was_only_lent_also_keeps_a_voter_waiting() {
    let mut solo = Solo::among(3, LEASE);
    solo.now = LEASE;
    solo.ask(2, generation(6));
    let out = solo.until(2 * LEASE - 1);
    assert_eq!(candidate(&out), None);
    let (_, claim) = candidate(&solo.until(2 * LEASE)).unwrap();
    assert_eq!(claim.generation.round, 7, "above the round it heard of");
}

#[test]
fn a_candidate_wins_when_all_have_answered_or_an_eighth_of_a_lease_has_passed() {
    let mut solo = Solo::among(5, 1000 * LEASE);
    let (seq, claim) = candidate(&solo.until(LEASE)).unwrap();
    assert!(!lit(&solo.grant(1, seq, None)));
    assert!(!lit(&solo.grant(2, seq, None)), "two may still know better");
    assert!(!lit(&solo.until(LEASE + LEASE / 8 - 1)));
    let out = solo.until(LEASE + LEASE / 8);
    assert!(lit(&out));
    let won = Notification::ElectionWon {
        ball: BALL,
        generation: claim.generation,
        missed: None,
    };
    assert_eq!(notes(&out), [won]);
    assert!(renewed(&out).is_some(), "and says so at once");
    assert!(dark(&solo.until(LEASE + WORTH)));
    assert_eq!(solo.node.view().counters.elections, 1);
}

#[test]
fn one_voice_short_of_a_majority_wins_nothing() {
    let mut solo = Solo::among(5, LEASE);
    let (seq, claim) = candidate(&solo.until(LEASE)).unwrap();
    solo.grant(1, seq, None);
    solo.grant(1, seq, None);
    solo.grant(2, seq + 1, None);
    let out = solo.until(LEASE + LEASE / 8);
    assert!(!lit(&out) && releases(&out), "{out:?}");
    let lost = Notification::ElectionLost {
        ball: BALL,
        generation: claim.generation,
        granted: 2,
    };
    assert_eq!(notes(&out), [lost]);
    assert_eq!(
        candidate(&solo.until(LEASE + LEASE / 4 - 1)),
        None,
        "an eighth at least"
    );
    let (_, claim) = candidate(&solo.until(2 * LEASE + LEASE / 8)).unwrap();
    assert_eq!(claim.generation.round, 2, "a lease at most");
}

#[test]
fn the_winner_goes_on_from_the_newest_state_that_anyone_knows() {
    let mut solo = Solo::among(5, LEASE);
    solo.until(LEASE / 4);
    solo.renewal(4, generation(1), 3);
    let due = LEASE / 4 + LEASE + LEASE / 4 / 5;
    let (seq, claim) = candidate(&solo.until(due)).unwrap();
    let newest = record(generation(1), 7);
    solo.grant(1, seq, Some(record(generation(1), 5)));
    solo.deny(2, seq, None, 0, Some(newest));
    solo.grant(3, seq, None);
    assert!(lit(&solo.grant(4, seq, Some(record(generation(1), 6)))));
    let stamp = solo.stamp().unwrap();
    assert_eq!((stamp.generation, stamp.hop), (claim.generation, 7));
    let view = solo.node.ball_views().next().unwrap();
    let [x, y] = view.state.unwrap().position;
    assert!(x < 50.0 && y == 123.0, "on its own screen, from the edge");
}

#[test]
fn a_holder_that_turns_up_during_the_candidacy_is_not_outvoted() {
    let mut solo = Solo::among(3, LEASE);
    let (seq, claim) = candidate(&solo.until(LEASE)).unwrap();
    let newer = claim.generation.round + 1;
    let out = solo.renewal(1, generation(newer), 4);
    assert!(releases(&out), "{out:?}");
    assert!(!lit(&solo.grant(2, seq, None)));
}

#[test]
fn a_newest_above_its_own_generation_loses_the_election() {
    let mut solo = Solo::among(3, LEASE);
    let (seq, claim) = candidate(&solo.until(LEASE)).unwrap();
    let newer = record(generation(claim.generation.round + 1), 0);
    solo.grant(1, seq, Some(newer));
    let out = solo.grant(2, seq, None);
    assert!(!lit(&out));
    assert!(matches!(
        notes(&out)[..],
        [Notification::ElectionLost { granted: 3, .. }]
    ));
    let (_, claim) = candidate(&solo.until(3 * LEASE)).unwrap();
    assert_eq!(claim.generation.round, newer.stamp.generation.round + 1);
}

#[test]
fn grants_that_are_read_when_their_lease_is_over_win_nothing() {
    for (late, wins) in [(WORTH - 1, true), (WORTH, false)] {
        let mut solo = Solo::among(3, LEASE);
        let (seq, _) = candidate(&solo.until(LEASE)).unwrap();
        // The process is stopped, and the grants lie in its sockets.
        solo.now = LEASE + late;
        let out = solo.grant(1, seq, None);
        assert_eq!(lit(&out), wins, "{late}");
    }
}

#[test]
fn a_round_in_a_denial_is_outdone_next_time() {
    let mut solo = Solo::among(3, LEASE);
    let (seq, _) = candidate(&solo.until(LEASE)).unwrap();
    solo.deny(1, seq, Some(generation(8)), 1_000, None);
    let out = solo.deny(2, seq, Some(generation(8)), 1_000, None);
    assert!(releases(&out));
    let (_, claim) = candidate(&solo.until(3 * LEASE)).unwrap();
    assert_eq!(claim.generation.round, 9);
}

#[test]
fn a_candidate_waits_for_voters_that_only_started_later() {
    let mut solo = Solo::among(3, LEASE);
    let (seq, _) = candidate(&solo.until(LEASE)).unwrap();
    solo.deny(1, seq, None, 90_000, None);
    solo.deny(2, seq, None, 50_000, None);
    // One more voice is needed: the earlier of the two is waited for, and a little.
    assert_eq!(candidate(&solo.until(LEASE + 50_000 - 1)), None);
    let little = LEASE / 12 / 4;
    assert!(candidate(&solo.until(LEASE + 50_000 + little)).is_some());
}

#[test]
fn a_candidate_that_is_second_in_turn_waits_for_late_voters_and_then_its_turn() {
    let mut solo = Solo::which(topology(3, LEASE), 1);
    drop(solo.meet(0));
    drop(solo.meet(2));
    let turn = LEASE / 12;
    let (seq, _) = candidate(&solo.until(LEASE + turn + 1)).unwrap();
    solo.deny(0, seq, None, 50_000, None);
    solo.deny(2, seq, None, 90_000, None);
    let denied = solo.now;
    assert_eq!(candidate(&solo.until(denied + 50_000 + turn - 1)), None);
    assert!(candidate(&solo.until(denied + 50_000 + turn + turn / 4 + 1)).is_some());
}

/// How long candidates of many lives wait that were denied in favour of this generation: the
/// shortest and the longest, in a hundredth of a lease.
fn waits(rival: impl Fn(Generation) -> Generation) -> (u64, u64) {
    let mut waits = Vec::new();
    for life in 0..60 {
        let mut solo = Solo::life(topology(3, LEASE), 0, life);
        drop(solo.meet(1));
        drop(solo.meet(2));
        let (seq, claim) = candidate(&solo.until(LEASE)).unwrap();
        let rival = rival(claim.generation);
        solo.deny(1, seq, Some(rival), 1, None);
        solo.deny(2, seq, Some(rival), 1, None);
        while candidate(&solo.until(solo.now + 1_000)).is_none() {}
        waits.push(solo.now - LEASE);
    }
    let percent = |wait: &u64| wait * 100 / LEASE;
    let (least, most) = (waits.iter().min(), waits.iter().max());
    (percent(least.unwrap()), percent(most.unwrap()))
}

#[test]
fn of_those_who_split_a_vote_the_highest_comes_back_early_and_the_others_late() {
    let nonce = |nonce| move |mine: Generation| Generation { nonce, ..mine };
    let (least, most) = waits(nonce(0));
    assert!(
        (12..17).contains(&least) && (33..=37).contains(&most),
        "{least} {most}"
    );
    let (least, most) = waits(nonce(u64::MAX));
    assert!(
        (50..55).contains(&least) && (95..=100).contains(&most),
        "{least} {most}"
    );
}

#[test]
fn a_loser_against_an_older_round_tries_again_after_an_eighth_to_a_whole_lease() {
    let older = |mine: Generation| Generation {
        round: mine.round - 1,
        ..mine
    };
    let (least, most) = waits(older);
    assert!(
        (12..20).contains(&least) && (90..=100).contains(&most),
        "{least} {most}"
    );
}

#[test]
fn an_island_that_plays_on_takes_the_ball_only_if_nobody_objects() {
    let mut file = topology(3, 1000 * LEASE);
    file.on_partition = OnPartition::PlayOn;
    let mut solo = Solo::new(file);
    drop(solo.meet(1));
    let (seq, _) = candidate(&solo.until(LEASE)).unwrap();
    let out = solo.deny(1, seq, Some(generation(8)), 1_000, None);
    assert!(!lit(&out), "{out:?}");
    let seq = loop {
        let out = solo.until(solo.now + 1_000);
        if let Some((seq, _)) = candidate(&out) {
            break seq;
        }
    };
    assert!(lit(&solo.grant(1, seq, None)));
}

#[test]
fn a_link_that_breaks_ends_the_wait_for_its_answer() {
    let mut solo = Solo::among(3, LEASE);
    let (seq, _) = candidate(&solo.until(LEASE)).unwrap();
    assert!(!lit(&solo.grant(1, seq, None)));
    assert!(lit(&solo.part(2)));
}

/// When nodes of many lives stand that were told, a heartbeat after they lent their voice, that
/// they have it back: sorted, counted from the telling.
fn pauses(nodes: u8, round_trip: u64) -> Vec<u64> {
    let mut pauses = Vec::new();
    for life in 0..40 {
        let mut solo = Solo::life(topology(nodes.into(), LEASE), 0, life);
        solo.round_trip = round_trip;
        (1..nodes).for_each(|peer| drop(solo.meet(peer)));
        solo.until(LEASE - 1);
        solo.now = LEASE;
        let generation = generation(3);
        solo.ask(2, generation);
        solo.until(LEASE + BEAT);
        solo.hear(
            2,
            Message::Release {
                ball: BALL,
                generation,
            },
        );
        while candidate(&solo.until(solo.now + 1_000)).is_none() {}
        pauses.push(solo.now - LEASE - BEAT);
    }
    pauses.sort_unstable();
    pauses
}

#[test]
fn a_release_makes_those_who_wait_stand_one_after_the_other() {
    // Over a quarter of a lease; or two ways there and back for every voter; or two leases.
    for (nodes, round_trip, span) in [
        (3, 1_000, LEASE / 4),
        (5, LEASE / 20, 10 * (LEASE / 20)),
        (9, LEASE / 8, 2 * LEASE),
    ] {
        let pauses = pauses(nodes, round_trip);
        let (first, last) = (pauses[0], pauses[pauses.len() - 1]);
        assert!(first < span / 4, "{first} of {span}");
        assert!(
            (span * 7 / 8..=span + 1_000).contains(&last),
            "{last} of {span}"
        );
    }
}

#[test]
fn a_voter_without_quarantine_or_lease_objects_all_the_same() {
    // What is known there is newer than the candidate: that is no quarantine to wait for.
    let mut file = topology(3, 1000 * LEASE);
    file.on_partition = OnPartition::PlayOn;
    let mut solo = Solo::new(file);
    drop(solo.meet(1));
    let (seq, _) = candidate(&solo.until(LEASE)).unwrap();
    assert!(!lit(&solo.deny(1, seq, None, 0, None)));
}
