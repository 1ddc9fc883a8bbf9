//! Voters: a quorum is counted of them alone, and a node that is none plays all the same.

use carom::ring::view::Health;
use carom::ring::{Generation, NodeId, Notification, Output, Topology, Voters};

use crate::fixture::{
    Answer, BALL, HOLDER_LEASE, LEASE, TestNode, candidacy, generation, led_on, next_candidacy,
    notifications, record, renewed, sent_to, topology,
};

/// So many nodes, of which these vote.
fn voting(nodes: usize, voters: &[u16], crossing: u64) -> Topology {
    Topology {
        voters: Voters::Nodes(voters.iter().copied().map(NodeId).collect()),
        ..topology(nodes, crossing)
    }
}

/// Node `me` of such a ring of five, connected to all others from time 0 on.
fn connected(me: u16, voters: &[u16]) -> TestNode {
    let mut node = TestNode::with_id(voting(5, voters, 1000 * LEASE), me);
    let others = (0..5).filter(|&peer| peer != me);
    others.for_each(|peer| drop(node.connect(peer)));
    node
}

#[test]
fn only_voters_answer_a_request() {
    for (voters, answers) in [(&[1, 2, 3][..], false), (&[1, 2, 4], true)] {
        let mut node = connected(4, voters);
        drop(node.until(LEASE));
        let out = node.request_lease(1, generation(9));
        assert_eq!(!sent_to(&out, 1).is_empty(), answers);
        let out = node.renewal(1, generation(9), 3);
        assert_eq!(!sent_to(&out, 1).is_empty(), answers);
        let known = record(generation(9), 3).stamp;
        assert_eq!(
            node.stamp(),
            Some(known),
            "every node notes where the ball is"
        );
    }
}

#[test]
fn a_node_that_is_no_voter_tells_what_outranks_a_request() {
    let mut node = connected(4, &[1, 2, 3]);
    drop(node.until(LEASE));
    drop(node.renewal(1, generation(9), 3));
    let denied = |out: Vec<Output>, to| {
        let denial = Answer::of(&out, to).denial();
        assert_eq!((denial.lease_generation, denial.lease_left), (None, 0));
        denial.newest.unwrap().stamp
    };
    let known = record(generation(9), 3).stamp;
    assert_eq!(denied(node.request_lease(2, generation(8)), 2), known);
    assert_eq!(denied(node.renewal(2, generation(8), 7), 2), known);
    assert_eq!(denied(node.renewal(2, generation(9), 2), 2), known);
    assert!(sent_to(&node.request_lease(2, generation(10)), 2).is_empty());
    assert!(sent_to(&node.renewal(2, generation(9), 4), 2).is_empty());
}

#[test]
fn a_candidate_counts_the_grants_of_voters_and_no_others() {
    // Whether the candidate votes, and which grants then make a quorum of three voters.
    for (voters, needed) in [([1, 2, 3], &[1, 2][..]), ([0, 1, 2], &[1])] {
        let mut node = connected(0, &voters);
        let seq = candidacy(&node.until(LEASE)).unwrap().0;
        assert!(!led_on(&node.grant(4, seq, None)), "{voters:?}");
        let (last, first) = needed.split_last().unwrap();
        for &voter in first {
            assert!(!led_on(&node.grant(voter, seq, None)), "{voters:?}");
        }
        drop(node.grant(*last, seq, None));
        // Not all voters have answered: the election ends an eighth of a lease after the request.
        assert!(led_on(&node.until(LEASE + LEASE / 8)), "{voters:?}");
    }
}

#[test]
fn a_candidate_waits_for_the_live_voters_and_nobody_else() {
    let mut node = connected(0, &[1, 2, 3]);
    let seq = candidacy(&node.until(LEASE)).unwrap().0;
    drop(node.deny(1, seq, Some(generation(1)), LEASE, None));
    drop(node.deny(2, seq, Some(generation(1)), LEASE, None));
    let out = node.deny(3, seq, Some(generation(1)), LEASE, None);
    let lost = |note: &Notification| matches!(note, Notification::ElectionLost { granted: 0, .. });
    assert!(notifications(&out).iter().any(lost), "{out:?}");
}

/// A candidate that was denied waits longer if it has a higher rival, and otherwise until quarantined voters may vote. A node
/// that is no voter says neither, unless it lies.
#[test]
fn what_a_node_that_is_no_voter_denies_delays_no_candidate() {
    let next = |lies: bool| {
        let mut node = connected(0, &[0, 1, 2]);
        let (seq, request) = candidacy(&node.until(LEASE)).unwrap();
        let nonce = |nonce| Generation {
            nonce,
            ..request.generation
        };
        if lies {
            node.deny(3, seq, Some(nonce(u64::MAX)), 1, None);
            node.deny(4, seq, None, LEASE, None);
        }
        for voter in [1, 2] {
            node.deny(voter, seq, Some(nonce(0)), 1, None);
        }
        next_candidacy(&mut node);
        node.now
    };
    assert_eq!(next(true), next(false));
}

#[test]
fn a_holder_that_is_no_voter_renews_at_a_quorum_of_voters() {
    for (granting, renews) in [(&[1, 4][..], false), (&[1, 3], true)] {
        let mut node = connected(0, &[1, 2, 3]);
        let seq = candidacy(&node.until(LEASE)).unwrap().0;
        let won: Vec<_> = [1, 2, 3]
            .map(|voter| led_on(&node.grant(voter, seq, None)))
            .into();
        assert_eq!(won, [false, false, true]);
        let seq = renewed(&node.until(LEASE + LEASE / 4)).unwrap().0;
        for &peer in granting {
            drop(node.grant(peer, seq, None));
        }
        drop(node.until(LEASE + HOLDER_LEASE));
        assert_eq!(node.has_ball(), renews, "{granting:?}");
    }
}

#[test]
fn a_frozen_copy_is_dropped_when_a_majority_of_the_voters_favours_another_generation() {
    let mut node = connected(0, &[0, 1, 2]);
    let seq = candidacy(&node.until(LEASE)).unwrap().0;
    drop(node.grant(1, seq, None));
    drop(node.grant(2, seq, None));
    let seq = renewed(&node.until(3 * LEASE)).unwrap().0;
    let rival = Some(generation(7));
    let dropped = |out: &[_]| {
        let is_drop = |note: &Notification| matches!(note, Notification::SteppedDown { ball, .. } if *ball == BALL);
        notifications(out).iter().any(is_drop)
    };
    for other in [3, 4] {
        assert!(!dropped(&node.deny(other, seq, rival, LEASE, None)));
    }
    assert!(!dropped(&node.deny(1, seq, rival, LEASE, None)));
    assert!(dropped(&node.deny(2, seq, rival, LEASE, None)));
}

#[test]
fn a_node_that_is_no_voter_does_not_stand_while_another_does() {
    let mut node = connected(4, &[1, 2, 3]);
    drop(node.until(LEASE));
    drop(node.request_lease(1, generation(1)));
    assert_eq!(candidacy(&node.until(2 * LEASE - 1)), None);
    assert!(candidacy(&node.until(3 * LEASE)).is_some());
    let mut unasked = connected(4, &[1, 2, 3]);
    assert!(candidacy(&unasked.until(2 * LEASE - 1)).is_some());
}

#[test]
fn no_election_without_a_quorum_of_voters_however_many_others_are_connected() {
    let mut node = TestNode::new(voting(7, &[4, 5, 6], 1000 * LEASE));
    (1..5).for_each(|peer| drop(node.connect(peer)));
    assert_eq!(candidacy(&node.until(3 * LEASE)), None);
    let view = node.core.view();
    assert!(!view.has_quorum);
    assert_eq!(view.nodes[6].health, Health::Unknown);
    drop(node.connect(5));
    assert_eq!(candidacy(&node.until(3 * LEASE + LEASE / 2 - 1)), None);
    assert!(candidacy(&node.until(3 * LEASE + LEASE / 2)).is_some());
    let view = node.core.view();
    assert!(view.has_quorum);
    assert_eq!(view.nodes[6].health, Health::Down);
}
