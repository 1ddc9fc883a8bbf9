//! Rule 6: how long a node waits after a lost election, or after a release, before it tries.

use carom::ring::{Generation, Message};

use crate::fixture::{
    BALL, HEARTBEAT, LEASE, TestNode, candidacy, generation, next_candidacy, topology,
};

/// The shortest and the longest back-off, in percent of a lease, of many incarnations of a
/// candidate that was denied in favour of this generation.
fn backoffs(rival: impl Fn(Generation) -> Generation) -> (u64, u64) {
    let mut backoffs = Vec::new();
    for incarnation in 0..60 {
        let mut node = TestNode::with_incarnation(topology(3, LEASE), 0, incarnation);
        drop(node.connect(1));
        drop(node.connect(2));
        let (seq, request) = candidacy(&node.until(LEASE)).unwrap();
        let rival = rival(request.generation);
        node.deny(1, seq, Some(rival), 1, None);
        node.deny(2, seq, Some(rival), 1, None);
        next_candidacy(&mut node);
        backoffs.push(node.now - LEASE);
    }
    let percent = |backoff: &u64| backoff * 100 / LEASE;
    let (least, most) = (backoffs.iter().min(), backoffs.iter().max());
    (percent(least.unwrap()), percent(most.unwrap()))
}

#[test]
fn after_a_split_vote_the_highest_candidate_retries_early_and_the_others_late() {
    let nonce = |nonce| move |mine: Generation| Generation { nonce, ..mine };
    let (least, most) = backoffs(nonce(0));
    assert!(
        (12..17).contains(&least) && (33..=37).contains(&most),
        "{least} {most}"
    );
    let (least, most) = backoffs(nonce(u64::MAX));
    assert!(
        (50..55).contains(&least) && (95..=100).contains(&most),
        "{least} {most}"
    );
}

#[test]
fn a_loser_against_an_older_round_retries_after_an_eighth_to_a_whole_lease() {
    let older = |mine: Generation| Generation {
        round: mine.round - 1,
        ..mine
    };
    let (least, most) = backoffs(older);
    assert!(
        (12..20).contains(&least) && (90..=100).contains(&most),
        "{least} {most}"
    );
}

/// How long many incarnations of a node wait before they start an election, from the moment they
/// get a release, a heartbeat after their grant; sorted.
fn waits_after_release(nodes: u16, round_trip: u64) -> Vec<u64> {
    let mut waits = Vec::new();
    for incarnation in 0..40 {
        let mut node = TestNode::with_incarnation(topology(nodes.into(), LEASE), 0, incarnation);
        node.round_trip = round_trip;
        (1..nodes).for_each(|peer| drop(node.connect(peer)));
        node.until(LEASE - 1);
        node.now = LEASE;
        let generation = generation(3);
        node.request_lease(2, generation);
        node.until(LEASE + HEARTBEAT);
        node.receive(
            2,
            Message::Release {
                ball: BALL,
                generation,
            },
        );
        next_candidacy(&mut node);
        waits.push(node.now - LEASE - HEARTBEAT);
    }
    waits.sort_unstable();
    waits
}

#[test]
fn after_a_release_those_who_wait_start_elections_one_after_the_other() {
    // Spread over a quarter of a lease, or over two round trips for each voter, or over two leases.
    for (nodes, round_trip, span) in [
        (3, 1_000, LEASE / 4),
        (5, LEASE / 20, 10 * (LEASE / 20)),
        (9, LEASE / 8, 2 * LEASE),
    ] {
        let waits = waits_after_release(nodes, round_trip);
        let (first, last) = (waits[0], waits[waits.len() - 1]);
        assert!(first < span / 4, "{first} of {span}");
        assert!(
            (span * 7 / 8..=span + 1_000).contains(&last),
            "{last} of {span}"
        );
    }
}
