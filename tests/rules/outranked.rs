//! Rules 7 and 11: a holder lets go when a voter has a record above its stamp.

use carom::ring::message::Denial;
use carom::ring::{Input, Message, NodeId, Notification, Output, Record, Stamp, Time};

use crate::fixture::{
    Answer, BALL, HEARTBEAT, LEASE, TestNode, candidacy, generation, led_off, led_on,
    notifications, passed_to, record, renewed, sent_to,
};

/// A holder that possesses the ball, the number of its last renewal, and its stamp.
fn holder() -> (TestNode, u64, Stamp) {
    let mut node = TestNode::holder(5, 1000 * LEASE);
    let (seq, request) = renewed(&node.until(LEASE + HEARTBEAT)).unwrap();
    let stamp = request.record().unwrap().stamp;
    (node, seq, stamp)
}

fn steps_down(out: &[Output]) -> bool {
    let notes = notifications(out);
    led_off(out) && matches!(notes[..], [Notification::SteppedDown { ball: BALL, .. }])
}

#[test]
fn one_voter_that_knows_a_higher_generation_is_enough() {
    let higher = Some(record(generation(7), 3));
    let (mut node, seq, _) = holder();
    assert!(
        steps_down(&node.deny(2, seq, None, 0, higher)),
        "its deadline was ahead"
    );
    let (mut node, seq, _) = holder();
    assert!(
        steps_down(&node.deny(2, seq - 1, None, 0, higher)),
        "an answer to an earlier request says as much"
    );
    let (mut node, seq, _) = holder();
    assert!(
        steps_down(&node.grant(2, seq, higher)),
        "a peer may say so with a grant"
    );
    let (mut node, _, _) = holder();
    assert!(
        steps_down(&node.renewal(2, generation(7), 3)),
        "its own voter knows it now"
    );
}

#[test]
fn the_election_afterwards_goes_above_that_generation() {
    let (mut node, seq, _) = holder();
    node.deny(2, seq, None, 0, Some(record(generation(7), 3)));
    let (_, request) = candidacy(&node.until(4 * LEASE)).unwrap();
    assert_eq!(request.generation.round, 8);
}

#[test]
fn a_higher_hop_of_the_same_generation_outranks_a_holder_too() {
    let dropped = |stamp| [Notification::DoubleDropped { ball: BALL, stamp }];
    let (mut node, seq, stamp) = holder();
    let ahead = record(stamp.generation, stamp.hop + 1);
    let out = node.grant(2, seq, Some(ahead));
    assert!(led_off(&out));
    assert_eq!(notifications(&out), dropped(stamp));
    let (mut node, seq, stamp) = holder();
    assert_eq!(
        notifications(&node.deny(2, seq, None, 0, Some(ahead))),
        dropped(stamp)
    );
}

#[test]
fn a_record_that_is_not_above_the_holders_changes_nothing() {
    let (mut node, seq, stamp) = holder();
    for known in [
        record(stamp.generation, stamp.hop),
        record(generation(0), 99),
    ] {
        let out = node.grant(2, seq, Some(known));
        assert!(!led_off(&out) && node.has_ball());
        let out = node.deny(3, seq, None, 0, Some(known));
        assert!(!led_off(&out) && node.has_ball());
    }
}

/// A voter of which the next record is known: the ball that this node has just passed on.
fn answer(seq: u64, newest: Record) -> [Message; 2] {
    let granted = carom::ring::message::Grant {
        ball: BALL,
        newest: Some(newest),
    };
    let denied = Denial {
        ball: BALL,
        lease_generation: None,
        lease_left: 0,
        newest: Some(newest),
        gone: None,
        granted: None,
    };
    let (grants, denials) = (vec![granted], vec![denied]);
    [
        Message::Granted { seq, balls: grants },
        Message::Denied {
            seq,
            balls: denials,
        },
    ]
}

#[test]
fn a_late_answer_to_the_node_that_has_just_passed_the_ball_on_costs_nothing() {
    for turn in 0..2 {
        let mut node = TestNode::holder(5, LEASE * 3 / 8);
        let out = node.until(2 * LEASE);
        let (to, pass) = passed_to(&out).unwrap();
        let (seq, _) = renewed(&out).unwrap();
        let late = &answer(seq, pass.record)[turn];
        // The voter has the receiver's record already when the sender's renewal arrives.
        let out = node.receive(2, late.clone());
        assert_eq!(notifications(&out), []);
        assert_eq!(sent_to(&out, to), []);
        // The ball comes back before the answer of another voter does.
        let stamp = pass.record.stamp;
        let out = node.pass(4, stamp.generation, stamp.hop + 4, LEASE);
        assert!(led_on(&out));
        let out = node.receive(3, late.clone());
        assert!(!led_off(&out) && node.has_ball(), "{out:?}");
    }
}

#[test]
fn a_late_renewal_of_the_sender_costs_the_receiver_nothing() {
    let mut node = TestNode::connected(5, 1000 * LEASE);
    node.until(LEASE / 2);
    let out = node.pass(1, generation(3), 5, LEASE);
    assert!(led_on(&out));
    let out = node.renewal(1, generation(3), 4);
    assert!(!led_off(&out) && node.has_ball());
    assert_eq!(notifications(&out), []);
    let record = Answer::of(&out, 1).denial().newest.unwrap();
    assert_eq!(record.stamp.hop, 5);
}

#[test]
fn a_clock_that_is_far_ahead_is_wrong_memory() {
    let told = |back: u64| {
        let mut node = TestNode::connected(3, LEASE);
        let ahead = 10 * LEASE;
        node.core.handle(Time::from_micros(ahead), Input::Tick);
        let (peer, incarnation) = (NodeId(1), carom::ring::Incarnation(9));
        let now = Time::from_micros(ahead - back);
        let out = node.core.handle(now, Input::LinkUp { peer, incarnation });
        let at = out.iter().find_map(|output| match output {
            Output::Send {
                message: Message::Heartbeat { at, .. },
                ..
            } => Some(*at),
            _ => None,
        });
        ahead - at.unwrap()
    };
    assert_eq!(told(HEARTBEAT), 0, "it is held");
    assert_eq!(told(HEARTBEAT + 1), HEARTBEAT + 1, "it is set right");
}
