//! What a node says of itself and of the others, for `/status` and the page.

use carom::ring::view::Health::{self, Down, Unknown, Up};

use crate::fixture::{LEASE, TestNode, generation, topology};

fn health(node: &TestNode) -> Vec<Health> {
    let nodes = node.core.view().nodes;
    nodes.into_iter().map(|node| node.health).collect()
}

#[test]
fn a_node_that_has_just_started_does_not_vote_and_calls_nobody_down_that_it_has_not_met() {
    let mut node = TestNode::new(topology(3, 1000 * LEASE));
    assert_eq!(health(&node), [Up, Unknown, Unknown]);
    drop(node.connect(1));
    node.until(LEASE - 1);
    assert!(!node.core.view().is_past_quarantine);
    assert_eq!(health(&node), [Up, Up, Unknown]);
    node.until(LEASE);
    assert!(node.core.view().is_past_quarantine);
    assert_eq!(health(&node), [Up, Up, Down]);
}

#[test]
fn a_silent_peer_is_down_where_a_majority_is_heard_and_unknown_where_none_is() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    node.stop_heartbeats(2);
    let later = node.now + LEASE;
    node.until(later);
    assert_eq!(health(&node), [Up, Up, Down]);
    assert!(node.core.view().has_quorum);
    node.stop_heartbeats(1);
    let later = node.now + LEASE;
    node.until(later);
    assert_eq!(health(&node), [Up, Unknown, Unknown]);
    assert!(!node.core.view().has_quorum);
}

#[test]
fn a_peer_that_was_met_is_down_even_in_the_quarantine() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    node.disconnect(2);
    node.until(LEASE - 1);
    assert_eq!(health(&node), [Up, Up, Down]);
}

#[test]
fn a_ball_elsewhere_is_shown_where_a_holder_last_reported_it_and_how_long_ago() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    node.until(LEASE / 2);
    node.renewal(1, generation(1), 4);
    let later = node.now + LEASE / 4;
    node.until(later);
    let view = node.core.ball_views().next().unwrap();
    assert_eq!(view.holder.map(|holder| holder.0), Some(1));
    assert!(!view.here && !view.frozen);
    assert_eq!(view.stamp.map(|stamp| stamp.hop), Some(4));
    assert_eq!(view.age.as_micros(), u128::from(LEASE / 4));
}
