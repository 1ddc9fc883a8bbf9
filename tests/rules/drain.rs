//! Rule 8: a planned stop passes every ball on, waits for passes that may be under way, and ends.

use carom::ring::{Input, Message, Output};

use crate::fixture::{
    BALL, HOLDER_LEASE, LEASE, TestNode, acknowledges, candidacy, generation, led_off, led_on,
    passed_to, renewed, sent_to, topology,
};

fn drained(out: &[Output]) -> bool {
    out.contains(&Output::Drained)
}

fn acknowledge(node: &mut TestNode, from: u16) -> Vec<Output> {
    let stamp = node.stamp().unwrap();
    node.receive(
        from,
        Message::PassAck {
            ball: BALL,
            generation: stamp.generation,
            hop: stamp.hop,
        },
    )
}

#[test]
fn a_holder_passes_at_once_and_leaves_when_all_have_answered() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    let out = node.handle(Input::Drain);
    assert!(sent_to(&out, 2).contains(&Message::Leaving));
    assert_eq!(passed_to(&out).unwrap().0, 1);
    assert!(led_off(&out) && !drained(&out));
    assert!(!drained(&node.receive(1, Message::LeaveAck)));
    assert!(
        !drained(&node.receive(2, Message::LeaveAck)),
        "the pass is not acknowledged yet"
    );
    assert!(drained(&acknowledge(&mut node, 1)));
    assert_eq!(node.core.next_deadline(), None);
    assert!(node.handle(Input::Tick).is_empty(), "it sends nothing more");
}

#[test]
fn a_pass_may_arrive_until_the_leave_is_acknowledged() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    node.until(LEASE / 2);
    node.handle(Input::Drain);
    assert!(!drained(&node.receive(2, Message::LeaveAck)));
    let out = node.pass(1, generation(1), 3, LEASE);
    assert!(led_on(&out) && acknowledges(&out, 1, 3), "{out:?}");
    assert_eq!(passed_to(&out).unwrap().0, 1, "and is passed on at once");
    assert!(!drained(&node.receive(1, Message::LeaveAck)));
    assert!(drained(&acknowledge(&mut node, 1)));
}

#[test]
fn a_disconnected_peer_need_not_acknowledge_the_leave() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    node.until(LEASE / 2);
    node.handle(Input::Drain);
    assert!(!drained(&node.receive(1, Message::LeaveAck)));
    assert!(drained(&node.disconnect(2)));
}

#[test]
fn after_a_lease_it_leaves_whatever_is_still_pending() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    node.handle(Input::Drain);
    let begun = node.now;
    assert!(!drained(&node.until(begun + LEASE - 1)));
    assert!(drained(&node.until(begun + LEASE)));
}

#[test]
fn it_does_not_wait_for_a_ball_that_nobody_can_take() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    node.receive(1, Message::Leaving);
    node.receive(2, Message::Leaving);
    let out = node.handle(Input::Drain);
    assert!(passed_to(&out).is_none() && !drained(&out));
    node.receive(1, Message::LeaveAck);
    let out = node.receive(2, Message::LeaveAck);
    assert!(drained(&out));
    assert!(led_off(&out), "its LED is off before it ends");
}

#[test]
fn it_waits_for_a_frozen_ball_that_may_be_renewed() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    assert!(led_off(&node.until(LEASE + HOLDER_LEASE)));
    let out = node.handle(Input::Drain);
    let begun = node.now;
    assert!(passed_to(&out).is_none(), "{out:?}");
    node.receive(1, Message::LeaveAck);
    assert!(!drained(&node.receive(2, Message::LeaveAck)));
    let (seq, _) = renewed(&node.until(begun + LEASE / 4)).unwrap();
    let out = node.grant(1, seq, None);
    assert_eq!(passed_to(&out).unwrap().0, 1, "{out:?}");
    assert!(drained(&acknowledge(&mut node, 1)));
}

#[test]
fn it_waits_for_a_frozen_ball_that_nobody_could_take_too() {
    let mut node = TestNode::holder(3, 1000 * LEASE);
    node.disconnect(1);
    node.disconnect(2);
    assert!(led_off(&node.until(LEASE + HOLDER_LEASE)));
    assert!(!drained(&node.handle(Input::Drain)));
    let begun = node.now;
    assert!(!drained(&node.until(begun + LEASE - 1)));
    assert!(drained(&node.until(begun + LEASE)));
}

#[test]
fn a_leaving_node_starts_no_election_and_cancels_its_own() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    assert!(candidacy(&node.until(LEASE)).is_some());
    let out = node.handle(Input::Drain);
    let release = |line: &Message| matches!(line, Message::Release { .. });
    assert!(sent_to(&out, 1).iter().any(release));
    assert_eq!(candidacy(&node.until(2 * LEASE - 1)), None);
}

#[test]
fn a_peer_that_connects_meanwhile_is_told_that_the_node_leaves() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    node.disconnect(2);
    node.handle(Input::Drain);
    assert!(sent_to(&node.connect(2), 2).contains(&Message::Leaving));
}

#[test]
fn a_leaving_peer_gets_an_acknowledgement_and_no_more_balls() {
    let mut node = TestNode::holder(3, 100_000);
    let out = node.receive(1, Message::Leaving);
    assert_eq!(sent_to(&out, 1), [Message::LeaveAck]);
    assert!(sent_to(&out, 2).is_empty());
    let (to, _) = passed_to(&node.until(LEASE + 100_000)).unwrap();
    assert_eq!(to, 2);
}

#[test]
fn alone_it_leaves_at_once() {
    let mut node = TestNode::new(topology(1, 1000 * LEASE));
    assert!(led_on(&node.until(LEASE)));
    let out = node.handle(Input::Drain);
    assert!(drained(&out) && led_off(&out), "{out:?}");
}

#[test]
fn a_second_request_to_leave_changes_nothing() {
    let mut node = TestNode::connected(3, 1000 * LEASE);
    node.until(LEASE / 2);
    node.handle(Input::Drain);
    let begun = node.now;
    node.until(begun + LEASE / 2);
    let out = node.handle(Input::Drain);
    assert!(sent_to(&out, 1).is_empty());
    assert!(drained(&node.until(begun + LEASE)));
}
