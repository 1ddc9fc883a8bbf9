//! Peers that grant whatever the node requests, for tests that are about something else.

use carom::ring::message::Grant;
use carom::ring::{
    Direction, ExternalBallPolicy, LateCopy, Message, NodeId, Output, Topology, Window, WindowBall,
    WindowChain,
};
use std::time::Duration;

use crate::fixture::{HEARTBEAT, LEASE, TestNode, topology};

pub(crate) const LOAN: u64 = 10 * LEASE;
pub(crate) const GUEST_LIFE: u64 = 40 * LEASE;

/// Three nodes; one window between pi1 and pi2, and one between pi3 and pi1.
pub(crate) fn with_windows(crossing: u64) -> Topology {
    let plain = topology(3, crossing);
    let screen = plain.screen;
    let chain = |left: u16, right: u16, name: &str| WindowChain {
        left: Some(NodeId(left)),
        right: Some(NodeId(right)),
        windows: vec![Window {
            name: name.to_owned(),
            screen,
        }],
    };
    Topology {
        window_chains: vec![chain(0, 1, "laptop"), chain(2, 0, "desk")],
        external_balls: ExternalBallPolicy {
            loan: Duration::from_micros(LOAN),
            late_copy: LateCopy::Refuse,
            guests: 2,
            guest_life: Duration::from_micros(GUEST_LIFE),
        },
        ..plain
    }
}

/// The holder of the ball in such a ring, at the moment at which it won the election.
pub(crate) fn holder(crossing: u64) -> TestNode {
    let mut node = TestNode::new(with_windows(crossing));
    (1..3).for_each(|peer| drop(node.connect(peer)));
    run_granting(&mut node, LEASE);
    assert!(node.has_ball());
    node
}

/// Lets time pass up to this moment while the peers grant every request.
pub(crate) fn run_granting(node: &mut TestNode, moment: u64) -> Vec<Output> {
    let mut all = Vec::new();
    while node.now < moment {
        let step = node.until(moment.min(node.now + HEARTBEAT / 16));
        all.extend(grant_all(node, step));
    }
    all
}

/// The peers grant every request among these, and those that follow from it.
pub(crate) fn grant_all(node: &mut TestNode, mut out: Vec<Output>) -> Vec<Output> {
    let mut all = Vec::new();
    while !out.is_empty() {
        let mut next = Vec::new();
        for output in &out {
            let Output::Broadcast(Message::Acquire { seq, balls }) = output else {
                continue;
            };
            let grant = |ball| Grant { ball, newest: None };
            let balls: Vec<_> = balls.iter().map(|request| grant(request.ball)).collect();
            for peer in [1, 2] {
                let (seq, balls) = (*seq, balls.clone());
                next.extend(node.receive(peer, Message::Granted { seq, balls }));
            }
        }
        all.append(&mut out);
        out = next;
    }
    all
}

/// The edge at which a window is to be opened, if these say so.
pub(crate) fn window_opened(out: &[Output]) -> Option<Direction> {
    out.iter().find_map(|output| match output {
        Output::OpenWindow { edge, .. } => Some(*edge),
        _ => None,
    })
}

/// The ball that is sent to a window among these.
pub(crate) fn ball_for_window(out: &[Output]) -> Option<WindowBall> {
    out.iter().find_map(|output| match output {
        Output::SendToWindow { sent, .. } => Some(*sent),
        _ => None,
    })
}
