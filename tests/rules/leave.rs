//! Rule 8: a planned stop hands every ball on, waits for all that may be on its way, and ends.

use carom::ring::{Input, Message, Output};

use crate::solo::{
    BALL, LEASE, Solo, WORTH, acknowledges, candidate, dark, generation, lit, passed_to, renewed,
    said, topology,
};

fn drained(out: &[Output]) -> bool {
    out.contains(&Output::Drained)
}

fn took(solo: &mut Solo, from: u8) -> Vec<Output> {
    let stamp = solo.stamp().unwrap();
    solo.hear(
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
    let mut solo = Solo::holder(3, 1000 * LEASE);
    let out = solo.feed(Input::Drain);
    assert!(said(&out, 2).contains(&Message::Leaving));
    assert_eq!(passed_to(&out).unwrap().0, 1);
    assert!(dark(&out) && !drained(&out));
    assert!(!drained(&solo.hear(1, Message::LeaveAck)));
    assert!(!drained(&solo.hear(2, Message::LeaveAck)), "not yet taken");
    assert!(drained(&took(&mut solo, 1)));
    assert_eq!(solo.node.next_deadline(), None);
    assert!(solo.feed(Input::Tick).is_empty(), "it says nothing more");
}

#[test]
fn a_pass_may_be_on_its_way_until_the_farewell() {
    let mut solo = Solo::among(3, 1000 * LEASE);
    solo.until(LEASE / 2);
    solo.feed(Input::Drain);
    assert!(!drained(&solo.hear(2, Message::LeaveAck)));
    let out = solo.pass(1, generation(1), 3, LEASE);
    assert!(lit(&out) && acknowledges(&out, 1, 3), "{out:?}");
    assert_eq!(passed_to(&out).unwrap().0, 1, "and goes on at once");
    assert!(!drained(&solo.hear(1, Message::LeaveAck)));
    assert!(drained(&took(&mut solo, 1)));
}

#[test]
fn whoever_is_gone_needs_not_say_farewell() {
    let mut solo = Solo::among(3, 1000 * LEASE);
    solo.until(LEASE / 2);
    solo.feed(Input::Drain);
    assert!(!drained(&solo.hear(1, Message::LeaveAck)));
    assert!(drained(&solo.part(2)));
}

#[test]
fn after_a_lease_it_leaves_whatever_is_left() {
    let mut solo = Solo::holder(3, 1000 * LEASE);
    solo.feed(Input::Drain);
    let begun = solo.now;
    assert!(!drained(&solo.until(begun + LEASE - 1)));
    assert!(drained(&solo.until(begun + LEASE)));
}

#[test]
fn a_ball_that_nobody_can_take_is_not_waited_for() {
    let mut solo = Solo::holder(3, 1000 * LEASE);
    solo.hear(1, Message::Leaving);
    solo.hear(2, Message::Leaving);
    let out = solo.feed(Input::Drain);
    assert!(passed_to(&out).is_none() && !drained(&out));
    solo.hear(1, Message::LeaveAck);
    let out = solo.hear(2, Message::LeaveAck);
    assert!(drained(&out));
    assert!(dark(&out), "its LED is off before it is gone");
}

#[test]
fn a_frozen_ball_may_still_thaw_and_is_waited_for() {
    let mut solo = Solo::holder(3, 1000 * LEASE);
    assert!(dark(&solo.until(LEASE + WORTH)));
    let out = solo.feed(Input::Drain);
    let begun = solo.now;
    assert!(passed_to(&out).is_none(), "{out:?}");
    solo.hear(1, Message::LeaveAck);
    assert!(!drained(&solo.hear(2, Message::LeaveAck)));
    let (seq, _) = renewed(&solo.until(begun + LEASE / 4)).unwrap();
    let out = solo.grant(1, seq, None);
    assert_eq!(passed_to(&out).unwrap().0, 1, "{out:?}");
    assert!(drained(&took(&mut solo, 1)));
}

#[test]
fn a_frozen_ball_that_nobody_could_take_is_waited_for_too() {
    let mut solo = Solo::holder(3, 1000 * LEASE);
    solo.part(1);
    solo.part(2);
    assert!(dark(&solo.until(LEASE + WORTH)));
    assert!(!drained(&solo.feed(Input::Drain)));
    let begun = solo.now;
    assert!(!drained(&solo.until(begun + LEASE - 1)));
    assert!(drained(&solo.until(begun + LEASE)));
}

#[test]
fn who_leaves_stands_for_nothing_and_gives_up_its_candidacy() {
    let mut solo = Solo::among(3, 1000 * LEASE);
    assert!(candidate(&solo.until(LEASE)).is_some());
    let out = solo.feed(Input::Drain);
    let release = |line: &Message| matches!(line, Message::Release { .. });
    assert!(said(&out, 1).iter().any(release));
    assert_eq!(candidate(&solo.until(2 * LEASE - 1)), None);
}

#[test]
fn whoever_comes_meanwhile_is_told() {
    let mut solo = Solo::among(3, 1000 * LEASE);
    solo.part(2);
    solo.feed(Input::Drain);
    assert!(said(&solo.meet(2), 2).contains(&Message::Leaving));
}

#[test]
fn a_leaving_peer_gets_a_farewell_and_no_more_balls() {
    let mut solo = Solo::holder(3, 100_000);
    let out = solo.hear(1, Message::Leaving);
    assert_eq!(said(&out, 1), [Message::LeaveAck]);
    assert!(said(&out, 2).is_empty());
    let (to, _) = passed_to(&solo.until(LEASE + 100_000)).unwrap();
    assert_eq!(to, 2);
}

#[test]
fn alone_it_leaves_at_once() {
    let mut solo = Solo::new(topology(1, 1000 * LEASE));
    assert!(lit(&solo.until(LEASE)));
    let out = solo.feed(Input::Drain);
    assert!(drained(&out) && dark(&out), "{out:?}");
}

#[test]
fn a_second_request_to_leave_changes_nothing() {
    let mut solo = Solo::among(3, 1000 * LEASE);
    solo.until(LEASE / 2);
    solo.feed(Input::Drain);
    let begun = solo.now;
    solo.until(begun + LEASE / 2);
    let out = solo.feed(Input::Drain);
    assert!(said(&out, 1).is_empty());
    assert!(drained(&solo.until(begun + LEASE)));
}
