//! A node that lies: it sends arbitrary well-formed messages instead of what its state would have it send.

use std::collections::VecDeque;

use carom::ring::message::{Denial, Grant, LeaseRequest, Pass};
use carom::ring::{Generation, Input, Lineage, Message, NodeId, Record, Renewal, Stamp};

use crate::plan::nanos;
use crate::world::World;

/// The latest messages that a liar remembers, to forge others from.
const MOST_SEEN: usize = 24;

/// Who lies, and what it knows.
pub(crate) struct Liar {
    pub(crate) host: usize,
    random: fastrand::Rng,
    /// By peer: its latest heartbeat time, which a forged pass needs as an echo.
    heartbeats: Vec<u64>,
    seen: VecDeque<Message>,
    /// The lease, in microseconds.
    lease: u64,
}

impl Liar {
    pub(crate) fn new(host: usize, seed: u64, world: &World) -> Self {
        Self {
            host,
            random: fastrand::Rng::with_seed(seed),
            heartbeats: vec![0; world.hosts.len()],
            seen: VecDeque::new(),
            lease: nanos(world.plan.topology.lease) / 1_000,
        }
    }

    /// What it sends when its node would have handled this input.
    pub(crate) fn lies(&mut self, input: &Input) -> Vec<(NodeId, Message)> {
        let mut lies = Vec::new();
        if let Input::Received { from, message } = input {
            self.answer(*from, message, &mut lies);
            if self.seen.len() >= MOST_SEEN {
                self.seen.pop_front();
            }
            self.seen.push_back(message.clone());
        }
        if self.random.u8(0..3) == 0 {
            let to = self.node();
            lies.extend(self.forgery().map(|message| (to, message)));
        }
        lies
    }

    fn answer(&mut self, from: NodeId, message: &Message, lies: &mut Vec<(NodeId, Message)>) {
        match message {
            Message::Heartbeat { at, .. } => {
                self.heartbeats[from.index()] = *at;
                let message = Message::Heartbeat {
                    at: self.random.u64(0..*at + 1),
                    echo: Some(*at),
                    since: 0,
                    near: false,
                };
                lies.push((from, message));
            }
            Message::Pass(pass) => {
                let Stamp { generation, hop } = pass.record.stamp;
                let ball = pass.ball;
                lies.push((
                    from,
                    Message::PassAck {
                        ball,
                        generation,
                        hop,
                    },
                ));
                // The attack: the same ball to two nodes.
                for _ in 0..2 {
                    let to = self.node();
                    let ahead = 1 + self.random.u64(0..2) * self.random.u64(0..4);
                    let forged = self.double_of(pass, to, ahead);
                    lies.push((to, forged));
                }
            }
            Message::Acquire { seq, balls } => {
                for request in balls {
                    lies.push((from, self.verdict(*seq, request)));
                }
            }
            Message::Leaving => lies.push((from, Message::LeaveAck)),
            _ => {}
        }
    }

    fn double_of(&mut self, pass: &Pass, to: NodeId, ahead: u64) -> Message {
        let mut forged = *pass;
        forged.record.stamp.hop += ahead;
        forged.echo = Some(self.heartbeats[to.index()]);
        forged.since = 0;
        forged.left = self.lease;
        if self.random.bool() {
            forged.lineage = self.lineage(forged.record.stamp.hop);
        }
        Message::Pass(forged)
    }

    fn verdict(&mut self, seq: u64, request: &LeaseRequest) -> Message {
        let ball = request.ball;
        let newest = request.record().filter(|_| self.random.bool());
        let newest = newest.map(|record| self.alter(record));
        if self.random.bool() {
            return Message::Granted {
                seq,
                balls: vec![Grant { ball, newest }],
            };
        }
        let granted = self
            .random
            .bool()
            .then(|| self.renewal(request.hop.unwrap_or(0)));
        let denial = Denial {
            ball,
            lease_generation: Some(request.generation).filter(|_| self.random.bool()),
            lease_left: self.random.u64(0..self.lease),
            newest,
            gone: None,
            granted,
        };
        Message::Denied {
            seq,
            balls: vec![denial],
        }
    }

    /// Something that it has seen, altered.
    fn forgery(&mut self) -> Option<Message> {
        let index = self.random.usize(0..self.seen.len().max(1));
        Some(match self.seen.get(index)?.clone() {
            Message::Pass(pass) => {
                let (to, ahead) = (self.node(), self.random.u64(0..6));
                self.double_of(&pass, to, ahead)
            }
            Message::Acquire { seq, balls } => {
                let balls = balls.into_iter().map(|mut request| {
                    request.generation = self.generation(request.generation);
                    request.hop = request.hop.map(|hop| hop + self.random.u64(0..6));
                    if let Some(hop) = request.hop.filter(|_| self.random.bool()) {
                        request.lineage = self.lineage(hop);
                    }
                    request
                });
                let balls = balls.collect();
                Message::Acquire { seq, balls }
            }
            Message::PassAck {
                ball,
                generation,
                hop,
            } => match self.random.bool() {
                true => Message::Release { ball, generation },
                false => Message::PassAck {
                    ball,
                    generation,
                    hop: hop + self.random.u64(0..3),
                },
            },
            Message::Heartbeat { .. } if self.random.u8(0..16) == 0 => Message::Leaving,
            other => other,
        })
    }

    fn alter(&mut self, record: Record) -> Record {
        let Stamp { generation, hop } = record.stamp;
        let stamp = Stamp {
            generation: self.generation(generation),
            hop: hop + self.random.u64(0..6),
        };
        Record { stamp, ..record }
    }

    fn generation(&mut self, known: Generation) -> Generation {
        match self.random.u8(0..4) {
            0 => Generation {
                round: known.round + self.random.u64(0..3),
                nonce: self.random.u64(..),
            },
            _ => known,
        }
    }

    fn lineage(&mut self, hop: u64) -> Lineage {
        let mut lineage = Lineage::default();
        for _ in 0..self.random.u8(0..4) {
            lineage.request(self.renewal(hop));
        }
        lineage
    }

    fn renewal(&mut self, hop: u64) -> Renewal {
        Renewal {
            hop: (hop + self.random.u64(0..6)).saturating_sub(3),
            node: self.node(),
        }
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.random.u8(0..self.heartbeats.len() as u8).into())
    }
}
