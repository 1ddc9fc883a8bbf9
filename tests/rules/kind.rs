//! A ring that grants whatever the node asks for, so that a test can be about something else.

use carom::ring::message::Grant;
use carom::ring::{
    Direction, ExternalBallPolicy, LateCopy, Message, NodeId, Output, Topology, Window, WindowBall,
    WindowChain,
};
use std::time::Duration;

use crate::solo::{BEAT, LEASE, Solo, topology};

pub(crate) const LOAN: u64 = 10 * LEASE;
pub(crate) const LIFE: u64 = 40 * LEASE;

/// Three nodes; windows between the first and the second, and beyond the third, at the first again.
pub(crate) fn with_windows(crossing: u64) -> Topology {
    let plain = topology(3, crossing);
    let screen = plain.screen;
    let gap = |left: u8, right: u8, name: &str| WindowChain {
        left: Some(NodeId(left)),
        right: Some(NodeId(right)),
        windows: vec![Window {
            name: name.to_owned(),
            screen,
        }],
    };
    Topology {
        window_chains: vec![gap(0, 1, "laptop"), gap(2, 0, "desk")],
        external_balls: ExternalBallPolicy {
            loan: Duration::from_micros(LOAN),
            late_copy: LateCopy::Refuse,
            guests: 2,
            guest_life: Duration::from_micros(LIFE),
        },
        ..plain
    }
}

/// The holder of the ball among them, at the moment at which it won it.
pub(crate) fn holder(crossing: u64) -> Solo {
    let mut solo = Solo::new(with_windows(crossing));
    (1..3).for_each(|peer| drop(solo.meet(peer)));
    play(&mut solo, LEASE);
    assert!(solo.here());
    solo
}

/// Lets time pass, and the others grant every request.
pub(crate) fn play(solo: &mut Solo, moment: u64) -> Vec<Output> {
    let mut all = Vec::new();
    while solo.now < moment {
        let step = solo.until(moment.min(solo.now + BEAT / 16));
        all.extend(agree(solo, step));
    }
    all
}

/// The others grant what is asked for here.
pub(crate) fn agree(solo: &mut Solo, mut out: Vec<Output>) -> Vec<Output> {
    let mut all = Vec::new();
    while !out.is_empty() {
        let mut next = Vec::new();
        for output in &out {
            let Output::Broadcast(Message::Acquire { seq, balls }) = output else {
                continue;
            };
            let grant = |ball| Grant { ball, newest: None };
            let balls: Vec<_> = balls.iter().map(|claim| grant(claim.ball)).collect();
            for peer in [1, 2] {
                let (seq, balls) = (*seq, balls.clone());
                next.extend(solo.hear(peer, Message::Granted { seq, balls }));
            }
        }
        all.append(&mut out);
        out = next;
    }
    all
}

/// The call to a window among these.
pub(crate) fn called(out: &[Output]) -> Option<Direction> {
    out.iter().find_map(|output| match output {
        Output::OpenWindow { edge, .. } => Some(*edge),
        _ => None,
    })
}

/// What is given to a window among these.
pub(crate) fn given(out: &[Output]) -> Option<WindowBall> {
    out.iter().find_map(|output| match output {
        Output::SendToWindow { sent, .. } => Some(*sent),
        _ => None,
    })
}
