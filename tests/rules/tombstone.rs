//! Tombstones: a guest that a majority has retired does not come back, and later guests are not hurt.

use carom::ring::message::{Denial, Grant, LeaseRequest};
use carom::ring::{GuestRejected, Input, Message, Output, Record, Stamp};

use crate::fixture::{LEASE, TestNode, generation, led_on, notifications, passed_to, sent_to};
use crate::granting_peers::{grant_all, holder, run_granting};
use crate::guest::{
    GUEST, guest_candidacy, guest_state, guests, is_granted, rejected, renewal, send_request,
};

fn requests(out: &[Output]) -> impl Iterator<Item = &LeaseRequest> {
    let request = |output| match output {
        &Output::Broadcast(Message::Acquire { ref balls, .. }) => balls.as_slice(),
        _ => &[],
    };
    out.iter().flat_map(request)
}

#[test]
fn a_guest_never_joins_under_a_retired_generation() {
    let mut node = holder(LEASE * 1000);
    let out = node.handle(Input::AddGuest(guest_state()));
    let seq = guest_candidacy(&out).unwrap();
    // This node has been restarted since the last guest of this identity left; one voter has not.
    let denial = Denial {
        ball: GUEST,
        lease_generation: None,
        lease_left: 0,
        newest: None,
        gone: Some(generation(40)),
        granted: None,
    };
    let balls = vec![denial];
    node.receive(1, Message::Denied { seq, balls });
    let (ball, newest) = (GUEST, None);
    let balls = vec![Grant { ball, newest }];
    let out = node.receive(2, Message::Granted { seq, balls });
    assert!(!led_on(&out), "{out:?}");
    // It is_candidate again, above what it has just heard of.
    assert!(!notifications(&out).contains(&rejected(GuestRejected::NoMajority)));
    let again = requests(&out).find(|request| request.ball == GUEST && request.hop.is_none());
    assert!(again.unwrap().generation > generation(40), "{out:?}");
    assert!(led_on(&grant_all(&mut node, out)));
    assert_eq!(guests(&node), [(GUEST, true)]);
}

/// Lets time pass, with every other request granted, until the node asks for the guest.
fn until_the_guest_is_missed(node: &mut TestNode) -> u64 {
    for _ in 0..1_000 {
        let next = node.now + LEASE / 64;
        let out = node.until(next);
        if let Some(seq) = guest_candidacy(&out) {
            return seq;
        }
        grant_all(node, out);
    }
    panic!("no election for the guest by {}", node.now);
}

#[test]
fn a_candidate_for_a_guest_that_leaves_meanwhile_does_not_bring_it_back() {
    let mut node = holder(LEASE * 1000);
    send_request(&mut node, 1, renewal(generation(4), 6));
    let seq = until_the_guest_is_missed(&mut node);
    let leave = LeaseRequest {
        leaves: true,
        ..renewal(generation(4), 6)
    };
    assert!(is_granted(&send_request(&mut node, 1, leave), 1));
    for peer in [1, 2] {
        let (ball, newest) = (GUEST, None);
        let (seq, balls) = (seq, vec![Grant { ball, newest }]);
        assert!(!led_on(
            &node.receive(peer, Message::Granted { seq, balls })
        ));
    }
    let later = node.now + 10 * LEASE;
    assert!(!led_on(&run_granting(&mut node, later)));
    assert_eq!(guests(&node), []);
}

#[test]
fn a_stale_copy_at_a_node_that_missed_the_leave_does_not_keep_a_new_guest_out() {
    let mut node = holder(LEASE * 1000);
    send_request(&mut node, 1, renewal(generation(4), 6));
    let leave = LeaseRequest {
        leaves: true,
        ..renewal(generation(4), 6)
    };
    send_request(&mut node, 1, leave);
    let out = node.handle(Input::AddGuest(guest_state()));
    let seq = guest_candidacy(&out).unwrap();
    let stamp = Stamp {
        generation: generation(4),
        hop: 6,
    };
    let denial = Denial {
        ball: GUEST,
        lease_generation: None,
        lease_left: 0,
        newest: Some(Record {
            stamp,
            state: guest_state(),
        }),
        gone: None,
        granted: None,
    };
    let balls = vec![denial];
    node.receive(2, Message::Denied { seq, balls });
    let (ball, newest) = (GUEST, None);
    let balls = vec![Grant { ball, newest }];
    assert!(led_on(&node.receive(1, Message::Granted { seq, balls })));
}

#[test]
fn a_tombstone_revokes_no_lease_of_another_generation() {
    for by_denial in [false, true] {
        let mut node = holder(LEASE * 1000);
        assert!(is_granted(
            &send_request(&mut node, 1, renewal(generation(4), 6)),
            1
        ));
        let granted = node.now;
        // That guest began where all had lost the tombstone of a higher generation.
        if by_denial {
            let denial = Denial {
                ball: GUEST,
                lease_generation: None,
                lease_left: 0,
                newest: None,
                gone: Some(generation(9)),
                granted: None,
            };
            let balls = vec![denial];
            node.receive(2, Message::Denied { seq: 1, balls });
        } else {
            let leave = LeaseRequest {
                leaves: true,
                ..renewal(generation(9), 7)
            };
            send_request(&mut node, 2, leave);
        }
        let fresh = LeaseRequest::of_candidate(GUEST, generation(10));
        run_granting(&mut node, granted + LEASE - 1);
        let out = send_request(&mut node, 2, fresh.clone());
        assert!(
            !is_granted(&out, 2),
            "the first may still hold its lease: {out:?}"
        );
        run_granting(&mut node, granted + LEASE);
        assert!(is_granted(&send_request(&mut node, 2, fresh), 2));
    }
}

#[test]
fn a_voter_forgets_a_guest_that_leaves_and_lets_nobody_bring_it_back() {
    let mut node = holder(LEASE * 1000);
    send_request(&mut node, 1, renewal(generation(4), 6));
    let leave = LeaseRequest {
        leaves: true,
        ..renewal(generation(4), 7)
    };
    assert!(is_granted(&send_request(&mut node, 1, leave), 1));
    assert_eq!(guests(&node), []);
    // A node that has not heard of it tries to recover the guest.
    let revival = LeaseRequest {
        after: Some(generation(4)),
        ..LeaseRequest::of_candidate(GUEST, generation(5))
    };
    let out = send_request(&mut node, 2, revival);
    let [Message::Denied { balls, .. }] = &sent_to(&out, 2)[..] else {
        panic!("{out:?}");
    };
    assert_eq!(balls[0].gone, Some(generation(4)));
    let late = send_request(&mut node, 2, renewal(generation(4), 9));
    assert!(!is_granted(&late, 2));
    assert_eq!(guests(&node), []);
    // But another guest may use the identity.
    let fresh = LeaseRequest::of_candidate(GUEST, generation(5));
    assert!(is_granted(&send_request(&mut node, 2, fresh), 2));
}

#[test]
fn a_candidate_for_a_retired_guest_is_told_and_cancels() {
    let mut node = holder(LEASE * 1000);
    send_request(&mut node, 1, renewal(generation(4), 6));
    let seq = until_the_guest_is_missed(&mut node);
    let denial = Denial {
        ball: GUEST,
        lease_generation: None,
        lease_left: 0,
        newest: None,
        gone: Some(generation(4)),
        granted: None,
    };
    let (seq, balls) = (seq, vec![denial]);
    let out = node.receive(1, Message::Denied { seq, balls });
    let releases = sent_to(&out, 1)
        .iter()
        .any(|line| matches!(line, Message::Release { .. }));
    assert!(releases, "{out:?}");
    assert_eq!(guests(&node), []);
    let later = node.now + 10 * LEASE;
    assert_eq!(passed_to(&run_granting(&mut node, later)), None);
    assert_eq!(guests(&node), []);
}
