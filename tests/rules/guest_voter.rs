//! Rule 10: what a node answers about a guest that it knows, and what a tombstone does at the guest's holder.

use carom::ring::message::{Denial, LeaseRequest};
use carom::ring::{BallId, Generation, Input, Message, Notification, Output};

use crate::fixture::{LEASE, TestNode, generation, notifications, sent_to};
use crate::granting_peers::{holder, run_granting};
use crate::guest::{GUEST, add_guest, guest_state, guests, is_granted, renewal, send_request};

/// A node that knows a guest at another node, at the moment at which the guest's lease has run out.
fn with_a_guest_elsewhere() -> TestNode {
    let mut node = holder(LEASE * 1000);
    assert!(is_granted(
        &send_request(&mut node, 1, renewal(generation(4), 6)),
        1
    ));
    let later = node.now + LEASE / 4;
    run_granting(&mut node, later);
    let again = send_request(&mut node, 1, renewal(generation(4), 6));
    assert!(is_granted(&again, 1), "{again:?}");
    let runs_until = node.now + LEASE;
    run_granting(&mut node, runs_until - 1);
    node.now = runs_until;
    node
}

#[test]
fn nobody_else_gets_the_number_of_a_guest_that_is_known_though_its_lease_has_run_out() {
    let mut node = with_a_guest_elsewhere();
    let fresh = LeaseRequest::of_candidate(GUEST, generation(9));
    let out = send_request(&mut node, 2, fresh);
    // The node may ask for the guest itself at the same moment.
    let granted = |line: &Message| matches!(line, Message::Granted { .. });
    assert!(!sent_to(&out, 2).iter().any(granted), "{out:?}");
}

/// The numbers for which the node asks on behalf of a new guest.
fn numbers_asked_for(out: &[Output]) -> Vec<BallId> {
    let requests = sent_to(out, 1).into_iter().filter_map(|line| match line {
        Message::Acquire { balls, .. } => Some(balls),
        _ => None,
    });
    let new = requests
        .flatten()
        .filter(|request| request.after.is_none() && request.hop.is_none());
    new.map(|request| request.ball).collect()
}

#[test]
fn a_new_guest_takes_another_number_than_one_for_which_the_vote_is_given_away() {
    let mut node = holder(LEASE * 1000);
    let fresh = LeaseRequest::of_candidate(GUEST, generation(9));
    assert!(is_granted(&send_request(&mut node, 2, fresh), 2));
    let out = node.handle(Input::AddGuest(guest_state()));
    assert_eq!(numbers_asked_for(&out), [BallId(3)], "{out:?}");
}

#[test]
fn a_new_guest_takes_another_number_than_that_of_a_guest_that_is_known() {
    let mut node = with_a_guest_elsewhere();
    let out = node.handle(Input::AddGuest(guest_state()));
    assert_eq!(numbers_asked_for(&out), [BallId(3)], "{out:?}");
}

fn tell_tombstone(node: &mut TestNode, tombstone: Generation) -> Vec<Output> {
    let denial = Denial {
        ball: GUEST,
        lease_generation: None,
        lease_left: 0,
        newest: None,
        gone: Some(tombstone),
        granted: None,
    };
    let balls = vec![denial];
    node.receive(2, Message::Denied { seq: 0, balls })
}

#[test]
fn a_tombstone_ends_a_guest_only_where_its_lease_has_run_out_and_never_a_later_one() {
    let mut node = holder(LEASE * 1000);
    add_guest(&mut node);
    let view = node.core.ball_views().find(|view| view.ball == GUEST);
    let generation = view.unwrap().stamp.unwrap().generation;
    let earlier = Generation {
        round: generation.round - 1,
        ..generation
    };
    // The lease that it was granted counts for more.
    assert_eq!(notifications(&tell_tombstone(&mut node, generation)), []);
    assert_eq!(guests(&node), [(GUEST, true)]);
    let later = node.now + 2 * LEASE;
    node.until(later);
    assert_eq!(guests(&node), [(GUEST, false)], "frozen");
    assert_eq!(notifications(&tell_tombstone(&mut node, earlier)), []);
    assert_eq!(guests(&node), [(GUEST, false)]);
    let stepped_down = Notification::SteppedDown {
        ball: GUEST,
        generation,
    };
    let out = tell_tombstone(&mut node, generation);
    assert_eq!(notifications(&out), [stepped_down]);
    assert_eq!(guests(&node), []);
}
