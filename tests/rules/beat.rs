//! Heartbeats: to everyone who is connected, four times a lease, with what is needed to reckon.

use carom::ring::{Incarnation, Message, NodeId, Output};

use crate::solo::{BEAT, LEASE, Solo, topology};

/// The heartbeats among these: to whom, and what they say.
fn beats(out: &[Output]) -> Vec<(u8, u64, Option<u64>, u64)> {
    let beat = |output: &Output| match output {
        Output::Send {
            to,
            message: Message::Heartbeat { at, echo, since },
        } => Some((to.0, *at, *echo, *since)),
        _ => None,
    };
    out.iter().filter_map(beat).collect()
}

#[test]
fn a_heartbeat_tells_the_time_here_and_the_latest_that_was_heard_there() {
    let mut solo = Solo::among(3, LEASE);
    assert_eq!(beats(&solo.until(BEAT - 1)), []);
    // The first one's came in this very moment, the other's half a heartbeat before.
    let told = |to, ago| (to, BEAT, Some(BEAT - ago + 1_000_000), ago);
    let first = beats(&solo.until(BEAT));
    assert_eq!(first, [told(1, 0), told(2, BEAT / 2)]);
    solo.part(1);
    let second = beats(&solo.until(2 * BEAT));
    assert_eq!(second.iter().map(|beat| beat.0).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_new_connection_hears_from_us_at_once() {
    let mut solo = Solo::new(topology(3, LEASE));
    solo.until(50_000);
    assert_eq!(beats(&solo.meet(1)), [(1, 50_000, None, 0)]);
    assert_eq!(
        solo.node.recipient(NodeId(1)),
        Some(Incarnation(101)),
        "what is said is for this life"
    );
    assert_eq!(solo.node.recipient(NodeId(2)), None);
}

#[test]
fn alone_and_without_a_ball_there_is_nothing_to_wake_for() {
    let mut file = topology(1, LEASE);
    file.balls.clear();
    assert_eq!(Solo::new(file.clone()).node.next_deadline(), None);
    file.nodes.push("pi2".to_owned());
    assert!(Solo::new(file).node.next_deadline().is_some());
}
