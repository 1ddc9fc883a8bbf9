//! Rule 11: from any memory, a node is back within the bounds of a correct run a lease later.

use carom::ring::{Input, Message, Output};

use crate::fixture::{HEARTBEAT, LEASE, TestNode, candidacy, generation, sent_to};

/// How many memories are drawn.
const SEEDS: u64 = 100;

/// A node that has just lost its memory for one that this seed stands for, and has handled one input since.
fn corrupt(seed: u64) -> TestNode {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    let later = node.now + 3 * LEASE;
    node.until(later);
    node.core.corrupt(&mut fastrand::Rng::with_seed(seed));
    node.handle(Input::Tick);
    node
}

#[test]
fn a_voter_with_any_memory_grants_a_lease_later() {
    for seed in 0..SEEDS {
        let mut node = corrupt(seed);
        // A clock that is ahead is held for a heartbeat interval at most.
        node.now += LEASE + HEARTBEAT;
        let out = node.request_lease(1, generation(1_000));
        let granted = |line: &Message| matches!(line, Message::Granted { .. });
        assert!(sent_to(&out, 1).iter().any(granted), "seed {seed}: {out:?}");
    }
}

#[test]
fn a_node_with_any_memory_sends_a_heartbeat_within_two_intervals() {
    for seed in 0..SEEDS {
        let mut node = corrupt(seed);
        node.now += 2 * HEARTBEAT;
        let out = node.handle(Input::Tick);
        let heartbeat = |output: &Output| {
            matches!(
                output,
                Output::Send {
                    message: Message::Heartbeat { .. },
                    ..
                }
            )
        };
        assert!(out.iter().any(heartbeat), "seed {seed}: {out:?}");
    }
}

#[test]
fn a_node_with_any_memory_soon_sees_that_its_peers_are_silent() {
    for seed in 0..SEEDS {
        let mut node = corrupt(seed);
        (1..3).for_each(|peer| node.stop_heartbeats(peer));
        node.now += LEASE + HEARTBEAT;
        node.handle(Input::Tick);
        assert!(!node.core.view().has_quorum, "seed {seed}");
    }
}

#[test]
fn a_node_with_any_memory_and_no_grant_has_no_ball_a_lease_later() {
    for seed in 0..SEEDS {
        let mut node = corrupt(seed);
        let later = node.now + LEASE + HEARTBEAT;
        node.until(later);
        assert!(!node.has_ball(), "seed {seed}");
    }
}

#[test]
fn a_node_with_any_memory_that_has_no_ball_soon_stands_for_election() {
    let mut latest = 0;
    for seed in 0..SEEDS {
        let mut node = corrupt(seed);
        let began = node.now;
        let holds = |node: &TestNode| node.core.ball_views().any(|view| view.frozen || view.here);
        while !holds(&node) && node.now < began + 10 * LEASE {
            if candidacy(&node.until(node.now + HEARTBEAT / 20)).is_some() {
                break;
            }
        }
        latest = latest.max(node.now - began);
    }
    // At most 1.33 leases of back-off, in a ring of three, after a quarter for a clock that is held.
    assert!(latest <= LEASE * 7 / 4, "{latest} us");
}
