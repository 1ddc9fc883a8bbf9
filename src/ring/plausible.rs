//! What a peer says is believed only within reason: one wild number must not outrank the ring for ever.

use super::ball::{BallId, BallState, Generation, Stamp};
use super::message::Message;
use super::node::Node;

/// A round may be this far above the highest known: so many elections take longer than any node sleeps.
const MOST_ROUNDS_AHEAD: u64 = 1 << 32;

/// A hop may be this far above the highest known: at a hop a microsecond, nine years.
const MOST_HOPS_AHEAD: u64 = 1 << 48;

/// No length in a ball's state is larger, in pixels: ten times the largest screen.
const LARGEST_LENGTH: f64 = 1e6;

/// No speed is larger, in pixels a second: a ball that leaves the largest screen at once is below.
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

impl Node {
    /// Whether a message may be believed as far as its numbers go.
    pub(super) fn is_plausible(&self, message: &Message) -> bool {
        match message {
            Message::Pass(pass) => {
                let record = &pass.record;
                self.may_be(pass.ball, record.stamp) && record.state.is_plausible()
            }
            Message::Acquire { balls, .. } => balls.iter().all(|claim| {
                let generation = claim.generation;
                let hop = claim.hop.unwrap_or(0);
                self.may_be(claim.ball, Stamp { generation, hop })
                    && claim.state.is_none_or(|state| state.is_plausible())
            }),
            Message::Granted { balls, .. } => balls.iter().all(|grant| {
                grant.newest.is_none_or(|newest| {
                    self.may_be(grant.ball, newest.stamp) && newest.state.is_plausible()
                })
            }),
            Message::Denied { balls, .. } => balls.iter().all(|denial| {
                let favoured =
                    |generation: Generation| self.may_be(denial.ball, Stamp { generation, hop: 0 });
                denial.lease_generation.is_none_or(favoured)
                    && denial.gone.is_none_or(favoured)
                    && denial.newest.is_none_or(|newest| {
                        self.may_be(denial.ball, newest.stamp) && newest.state.is_plausible()
                    })
            }),
            Message::Hello(_)
            | Message::Refused { .. }
            | Message::Heartbeat { .. }
            | Message::PassAck { .. }
            | Message::Release { .. }
            | Message::Leaving
            | Message::LeaveAck
            | Message::Remove { .. }
            // What a window may write is judged where it comes in.
            | Message::LoanQuery { .. }
            | Message::LoanUnknown { .. }
            | Message::Unknown => true,
        }
    }

    /// Whether the ball can have come that far since this node last heard of it.
    fn may_be(&self, id: BallId, stamp: Stamp) -> bool {
        let Some(ball) = self.balls.get(&id) else {
            return true;
        };
        let round = ball.highest_round.max(ball.voter.highest_round());
        let hop = ball.voter.newest().map_or(0, |newest| newest.stamp.hop);
        stamp.generation.round <= round.saturating_add(MOST_ROUNDS_AHEAD)
            && stamp.hop <= hop.saturating_add(MOST_HOPS_AHEAD)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::ball::Record;
    use super::super::event::{Input, Notification, Output};
    use super::super::message::{Incarnation, LeaseRequest, Pass};
    use super::super::time::Time;
    use super::super::topology::{InitialBall, NodeId, Topology};
    use super::*;

    const STATE: BallState = BallState {
        position: [0.0, 300.0],
        velocity: [240.0, 130.0],
        radius: 30.0,
        color: [255, 64, 0],
    };

    fn node() -> Node {
        let topology = Topology {
            ring: "test".to_owned(),
            nodes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            balls: vec![InitialBall {
                start: NodeId(0),
                state: STATE,
            }],
            ..Topology::default()
        };
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
            heard(pass(3, 1_000_000, STATE)).len() > 1,
            "an ordinary pass is taken"
        );
        ignored(pass(u64::MAX, 1, STATE));
        ignored(pass(1, u64::MAX, STATE));
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
                ..STATE
            },
            BallState {
                position: [0.0, -1e300],
                ..STATE
            },
            BallState {
                radius: -1.0,
                ..STATE
            },
        ];
        for state in wild {
            ignored(pass(1, 1, state));
        }
    }
}
