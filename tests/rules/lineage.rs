//! Rule 11: one holder in a generation, whatever a peer says.

use carom::ring::message::{Denial, LeaseRequest};
use carom::ring::{Lineage, Message, NodeId, Notification, Output, Renewal, Stamp};

use crate::fixture::{
    Answer, BALL, HEARTBEAT, LEASE, TestNode, generation, led_off, notifications, passed_to,
    record, renewed, sent_to,
};

fn lineage(renewals: &[(u64, u16)]) -> Lineage {
    let mut lineage = Lineage::default();
    for &(hop, node) in renewals {
        lineage.request(Renewal::from((hop, node)));
    }
    lineage
}

/// A peer that has the ball at `hop` renews its lease.
fn renew(node: &mut TestNode, from: u16, hop: u64, renewals: &[(u64, u16)]) -> Answer {
    let request = LeaseRequest::of_holder(BALL, record(generation(1), hop), lineage(renewals));
    let balls = vec![request];
    let out = node.receive(from, Message::Acquire { seq: 5, balls });
    Answer::of(&out, from)
}

fn voter() -> TestNode {
    let mut node = TestNode::connected(5, 1000 * LEASE);
    node.now = LEASE + 1;
    node
}

#[test]
fn a_voter_denies_a_second_holder_of_one_generation_and_names_the_first() {
    let mut node = voter();
    assert!(renew(&mut node, 1, 4, &[(4, 1)]).is_granted());
    // The same ball, sent to another node by a liar: at the same hop, behind, ahead.
    for (hop, renewals) in [(4, &[(4, 2)][..]), (6, &[(2, 3), (6, 2)])] {
        let denial = renew(&mut node, 2, hop, renewals).denial();
        assert_eq!(denial.granted, Some(Renewal::from((4, 1))), "hop {hop}");
        assert_eq!(denial.lease_generation, Some(generation(1)));
        assert_eq!(denial.lease_left, LEASE);
    }
    assert!(renew(&mut node, 1, 4, &[(4, 1)]).is_granted());
}

#[test]
fn a_voter_that_missed_renewals_grants_the_next_one() {
    let mut node = voter();
    assert!(renew(&mut node, 1, 4, &[(4, 1)]).is_granted());
    // A quorum without this voter has confirmed hop 7; or the ball is passed on before one has.
    assert!(renew(&mut node, 3, 9, &[(7, 2), (9, 3)]).is_granted());
    assert!(renew(&mut node, 4, 10, &[(7, 2), (9, 3), (10, 4)]).is_granted());
}

#[test]
fn a_late_renewal_of_the_node_that_has_just_passed_the_ball_on_costs_nothing() {
    let mut node = voter();
    assert!(renew(&mut node, 2, 5, &[(4, 1), (5, 2)]).is_granted());
    // Sent before the pass, it arrives after the receiver's own renewal.
    assert!(!renew(&mut node, 1, 4, &[(4, 1)]).is_granted());
    assert!(renew(&mut node, 2, 5, &[(4, 1), (5, 2)]).is_granted());
}

#[test]
fn a_holder_of_an_earlier_version_is_judged_by_its_generation_alone() {
    let mut node = voter();
    assert!(renew(&mut node, 1, 4, &[]).is_granted());
    assert!(renew(&mut node, 2, 5, &[]).is_granted());
}

#[test]
fn a_holder_that_is_denied_for_a_double_lets_go_and_frees_no_vote() {
    let mut node = TestNode::holder(5, 1000 * LEASE);
    let (seq, request) = renewed(&node.until(LEASE + HEARTBEAT)).unwrap();
    let denial = Denial {
        ball: BALL,
        lease_generation: Some(request.generation),
        lease_left: LEASE,
        newest: None,
        gone: None,
        granted: Some(Renewal::from((3, 4))),
    };
    // Neither an answer to another request nor one about another generation is about this lease.
    let balls = vec![denial.clone()];
    let stale = node.receive(
        2,
        Message::Denied {
            seq: seq + 1,
            balls,
        },
    );
    assert!(!led_off(&stale));
    let balls = vec![Denial {
        lease_generation: Some(generation(9)),
        ..denial.clone()
    }];
    assert!(!led_off(&node.receive(2, Message::Denied { seq, balls })));
    let balls = vec![denial];
    let out = node.receive(2, Message::Denied { seq, balls });
    assert!(led_off(&out));
    let stamp = Stamp {
        generation: request.generation,
        hop: 0,
    };
    let dropped = Notification::DoubleDropped { ball: BALL, stamp };
    assert_eq!(notifications(&out), [dropped]);
    let releases = out
        .iter()
        .any(|output| matches!(output, Output::Broadcast(Message::Release { .. })));
    assert!(!releases, "the other holder may need the votes");
}

#[test]
fn a_ball_takes_its_renewals_along() {
    let mut node = TestNode::holder(3, HEARTBEAT);
    let out = node.until(LEASE + HEARTBEAT);
    let (_, pass) = passed_to(&out).unwrap();
    let me = NodeId(0);
    assert_eq!(pass.lineage.as_slice(), [Renewal { hop: 0, node: me }]);
    assert!(!sent_to(&out, 1).is_empty());
}
