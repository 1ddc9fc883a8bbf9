//! What a peer says is believed only within limits: one wrong number must not outrank the ring for ever.

use std::collections::BTreeMap;

use super::ball::Ball;
use super::generation::{BallId, Generation, Stamp};
use super::message::Message;
use super::motion::BallState;

/// A round may be this far above the highest known: so many elections take longer than any node is away.
const MOST_ROUNDS_AHEAD: u64 = 1 << 32;

/// A hop may be this far above the highest known: at one hop a microsecond, nine years.
const MOST_HOPS_AHEAD: u64 = 1 << 48;

/// A cover and a list of promises name no more processes: only rings of up to seven nodes have them.
const MOST_NAMED: usize = 16;

/// The largest length in a ball's state, in pixels: ten times the largest screen.
const LARGEST_LENGTH: f64 = 1e6;

/// The largest speed, in pixels a second: a ball that leaves the largest screen at once is slower.
const LARGEST_SPEED: f64 = 1e13;

impl BallState {
    /// Whether every number is one that a ring file could have led to.
    fn is_plausible(&self) -> bool {
        let mut lengths = self.position.into_iter().chain([self.radius]);
        let mut speeds = self.velocity.into_iter();
        lengths.all(|length| length.abs() <= LARGEST_LENGTH)
            && speeds.all(|speed| speed.abs() <= LARGEST_SPEED)
            && self.radius >= 0.0
    }
}

/// Whether a message may be believed as far as its numbers go, given what is known of the balls.
pub(super) fn is_plausible(message: &Message, balls: &BTreeMap<BallId, Ball>) -> bool {
    let may_be = |id: BallId, stamp: Stamp| balls.get(&id).is_none_or(|ball| may_be(ball, stamp));
    match message {
        Message::Pass(pass) => {
            let record = &pass.record;
            may_be(pass.ball, record.stamp) && record.state.is_plausible()
        }
        Message::Acquire { balls, .. } => balls.iter().all(|request| {
            let generation = request.generation;
            let hop = request.hop.unwrap_or(0);
            let named = request.cover.as_ref().map_or(0, |cover| cover.lives().len());
            may_be(request.ball, Stamp { generation, hop })
                && named.max(request.fenced.len()) <= MOST_NAMED
                && request.state.is_none_or(|state| state.is_plausible())
        }),
        Message::Granted { balls, .. } => balls.iter().all(|grant| {
            grant.newest.is_none_or(|newest| {
                may_be(grant.ball, newest.stamp) && newest.state.is_plausible()
            })
        }),
        Message::Denied { balls, .. } => balls.iter().all(|denial| {
            let begun = |generation: Generation| may_be(denial.ball, Stamp { generation, hop: 0 });
            denial.lease_generation.is_none_or(begun)
                && denial.gone.is_none_or(begun)
                && denial.newest.is_none_or(|newest| {
                    may_be(denial.ball, newest.stamp) && newest.state.is_plausible()
                })
        }),
        Message::Fence {
            ball, generation, ..
        } => may_be(
            *ball,
            Stamp {
                generation: *generation,
                hop: 0,
            },
        ),
        Message::Fenced {
            ball,
            generation,
            newest,
            ..
        } => {
            let (generation, hop) = (*generation, 0);
            may_be(*ball, Stamp { generation, hop })
                && newest.is_none_or(|newest| {
                    may_be(*ball, newest.stamp) && newest.state.is_plausible()
                })
        }
        Message::Hello(_)
        | Message::Refused { .. }
        | Message::Heartbeat { .. }
        | Message::PassAck { .. }
        | Message::Release { .. }
        | Message::Leaving
        | Message::LeaveAck
        | Message::Remove { .. }
        // A ball from a window is checked where it comes in.
        | Message::LoanQuery { .. }
        | Message::LoanUnknown { .. }
        | Message::Unknown => true,
    }
}

/// Whether the ball can have come that far since this node last heard of it.
fn may_be(ball: &Ball, stamp: Stamp) -> bool {
    let round = ball.highest_known_round();
    let hop = ball.voter.newest().map_or(0, |newest| newest.stamp.hop);
    stamp.generation.round <= round.saturating_add(MOST_ROUNDS_AHEAD)
        && stamp.hop <= hop.saturating_add(MOST_HOPS_AHEAD)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::event::{Input, Notification, Output};
    use super::super::generation::Record;
    use super::super::lineage::Lineage;
    use super::super::message::{Denial, Grant, Incarnation, LeaseRequest, Pass};
    use super::super::node::Node;
    use super::super::node_id::NodeId;
    use super::super::test_topology::{BALL, ring_with_ball};
    use super::super::time::Time;
    use super::*;

    fn node() -> Node {
        let topology = ring_with_ball(3, BALL);
        let mut node = Node::new(
            Arc::new(topology),
            NodeId(0),
            Incarnation(7),
            Time::default(),
        );
        let (peer, incarnation) = (NodeId(1), Incarnation(8));
        node.handle(Time::default(), Input::LinkUp { peer, incarnation });
        node
    }

    fn heard(message: Message) -> Vec<Output> {
        let from = NodeId(1);
        node().handle(Time::from_micros(1), Input::Received { from, message })
    }

    fn pass(round: u64, hop: u64, state: BallState) -> Message {
        let generation = Generation { round, nonce: 1 };
        let record = Record {
            stamp: Stamp { generation, hop },
            state,
        };
        let (ball, left, echo, since) = (BallId(1), 1, None, 0);
        Message::Pass(Pass {
            ball,
            record,
            left,
            echo,
            since,
            lineage: Lineage::default(),
            cover: None,
        })
    }

    fn ignored(message: Message) {
        let from = NodeId(1);
        let told = heard(message.clone());
        assert_eq!(
            told,
            [Output::Notify(Notification::Implausible { from })],
            "{message:?}"
        );
    }

    #[test]
    fn numbers_that_would_outrank_the_ring_for_ever_are_ignored() {
        assert!(
            heard(pass(3, 1_000_000, BALL)).len() > 1,
            "an ordinary pass is taken"
        );
        ignored(pass(u64::MAX, 1, BALL));
        ignored(pass(1, u64::MAX, BALL));
        let generation = Generation {
            round: u64::MAX,
            nonce: u64::MAX,
        };
        let claim = LeaseRequest::of_candidate(BallId(1), generation);
        ignored(Message::Acquire {
            seq: 1,
            balls: vec![claim],
        });
    }

    #[test]
    fn a_state_that_no_ring_file_leads_to_is_ignored() {
        let wild = [
            BallState {
                velocity: [1.0, 1e308],
                ..BALL
            },
            BallState {
                position: [0.0, -1e300],
                ..BALL
            },
            BallState {
                radius: -1.0,
                ..BALL
            },
        ];
        for state in wild {
            ignored(pass(1, 1, state));
        }
    }

    fn record(round: u64, radius: f64) -> Record {
        let generation = Generation { round, nonce: 1 };
        Record {
            stamp: Stamp { generation, hop: 1 },
            state: BallState { radius, ..BALL },
        }
    }

    #[test]
    fn one_wrong_number_in_an_answer_is_enough() {
        let (far, ball, seq) = (u64::MAX, BallId(1), 1);
        for newest in [record(far, 30.0), record(1, -1.0)] {
            let newest = Some(newest);
            let balls = vec![Grant { ball, newest }];
            ignored(Message::Granted { seq, balls });
        }
        let none = Denial {
            ball,
            lease_generation: None,
            lease_left: 0,
            newest: None,
            gone: None,
            granted: None,
        };
        let wild = Some(record(far, 30.0).stamp.generation);
        let wrong = [
            Denial {
                lease_generation: wild,
                ..none.clone()
            },
            Denial {
                gone: wild,
                ..none.clone()
            },
            Denial {
                newest: Some(record(far, 30.0)),
                ..none.clone()
            },
            Denial {
                newest: Some(record(1, -1.0)),
                ..none
            },
        ];
        for denial in wrong {
            let balls = vec![denial];
            ignored(Message::Denied { seq, balls });
        }
    }
}
