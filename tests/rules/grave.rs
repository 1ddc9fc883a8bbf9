//! Graves: what a majority has buried stays away, and takes nothing from those who live.

use carom::ring::message::{Denial, Grant, LeaseRequest};
use carom::ring::{GuestRejected, Input, Message, Output, Record, Stamp};

use crate::guest::{FIRST, acquire, candidacy, guests, is_granted, newcomer, renewal, turned_away};
use crate::kind::{agree, holder, play};
use crate::solo::{LEASE, generation, lit, notes, passed_to, said};

fn claims(out: &[Output]) -> impl Iterator<Item = &LeaseRequest> {
    let request = |output| match output {
        &Output::Broadcast(Message::Acquire { ref balls, .. }) => balls.as_slice(),
        _ => &[],
    };
    out.iter().flat_map(request)
}

#[test]
fn a_guest_never_shines_under_a_generation_that_has_left() {
    let mut solo = holder(LEASE * 1000);
    let out = solo.feed(Input::AddGuest(newcomer()));
    let seq = candidacy(&out).unwrap();
    // This node has been restarted since the last guest of this identity left; one voter has not.
    let denial = Denial {
        ball: FIRST,
        lease_generation: None,
        lease_left: 0,
        newest: None,
        gone: Some(generation(40)),
        granted: None,
    };
    let balls = vec![denial];
    solo.hear(1, Message::Denied { seq, balls });
    let (ball, newest) = (FIRST, None);
    let balls = vec![Grant { ball, newest }];
    let out = solo.hear(2, Message::Granted { seq, balls });
    assert!(!lit(&out), "{out:?}");
    // It stands again, above what it has just heard of.
    assert!(!notes(&out).contains(&turned_away(GuestRejected::NoMajority)));
    let again = claims(&out).find(|claim| claim.ball == FIRST && claim.hop.is_none());
    assert!(again.unwrap().generation > generation(40), "{out:?}");
    assert!(lit(&agree(&mut solo, out)));
    assert_eq!(guests(&solo), [(FIRST, true)]);
}

#[test]
fn who_stands_for_a_guest_while_it_leaves_does_not_bring_it_back() {
    let mut solo = holder(LEASE * 1000);
    acquire(&mut solo, 1, renewal(generation(4), 6));
    let mut seq = None;
    while seq.is_none() {
        let next = solo.now + LEASE / 64;
        let out = solo.until(next);
        seq = candidacy(&out);
        if seq.is_none() {
            agree(&mut solo, out);
        }
    }
    let farewell = LeaseRequest {
        leaves: true,
        ..renewal(generation(4), 6)
    };
    assert!(is_granted(&acquire(&mut solo, 1, farewell), 1));
    for peer in [1, 2] {
        let (ball, newest) = (FIRST, None);
        let (seq, balls) = (seq.unwrap(), vec![Grant { ball, newest }]);
        assert!(!lit(&solo.hear(peer, Message::Granted { seq, balls })));
    }
    let later = solo.now + 10 * LEASE;
    assert!(!lit(&play(&mut solo, later)));
    assert_eq!(guests(&solo), []);
}

#[test]
fn what_is_left_at_a_node_that_missed_the_farewell_does_not_keep_a_new_guest_out() {
    let mut solo = holder(LEASE * 1000);
    acquire(&mut solo, 1, renewal(generation(4), 6));
    let farewell = LeaseRequest {
        leaves: true,
        ..renewal(generation(4), 6)
    };
    acquire(&mut solo, 1, farewell);
    let out = solo.feed(Input::AddGuest(newcomer()));
    let seq = candidacy(&out).unwrap();
    let stamp = Stamp {
        generation: generation(4),
        hop: 6,
    };
    let denial = Denial {
        ball: FIRST,
        lease_generation: None,
        lease_left: 0,
        newest: Some(Record {
            stamp,
            state: newcomer(),
        }),
        gone: None,
        granted: None,
    };
    let balls = vec![denial];
    solo.hear(2, Message::Denied { seq, balls });
    let (ball, newest) = (FIRST, None);
    let balls = vec![Grant { ball, newest }];
    assert!(lit(&solo.hear(1, Message::Granted { seq, balls })));
}

#[test]
fn a_grave_takes_back_no_promise_to_another_generation() {
    for by_denial in [false, true] {
        let mut solo = holder(LEASE * 1000);
        assert!(is_granted(
            &acquire(&mut solo, 1, renewal(generation(4), 6)),
            1
        ));
        let granted = solo.now;
        // That guest began where all had forgotten that one of a higher generation has left.
        if by_denial {
            let denial = Denial {
                ball: FIRST,
                lease_generation: None,
                lease_left: 0,
                newest: None,
                gone: Some(generation(9)),
                granted: None,
            };
            let balls = vec![denial];
            solo.hear(2, Message::Denied { seq: 1, balls });
        } else {
            let farewell = LeaseRequest {
                leaves: true,
                ..renewal(generation(9), 7)
            };
            acquire(&mut solo, 2, farewell);
        }
        let fresh = LeaseRequest::of_candidate(FIRST, generation(10));
        play(&mut solo, granted + LEASE - 1);
        let out = acquire(&mut solo, 2, fresh.clone());
        assert!(!is_granted(&out, 2), "the first may still shine: {out:?}");
        play(&mut solo, granted + LEASE);
        assert!(is_granted(&acquire(&mut solo, 2, fresh), 2));
    }
}

#[test]
fn a_voter_forgets_a_guest_that_leaves_and_lets_nobody_bring_it_back() {
    let mut solo = holder(LEASE * 1000);
    acquire(&mut solo, 1, renewal(generation(4), 6));
    let farewell = LeaseRequest {
        leaves: true,
        ..renewal(generation(4), 7)
    };
    assert!(is_granted(&acquire(&mut solo, 1, farewell), 1));
    assert_eq!(guests(&solo), []);
    // Somebody who has not heard of that misses it.
    let revival = LeaseRequest {
        after: Some(generation(4)),
        ..LeaseRequest::of_candidate(FIRST, generation(5))
    };
    let out = acquire(&mut solo, 2, revival);
    let [Message::Denied { balls, .. }] = &said(&out, 2)[..] else {
        panic!("{out:?}");
    };
    assert_eq!(balls[0].gone, Some(generation(4)));
    let late = acquire(&mut solo, 2, renewal(generation(4), 9));
    assert!(!is_granted(&late, 2));
    assert_eq!(guests(&solo), []);
    // But another guest may have the identity.
    let fresh = LeaseRequest::of_candidate(FIRST, generation(5));
    assert!(is_granted(&acquire(&mut solo, 2, fresh), 2));
}

#[test]
fn who_misses_a_guest_that_has_left_is_told_and_gives_up() {
    let mut solo = holder(LEASE * 1000);
    acquire(&mut solo, 1, renewal(generation(4), 6));
    let mut seq = None;
    while seq.is_none() {
        let next = solo.now + LEASE / 64;
        let out = solo.until(next);
        seq = out.iter().find_map(|output| match output {
            Output::Broadcast(Message::Acquire { seq, balls }) => {
                let missed = balls
                    .iter()
                    .any(|claim| claim.ball == FIRST && claim.hop.is_none());
                missed.then_some(*seq)
            }
            _ => None,
        });
        if seq.is_none() {
            agree(&mut solo, out);
        }
    }
    let denial = Denial {
        ball: FIRST,
        lease_generation: None,
        lease_left: 0,
        newest: None,
        gone: Some(generation(4)),
        granted: None,
    };
    let (seq, balls) = (seq.unwrap(), vec![denial]);
    let out = solo.hear(1, Message::Denied { seq, balls });
    let releases = said(&out, 1)
        .iter()
        .any(|line| matches!(line, Message::Release { .. }));
    assert!(releases, "{out:?}");
    assert_eq!(guests(&solo), []);
    let later = solo.now + 10 * LEASE;
    assert_eq!(passed_to(&play(&mut solo, later)), None);
    assert_eq!(guests(&solo), []);
}
