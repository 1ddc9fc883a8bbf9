//! Rule 13: covers, obituaries, promises, and votes that overrule a lease.

use std::time::Duration;

use carom::ring::message::LeaseRequest;
use carom::ring::{
    Cover, Generation, Incarnation, Input, Life, Message, NodeId, Notification, Output,
};

use crate::fixture::{
    BALL, LEASE, TestNode, candidacy, generation, led_off, led_on, next_candidacy, notifications,
    passed_to, record, renewed, sent_to, up_to,
};

/// Of the node under test, and of the peer in a fixture.
fn life(node: u16) -> Life {
    let incarnation = Incarnation(if node == 0 { 42 } else { 100 + u64::from(node) });
    let node = NodeId(node);
    Life { node, incarnation }
}

fn cover(nodes: &[u16]) -> Cover {
    Cover::new(nodes.iter().map(|&node| life(node)))
}

/// The peer with the ball asks for another lease with that cover.
fn renewal(node: &mut TestNode, from: u16, cover: Option<Cover>) -> Vec<Output> {
    let request = LeaseRequest::of_holder(BALL, record(generation(3), 9), up_to(9));
    let balls = vec![LeaseRequest { cover, ..request }];
    node.receive(from, Message::Acquire { seq: 78, balls })
}

/// A node of five, past its quarantine, that has granted such a renewal of the first peer.
fn voter(covered: &[u16]) -> TestNode {
    let mut node = TestNode::connected(5, LEASE * 1_000);
    node.until(LEASE - 1);
    node.now = LEASE;
    let out = renewal(&mut node, 1, Some(cover(covered)));
    assert!(is_granted(&out), "{out:?}");
    node
}

fn is_granted(out: &[Output]) -> bool {
    out.iter().any(|output| {
        matches!(
            output,
            Output::Send {
                message: Message::Granted { .. },
                ..
            }
        )
    })
}

fn died(node: &mut TestNode, peer: u16, incarnation: u64) -> Vec<Output> {
    let (peer, incarnation) = (NodeId(peer), Incarnation(incarnation));
    node.handle(Input::Died { peer, incarnation })
}

fn asks_promise(
    node: &mut TestNode,
    from: u16,
    generation: Generation,
    promise: bool,
) -> Vec<Output> {
    let ball = BALL;
    node.receive(
        from,
        Message::Fence {
            ball,
            generation,
            promise,
        },
    )
}

/// The second peer stands with these promises.
fn stands(node: &mut TestNode, fenced: &[u16]) -> Vec<Output> {
    let request = LeaseRequest::of_candidate(BALL, generation(5));
    let fenced = fenced.iter().map(|&node| life(node)).collect();
    let balls = vec![LeaseRequest {
        cover: Some(cover(&[0, 2])),
        fenced,
        ..request
    }];
    node.receive(2, Message::Acquire { seq: 90, balls })
}

fn answers(node: &mut TestNode, from: u16, generation: Generation, promise: bool) -> Vec<Output> {
    let (ball, newest) = (BALL, None);
    node.receive(
        from,
        Message::Fenced {
            ball,
            generation,
            promise,
            newest,
            passing: None,
        },
    )
}

/// The question in these.
fn question(out: &[Output], to: u16) -> Option<(Generation, bool)> {
    sent_to(out, to)
        .into_iter()
        .find_map(|message| match message {
            Message::Fence {
                generation,
                promise,
                ..
            } => Some((generation, promise)),
            _ => None,
        })
}

#[test]
fn a_voter_overrules_a_lease_when_everyone_in_its_cover_has_ended_or_promised() {
    let mut node = voter(&[0, 1, 2, 3]);
    asks_promise(&mut node, 2, generation(5), true);
    died(&mut node, 1, 101);
    assert!(
        !is_granted(&stands(&mut node, &[2])),
        "the third may have it"
    );
    assert!(is_granted(&stands(&mut node, &[2, 3])));
}

#[test]
fn what_counts_is_the_voters_own_promise_not_what_is_said_of_it() {
    let mut node = voter(&[0, 1, 2]);
    died(&mut node, 1, 101);
    assert!(!is_granted(&stands(&mut node, &[0, 2])));
    asks_promise(&mut node, 2, generation(5), true);
    assert!(is_granted(&stands(&mut node, &[0, 2])));
}

#[test]
fn a_promise_counts_for_the_process_that_gave_it_and_not_for_the_next_one_of_its_node() {
    let mut node = voter(&[1, 3]);
    died(&mut node, 1, 101);
    let request = LeaseRequest::of_candidate(BALL, generation(5));
    let incarnation = Incarnation(7);
    let (other, first) = (life(3).node, life(2));
    let fenced = vec![
        first,
        Life {
            node: other,
            incarnation,
        },
    ];
    let balls = vec![LeaseRequest { fenced, ..request }];
    assert!(!is_granted(
        &node.receive(2, Message::Acquire { seq: 90, balls })
    ));
    assert!(is_granted(&stands(&mut node, &[2, 3])));
}

#[test]
fn the_end_of_another_process_of_the_holder_frees_nothing() {
    let mut node = voter(&[1, 2]);
    died(&mut node, 1, 99);
    assert!(!is_granted(&stands(&mut node, &[2])));
    died(&mut node, 1, 101);
    died(&mut node, 1, 101);
    died(&mut node, 1, 98);
    assert!(is_granted(&stands(&mut node, &[2])));
}

#[test]
fn a_cover_is_remembered_for_a_lease_and_no_cover_stands_for_everybody() {
    for (later, is_free) in [(LEASE - 2, false), (LEASE - 1, true)] {
        let mut node = voter(&[1, 2, 3]);
        let first = node.now;
        node.until(first + LEASE / 2);
        renewal(&mut node, 1, Some(cover(&[1, 2])));
        died(&mut node, 1, 101);
        node.now = first + later + 1;
        assert_eq!(is_granted(&stands(&mut node, &[2])), is_free, "{later}");
    }
    let mut node = voter(&[1, 2]);
    renewal(&mut node, 1, None);
    died(&mut node, 1, 101);
    assert!(!is_granted(&stands(&mut node, &[2])));
}

#[test]
fn a_voter_that_hears_of_the_end_after_the_request_grants_then() {
    let mut node = voter(&[1, 2]);
    assert!(!is_granted(&stands(&mut node, &[2])));
    assert!(is_granted(&died(&mut node, 1, 101)));
    let mut node = voter(&[1, 2]);
    stands(&mut node, &[2]);
    let (ball, given_up) = (BALL, generation(5));
    let release = Message::Release {
        ball,
        generation: given_up,
    };
    node.receive(2, release);
    assert!(!is_granted(&died(&mut node, 1, 101)), "it was given up");
}

#[test]
fn whoever_has_promised_refuses_an_older_ball_and_says_so() {
    let mut node = voter(&[0, 1, 2]);
    let out = asks_promise(&mut node, 2, generation(5), true);
    let promised = |promise| Message::Fenced {
        ball: BALL,
        generation: generation(5),
        promise,
        newest: Some(record(generation(3), 9)),
        passing: None,
    };
    assert_eq!(sent_to(&out, 2), [promised(true)]);
    let out = node.pass(1, generation(3), 10, LEASE / 2);
    assert!(!led_on(&out), "{out:?}");
    assert!(sent_to(&out, 1).contains(&promised(true)), "{out:?}");
    let out = node.pass(1, generation(5), 10, LEASE / 2);
    assert!(led_on(&out), "{out:?}");
}

#[test]
fn a_question_alone_binds_nobody() {
    let mut node = voter(&[0, 1, 2]);
    let out = asks_promise(&mut node, 2, generation(5), false);
    assert_eq!(sent_to(&out, 2).len(), 1);
    assert!(led_on(&node.pass(1, generation(3), 10, LEASE / 2)));
}

#[test]
fn a_holder_that_is_asked_renews_and_one_that_must_promise_lets_go() {
    let mut node = TestNode::holder(3, LEASE * 1_000);
    node.now += 1;
    let out = asks_promise(&mut node, 2, generation(9), false);
    assert!(renewed(&out).is_some() && node.has_ball(), "{out:?}");
    let out = asks_promise(&mut node, 2, generation(9), true);
    assert!(led_off(&out) && !node.has_ball());
    assert_eq!(sent_to(&out, 2).len(), 1, "{out:?}");
}

#[test]
fn a_holder_steps_down_when_a_peer_has_promised_above_it() {
    let mut node = TestNode::holder(3, LEASE * 1_000);
    assert!(led_off(&answers(&mut node, 2, generation(9), true)));
    let (_, request) = next_candidacy(&mut node);
    assert!(request.generation.round > 9);
}

#[test]
fn the_next_node_asks_who_has_the_ball_and_for_promises_and_wins_in_three_round_trips() {
    let mut node = TestNode::connected(5, LEASE * 1_000);
    node.until(LEASE - 1);
    node.now = LEASE;
    // The ball flies from the fifth node to this one.
    renewal(&mut node, 4, Some(cover(&[0, 1, 2, 3, 4])));
    node.now += 10;
    let out = died(&mut node, 4, 104);
    let (generation, promise) = question(&out, 1).unwrap();
    assert!(!promise && question(&out, 4).is_none(), "{out:?}");
    for promise in [false, true] {
        node.now += 10;
        answers(&mut node, 1, generation, promise);
        answers(&mut node, 2, generation, promise);
        let out = answers(&mut node, 3, generation, promise);
        let asks = (!promise).then_some((generation, true));
        assert_eq!(question(&out, 1), asks);
        if promise {
            let (seq, request) = candidacy(&out).unwrap();
            assert_eq!(request.generation, generation);
            assert_eq!(Cover::new(request.fenced), cover(&[0, 1, 2, 3]));
            node.now += 10;
            node.grant(1, seq, None);
        }
    }
    let seq = node.core.last_request();
    let out = node.grant(2, seq, None);
    assert!(led_on(&out), "{out:?}");
    let death = Some(Duration::from_micros(30));
    assert!(
        matches!(notifications(&out)[..], [Notification::ElectionWon { death: told, .. }] if told == death),
        "{out:?}"
    );
}

#[test]
fn a_ball_that_is_on_its_way_to_a_living_node_is_not_taken_over() {
    for (to, goes_on) in [(life(3), false), (life(4), true)] {
        let mut node = TestNode::connected(5, LEASE * 1_000);
        node.until(LEASE - 1);
        node.now = LEASE;
        renewal(&mut node, 4, Some(cover(&[0, 1, 2, 3, 4])));
        let out = died(&mut node, 4, 104);
        let (asked, promise) = question(&out, 1).unwrap();
        let (ball, newest) = (BALL, Some(record(generation(3), 10)));
        let passing = Message::Fenced {
            ball,
            generation: asked,
            promise,
            newest,
            passing: Some(to),
        };
        node.receive(1, passing);
        answers(&mut node, 2, asked, false);
        let out = answers(&mut node, 3, asked, false);
        assert_eq!(question(&out, 2).is_some(), goes_on, "{to:?}");
    }
}

#[test]
fn a_takeover_ends_when_a_holder_reports_and_never_begins_where_somebody_cannot_be_asked() {
    let mut node = voter(&[0, 1, 2, 3, 4]);
    died(&mut node, 1, 101);
    let out = node.until(node.now + LEASE / 4);
    let (asked, _) = question(&out, 2).unwrap();
    node.renewal(3, generation(3), 10);
    for peer in [2, 3, 4] {
        let out = answers(&mut node, peer, asked, false);
        assert_eq!(question(&out, 2), None);
    }
    let mut node = voter(&[0, 1, 2, 3, 4]);
    node.disconnect(3);
    died(&mut node, 1, 101);
    let out = node.until(node.now + LEASE / 2);
    assert_eq!(question(&out, 2), None);
}

#[test]
fn a_ball_waits_at_its_edge_for_a_lease_that_covers_the_next_node() {
    let crossing = LEASE / 4;
    let mut node = TestNode::holder(3, crossing);
    // The next node restarts: the lease names its last process.
    node.connect_incarnation(1, 77);
    let (seq, request) = renewed(&node.until(LEASE + 1))
        .or_else(|| renewed(&node.until(LEASE + crossing)))
        .unwrap();
    let named = request.cover.unwrap();
    assert!(named.contains(NodeId(1), Incarnation(77)), "{named:?}");
    assert_eq!(passed_to(&node.until(LEASE + crossing + 5)), None);
    let out = node.grant(2, seq, None);
    let (to, pass) = passed_to(&out).unwrap();
    assert_eq!((to, pass.cover), (1, Some(named.digest())));
}
