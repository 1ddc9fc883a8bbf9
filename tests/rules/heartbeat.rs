//! Heartbeats: to every connected peer, four times a lease, with what the peer needs to compare clocks.

use carom::ring::{Incarnation, Message, NodeId, Output, Time};

use crate::fixture::{HEARTBEAT, LEASE, TestNode, topology};

/// The heartbeats among these: recipient, at, echo, since.
fn heartbeats(out: &[Output]) -> Vec<(u16, u64, Option<u64>, u64)> {
    let heartbeat = |output: &Output| match output {
        Output::Send {
            to,
            message: Message::Heartbeat {
                at, echo, since, ..
            },
        } => Some((to.0, *at, *echo, *since)),
        _ => None,
    };
    out.iter().filter_map(heartbeat).collect()
}

#[test]
fn a_heartbeat_carries_the_local_time_and_the_peers_latest_time() {
    let mut node = TestNode::connected(3, LEASE);
    assert_eq!(heartbeats(&node.until(HEARTBEAT - 1)), []);
    // The first peer's heartbeat has just arrived, the other's half a heartbeat before.
    let expected = |to, ago| (to, HEARTBEAT, Some(HEARTBEAT - ago + 1_000_000), ago);
    let first = heartbeats(&node.until(HEARTBEAT));
    assert_eq!(first, [expected(1, 0), expected(2, HEARTBEAT / 2)]);
    node.disconnect(1);
    let second = heartbeats(&node.until(2 * HEARTBEAT));
    assert_eq!(
        second
            .iter()
            .map(|heartbeat| heartbeat.0)
            .collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn a_new_connection_gets_a_heartbeat_at_once() {
    let mut node = TestNode::new(topology(3, LEASE));
    node.until(50_000);
    assert_eq!(heartbeats(&node.connect(1)), [(1, 50_000, None, 0)]);
    assert_eq!(
        node.core.recipient(NodeId(1)),
        Some(Incarnation(101)),
        "what is sent is for this incarnation"
    );
    assert_eq!(node.core.recipient(NodeId(2)), None);
}

#[test]
fn alone_and_without_a_ball_it_wakes_once_in_two_leases() {
    let mut file = topology(1, LEASE);
    file.balls.clear();
    let due = |file| {
        let due = TestNode::new(file).core.next_deadline();
        due.map(Time::as_micros)
    };
    assert_eq!(due(file.clone()), Some(LEASE * 2));
    file.nodes.push("pi2".to_owned());
    assert_eq!(due(file), Some(HEARTBEAT));
}
