//! Rules 4 and 5: a pass carries its lease, and a passed hop is never held again.

use carom::ring::{Message, NodeId, Notification, Output, Shape};

use crate::fixture::{
    BALL, HEARTBEAT, HOLDER_LEASE, LEASE, TestNode, acknowledges, candidacy, generation, led_off,
    led_on, notifications, passed_to, record, renewed, state, topology,
};

/// Time from edge to edge.
const CROSSING: u64 = 150_000;

fn acknowledge(node: &mut TestNode, hop: u64) -> Vec<Output> {
    let stamp = node.stamp().unwrap();
    node.receive(
        1,
        Message::PassAck {
            ball: BALL,
            generation: stamp.generation,
            hop,
        },
    )
}

#[test]
fn the_led_goes_off_and_then_the_pass_carries_the_rest_of_the_lease() {
    let mut node = TestNode::holder(3, CROSSING);
    assert_eq!(passed_to(&node.until(LEASE + CROSSING - 1)), None);
    let out = node.until(LEASE + CROSSING);
    let (to, pass) = passed_to(&out).unwrap();
    let off = out
        .iter()
        .position(|output| matches!(output, Output::LedOff(_)));
    let send = |output: &Output| {
        matches!(
            output,
            Output::Send {
                message: Message::Pass(_),
                ..
            }
        )
    };
    assert!(off < out.iter().position(send), "{out:?}");
    assert_eq!(to, 1);
    assert_eq!(pass.record.stamp.hop, 1);
    assert_eq!(pass.record.state.position, [800.0, 300.0]);
    assert_eq!(pass.left, HOLDER_LEASE - CROSSING);
    // The peer's last heartbeat, by its own clock: half a heartbeat before.
    let heard = (LEASE + CROSSING) / (HEARTBEAT / 2) * (HEARTBEAT / 2);
    assert_eq!(pass.echo, Some(heard + 1_000_000));
    assert_eq!(pass.since, LEASE + CROSSING - heard);
    assert!(!node.has_ball());
}

#[test]
fn a_pass_is_worth_its_echo_plus_what_was_left_less_one_percent() {
    let mut node = TestNode::connected(3, CROSSING);
    node.until(LEASE / 2);
    let echo = node.now - 30_000;
    let (left, since) = (300_000, 20_000);
    let slow = record(generation(1), 4);
    assert!(led_on(&node.pass_with(1, slow, left, Some(echo), since)));
    let end = echo + (left + since) - (left + since) / 100;
    assert!(!led_off(&node.until(end - 1)));
    let out = node.until(end);
    assert_eq!(notifications(&out), [Notification::Frozen { ball: BALL }]);
}

#[test]
fn a_ball_that_has_come_is_renewed_when_half_a_lease_is_left() {
    let mut node = TestNode::connected(3, CROSSING);
    node.until(LEASE / 2);
    let arrived = node.now;
    let out = node.pass(1, generation(1), 4, LEASE * 6 / 10);
    assert_eq!(renewed(&out), None);
    // What was left counts for one percent less.
    let half_left = arrived + LEASE * 594 / 1_000 - LEASE / 2;
    assert_eq!(renewed(&node.until(half_left - 1)), None);
    assert!(renewed(&node.until(half_left)).is_some());
}

#[test]
fn no_pass_is_worth_more_than_a_lease_from_now() {
    let mut node = TestNode::connected(3, CROSSING);
    node.until(LEASE / 2);
    assert!(led_on(&node.pass(1, generation(1), 4, 100 * LEASE)));
    assert!(!led_off(&node.until(LEASE / 2 + HOLDER_LEASE - 1)));
    assert!(led_off(&node.until(LEASE / 2 + HOLDER_LEASE)));
}

#[test]
fn a_pass_without_an_echo_or_without_lease_is_accepted_and_arrives_frozen() {
    for (echo, left) in [(None, LEASE), (Some(LEASE / 2 + 1), LEASE), (Some(0), 10)] {
        let mut node = TestNode::connected(3, CROSSING);
        node.until(LEASE / 2);
        let out = node.pass_with(1, record(generation(1), 4), left, echo, 0);
        assert!(!led_on(&out) && acknowledges(&out, 1, 4), "{echo:?}");
        assert!(node.core.ball_views().next().unwrap().frozen);
        let (seq, request) = renewed(&out).unwrap();
        assert_eq!(request.hop, Some(4), "it requests its lease at once");
        assert!(led_on(&node.grant(1, seq, None)) || led_on(&node.grant(2, seq, None)));
    }
}

#[test]
fn the_ball_enters_at_the_edge() {
    let mut node = TestNode::connected(3, CROSSING);
    node.until(LEASE / 2);
    node.pass(1, generation(1), 4, LEASE);
    let view = node.core.ball_views().next().unwrap();
    assert_eq!(view.state.unwrap().position, [0.0, 123.0]);
}

#[test]
fn a_pass_that_brings_nothing_new_is_acknowledged_and_no_more() {
    let mut node = TestNode::connected(3, CROSSING);
    node.until(LEASE / 2);
    node.renewal(2, generation(2), 10);
    for stamp in [(2, 10), (2, 9), (1, 99)] {
        let out = node.pass(1, generation(stamp.0), stamp.1, LEASE);
        assert!(acknowledges(&out, 1, stamp.1), "{out:?}");
        assert!(!led_on(&out) && !node.has_ball());
    }
    assert_eq!(node.core.view().counters.refused_passes, 3);
    assert!(led_on(&node.pass(1, generation(2), 11, LEASE)));
    assert_eq!(node.core.view().counters.hops, 1);
}

#[test]
fn a_candidate_for_a_higher_generation_ignores_a_pass_and_any_other_candidate_accepts_it() {
    let electing = || {
        let mut node = TestNode::connected(3, 1000 * LEASE);
        let round = candidacy(&node.until(LEASE)).unwrap().1.generation.round;
        assert_eq!(round, 1);
        node
    };
    let mut node = electing();
    let out = node.pass(1, generation(0), 4, LEASE);
    assert!(!led_on(&out) && !acknowledges(&out, 1, 4), "{out:?}");
    assert_eq!(node.core.view().counters.refused_passes, 1);
    let mut node = electing();
    let out = node.pass(1, generation(2), 4, LEASE);
    assert!(led_on(&out) && acknowledges(&out, 1, 4), "{out:?}");
    let release = Message::Release {
        ball: BALL,
        generation: generation(0),
    };
    let is_release =
        |line: &Message| std::mem::discriminant(line) == std::mem::discriminant(&release);
    assert!(
        crate::fixture::sent_to(&out, 2).iter().any(is_release),
        "{out:?}"
    );
}

#[test]
fn what_was_passed_is_never_held_again() {
    let mut node = TestNode::holder(3, CROSSING);
    let (seq, _) = renewed(&node.until(LEASE + CROSSING / 2)).unwrap_or((2, request()));
    passed_to(&node.until(LEASE + CROSSING)).unwrap();
    assert!(!led_on(&node.grant(1, seq, None)), "a late grant");
    assert!(!led_on(&node.grant(2, seq, None)));
    let stamp = node.stamp().unwrap();
    let out = node.pass(2, stamp.generation, stamp.hop, LEASE);
    assert!(!led_on(&out), "nor by a pass of the same hop");
}

fn request() -> carom::ring::message::LeaseRequest {
    carom::ring::message::LeaseRequest::of_candidate(BALL, generation(1))
}

#[test]
fn an_acknowledgement_ends_the_resending_and_one_of_another_hop_does_not() {
    let mut node = TestNode::holder(3, CROSSING);
    node.until(LEASE + CROSSING);
    acknowledge(&mut node, 2);
    let again = node.connect(1);
    assert!(passed_to(&again).is_some(), "not acknowledged: sent again");
    acknowledge(&mut node, 1);
    assert!(passed_to(&node.connect(1)).is_none());
}

#[test]
fn an_unacknowledged_pass_is_sent_again_to_the_same_incarnation_only() {
    let mut node = TestNode::holder(3, CROSSING);
    let (_, first) = passed_to(&node.until(LEASE + CROSSING)).unwrap();
    node.disconnect(1);
    node.until(LEASE + CROSSING + 40_000);
    assert!(passed_to(&node.connect(2)).is_none(), "not to another");
    let (to, again) = passed_to(&node.connect(1)).unwrap();
    assert_eq!((to, again.record), (1, first.record));
    assert_eq!(again.left, first.left - 40_000);
    node.disconnect(1);
    let out = node.connect_incarnation(1, 999);
    assert!(passed_to(&out).is_none(), "{out:?}");
    let to = NodeId(1);
    assert_eq!(
        notifications(&out),
        [Notification::PassUnacknowledged { ball: BALL, to }]
    );
}

#[test]
fn an_unacknowledged_pass_is_dropped_at_the_deadline_and_never_renewed() {
    let mut node = TestNode::holder(3, CROSSING);
    assert!(passed_to(&node.until(LEASE + CROSSING)).is_some());
    let out = node.until(LEASE + HOLDER_LEASE - 1);
    assert_eq!((renewed(&out), notifications(&out)), (None, vec![]));
    let out = node.until(LEASE + HOLDER_LEASE);
    let to = NodeId(1);
    assert_eq!(
        notifications(&out),
        [Notification::PassUnacknowledged { ball: BALL, to }]
    );
}

#[test]
fn a_ball_with_less_than_half_a_lease_waits_at_its_edge_for_one_renewal() {
    let late = LEASE / 2 + 50_000;
    let mut node = TestNode::holder(3, late);
    assert_eq!(passed_to(&node.until(LEASE + late + 1_000)), None);
    let (seq, _) = renewed(&node.until(LEASE + 3 * HEARTBEAT)).unwrap();
    let out = node.grant(1, seq, None);
    let (_, pass) = passed_to(&out).unwrap();
    assert_eq!(pass.left, HOLDER_LEASE);
    // Half a lease exactly is enough.
    let half = HOLDER_LEASE - LEASE / 2;
    let mut node = TestNode::holder(3, half);
    assert!(passed_to(&node.until(LEASE + half)).is_some());
    let mut node = TestNode::holder(3, half + 1);
    assert_eq!(passed_to(&node.until(LEASE + half + 1)), None);
}

#[test]
fn silent_disconnected_and_leaving_nodes_are_skipped() {
    let mut node = TestNode::holder(5, CROSSING);
    node.disconnect(1);
    node.receive(2, Message::Leaving);
    let (to, _) = passed_to(&node.until(LEASE + CROSSING)).unwrap();
    assert_eq!(to, 3);
    // Three heartbeats of silence, and not one microsecond less.
    for (silent, next) in [(3 * HEARTBEAT, 1), (3 * HEARTBEAT + 1, 2)] {
        let mut node = TestNode::connected(3, CROSSING);
        node.until(LEASE / 2);
        node.stop_heartbeats(1);
        let heard = node.now;
        let mut fast = record(generation(1), 4);
        fast.state.velocity = state(silent - 1_000).velocity;
        node.until(heard + 1_000);
        assert!(led_on(&node.pass_with(2, fast, LEASE, Some(node.now), 0)));
        let (to, _) = until_passed(&mut node, heard + silent);
        assert_eq!(to, next, "{silent}");
    }
}

/// Grants every renewal until the ball is passed; the receiver and what is left of the lease.
fn until_passed(node: &mut TestNode, at: u64) -> (u16, u64) {
    loop {
        let moment = (node.now / HEARTBEAT + 1) * HEARTBEAT;
        let out = node.until(moment.min(at));
        if let Some((to, pass)) = passed_to(&out) {
            return (to, pass.left);
        }
        assert!(node.now < at, "no pass by {at}");
        if let Some((seq, _)) = renewed(&out) {
            node.grant(2, seq, None);
        }
    }
}

#[test]
fn where_nobody_takes_it_the_ball_bounces() {
    let mut file = topology(3, CROSSING);
    file.shape = Shape::Row;
    let mut node = TestNode::with_id(file, 2);
    drop(node.connect(0));
    drop(node.connect(1));
    node.until(LEASE / 2);
    let mut fast = record(generation(1), 4);
    fast.state.velocity = state(CROSSING).velocity;
    assert!(led_on(&node.pass_with(1, fast, LEASE, Some(node.now), 0)));
    let begun = node.now;
    let out = node.until(begun + CROSSING);
    assert!(passed_to(&out).is_none() && !led_off(&out));
    let view = node.core.ball_views().next().unwrap();
    assert!(view.here && view.state.unwrap().velocity[0] < 0.0);
    let (to, _) = passed_to(&node.until(begun + 2 * CROSSING)).unwrap();
    assert_eq!(to, 1);
}

#[test]
fn a_ball_that_is_passed_on_at_once_is_acknowledged_with_the_next_heartbeat() {
    let mut node = TestNode::connected(3, CROSSING);
    node.until(LEASE / 2 + 10_000);
    let mut bolt = record(generation(1), 4);
    bolt.state.velocity = [1e12, 0.0];
    let out = node.pass_with(2, bolt, LEASE, Some(node.now), 0);
    assert_eq!(passed_to(&out).unwrap().0, 1);
    assert!(!acknowledges(&out, 2, 4), "{out:?}");
    assert!(!acknowledges(&node.until(LEASE / 2 + HEARTBEAT - 1), 2, 4));
    assert!(acknowledges(&node.until(LEASE / 2 + HEARTBEAT), 2, 4));
    assert!(
        !acknowledges(&node.until(LEASE / 2 + 2 * HEARTBEAT), 2, 4),
        "once"
    );
}
