//! The fixture: one node under test, and peers that send what the test says.

#[path = "../common/topology.rs"]
#[allow(dead_code, reason = "the simulator uses the rest")]
mod topologies;

use std::sync::Arc;
use std::time::Duration;

use carom::ring::message::{Denial, Grant, LeaseRequest, Pass};
use carom::ring::{
    BallId, BallState, Generation, Incarnation, Input, Lineage, Message, Node, NodeId,
    Notification, Output, Record, Renewal, Stamp, Time, Topology,
};

/// In microseconds, as all durations and times here.
pub(crate) const LEASE: u64 = 800_000;
pub(crate) const HEARTBEAT: u64 = LEASE / 4;
/// How long a holder may act on a grant, counted from its request: 0.99 leases.
pub(crate) const HOLDER_LEASE: u64 = LEASE - LEASE / 100;
pub(crate) const BALL: BallId = BallId(1);

/// The node under test. Usually it is the first one, and its ball flies to the second.
pub(crate) struct TestNode {
    pub(crate) core: Node,
    pub(crate) now: u64,
    /// The round trip to every peer.
    pub(crate) round_trip: u64,
    /// Peers that send their heartbeats.
    alive: Vec<u16>,
    /// Of these, the peers that ask for the near pace.
    pub(crate) near: Vec<u16>,
    next_heartbeat: u64,
}

/// The ball as it starts: so many microseconds from edge to edge.
pub(crate) fn state(crossing: u64) -> BallState {
    topologies::crossing_ball(crossing as f64 / 1e6)
}

pub(crate) fn topology(nodes: usize, crossing: u64) -> Topology {
    let lease = Duration::from_micros(LEASE);
    topologies::one_ball("rules", nodes, lease, state(crossing))
}

impl TestNode {
    /// A node that starts at time 0 and is connected to nobody.
    pub(crate) fn new(topology: Topology) -> Self {
        Self::with_id(topology, 0)
    }

    pub(crate) fn with_id(topology: Topology, me: u16) -> Self {
        Self::with_incarnation(topology, me, 42)
    }

    /// Another incarnation draws other random numbers.
    pub(crate) fn with_incarnation(topology: Topology, me: u16, incarnation: u64) -> Self {
        let core = Node::new(
            Arc::new(topology),
            NodeId(me),
            Incarnation(incarnation),
            Time::default(),
        );
        Self {
            core,
            now: 0,
            round_trip: 0,
            alive: Vec::new(),
            near: Vec::new(),
            next_heartbeat: 0,
        }
    }

    /// A node that is connected to all others from time 0 on.
    pub(crate) fn connected(nodes: u16, crossing: u64) -> Self {
        let mut node = Self::new(topology(nodes.into(), crossing));
        (1..nodes).for_each(|peer| drop(node.connect(peer)));
        node
    }

    /// The holder of a ball of generation 1: it won the election a lease after the start, with all votes.
    pub(crate) fn holder(nodes: u16, crossing: u64) -> Self {
        let mut node = Self::connected(nodes, crossing);
        let seq = candidacy(&node.until(LEASE)).unwrap().0;
        let won: Vec<Output> = (1..nodes)
            .flat_map(|peer| node.grant(peer, seq, None))
            .collect();
        assert!(led_on(&won), "{won:?}");
        node
    }

    pub(crate) fn handle(&mut self, input: Input) -> Vec<Output> {
        self.core.handle(Time::from_micros(self.now), input)
    }

    pub(crate) fn receive(&mut self, from: u16, message: Message) -> Vec<Output> {
        let from = NodeId(from);
        self.handle(Input::Received { from, message })
    }

    /// A connection to the peer opens, and it sends its heartbeats from now on.
    pub(crate) fn connect(&mut self, peer: u16) -> Vec<Output> {
        self.connect_incarnation(peer, 100 + u64::from(peer))
    }

    pub(crate) fn connect_incarnation(&mut self, peer: u16, incarnation: u64) -> Vec<Output> {
        if !self.alive.contains(&peer) {
            self.alive.push(peer);
        }
        let mut out = self.handle(Input::LinkUp {
            peer: NodeId(peer),
            incarnation: Incarnation(incarnation),
        });
        out.extend(self.heartbeat_from(peer));
        out
    }

    /// The peer sends nothing more.
    pub(crate) fn stop_heartbeats(&mut self, peer: u16) {
        self.alive.retain(|&other| other != peer);
    }

    pub(crate) fn disconnect(&mut self, peer: u16) -> Vec<Output> {
        self.stop_heartbeats(peer);
        let peer = NodeId(peer);
        self.handle(Input::LinkDown { peer })
    }

    /// A heartbeat of a peer whose clock is a second ahead. Its echo is the heartbeat that this node
    /// sent a round trip ago.
    fn heartbeat_from(&mut self, peer: u16) -> Vec<Output> {
        let at = self.now + 1_000_000;
        let since = 7;
        let echo = self.now.checked_sub(self.round_trip + since);
        let near = self.near.contains(&peer);
        self.receive(
            peer,
            Message::Heartbeat {
                at,
                echo,
                since,
                near,
            },
        )
    }

    /// Lets time pass up to this moment; every timer and heartbeat that is due by then fires.
    pub(crate) fn until(&mut self, moment: u64) -> Vec<Output> {
        let mut out = Vec::new();
        for _ in 0..10_000 {
            let due = self.core.next_deadline().map(Time::as_micros);
            let heartbeat = (!self.alive.is_empty()).then_some(self.next_heartbeat);
            let next = due.into_iter().chain(heartbeat).min();
            let Some(next) = next.filter(|&next| next <= moment) else {
                self.now = moment;
                return out;
            };
            self.now = self.now.max(next);
            if heartbeat == Some(next) {
                self.next_heartbeat += HEARTBEAT / 2;
                for peer in self.alive.clone() {
                    out.extend(self.heartbeat_from(peer));
                }
            } else {
                out.extend(self.handle(Input::Tick));
            }
        }
        panic!("it never rests: at {} of {moment}", self.now);
    }

    /// A peer requests a lease as a candidate.
    pub(crate) fn request_lease(&mut self, from: u16, generation: Generation) -> Vec<Output> {
        let balls = vec![LeaseRequest::of_candidate(BALL, generation)];
        self.receive(from, Message::Acquire { seq: 77, balls })
    }

    /// A peer that has the ball renews its lease.
    pub(crate) fn renewal(&mut self, from: u16, generation: Generation, hop: u64) -> Vec<Output> {
        let balls = vec![LeaseRequest::of_holder(
            BALL,
            record(generation, hop),
            up_to(hop),
        )];
        self.receive(from, Message::Acquire { seq: 78, balls })
    }

    pub(crate) fn grant(&mut self, from: u16, seq: u64, newest: Option<Record>) -> Vec<Output> {
        let balls = vec![Grant { ball: BALL, newest }];
        self.receive(from, Message::Granted { seq, balls })
    }

    pub(crate) fn deny(
        &mut self,
        from: u16,
        seq: u64,
        favoured: Option<Generation>,
        left: u64,
        newest: Option<Record>,
    ) -> Vec<Output> {
        let balls = vec![Denial {
            ball: BALL,
            lease_generation: favoured,
            lease_left: left,
            newest,
            gone: None,
            granted: None,
        }];
        self.receive(from, Message::Denied { seq, balls })
    }

    /// A peer passes the ball with this much of its lease left, and the current time as the echo.
    pub(crate) fn pass(
        &mut self,
        from: u16,
        generation: Generation,
        hop: u64,
        left: u64,
    ) -> Vec<Output> {
        let echo = Some(self.now);
        self.pass_with(from, record(generation, hop), left, echo, 0)
    }

    pub(crate) fn pass_with(
        &mut self,
        from: u16,
        record: Record,
        left: u64,
        echo: Option<u64>,
        since: u64,
    ) -> Vec<Output> {
        self.receive(
            from,
            Message::Pass(Pass {
                ball: BALL,
                record,
                left,
                echo,
                since,
                lineage: Lineage::default(),
                cover: None,
            }),
        )
    }

    /// Whether the LED is on.
    pub(crate) fn has_ball(&self) -> bool {
        self.core.ball_views().next().unwrap().here
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.core.ball_views().next().unwrap().stamp
    }
}

pub(crate) fn generation(round: u64) -> Generation {
    Generation { round, nonce: 5 }
}

pub(crate) fn record(generation: Generation, hop: u64) -> Record {
    Record {
        stamp: Stamp { generation, hop },
        state: BallState {
            position: [800.0, 123.0],
            ..state(LEASE * 1000)
        },
    }
}

pub(crate) fn led_on(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::LedOn(_)))
}

pub(crate) fn led_off(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::LedOff(_)))
}

pub(crate) fn notifications(out: &[Output]) -> Vec<Notification> {
    let note = |output: &Output| match output {
        Output::Notify(note) => Some(*note),
        _ => None,
    };
    out.iter().filter_map(note).collect()
}

/// Every message to that peer except heartbeats; broadcasts included.
pub(crate) fn sent_to(out: &[Output], peer: u16) -> Vec<Message> {
    let line = |output: &Output| match output {
        Output::Send { to, message } if to.0 == peer => Some(message.clone()),
        Output::Broadcast(message) => Some(message.clone()),
        Output::Multicast { to, message } if peer == u16::MAX || to.contains(NodeId(peer)) => {
            Some(message.clone())
        }
        _ => None,
    };
    let heartbeat = |message: &Message| matches!(message, Message::Heartbeat { .. });
    let lines = out.iter().filter_map(line);
    lines.filter(|message| !heartbeat(message)).collect()
}

/// The sequence number and the first ball of every lease request among these.
fn requests(out: &[Output]) -> impl DoubleEndedIterator<Item = (u64, LeaseRequest)> {
    let request = |message: Message| match message {
        Message::Acquire { seq, balls } => Some((seq, balls.first()?.clone())),
        _ => None,
    };
    sent_to(out, u16::MAX).into_iter().filter_map(request)
}

/// The first candidate's request among these.
pub(crate) fn candidacy(out: &[Output]) -> Option<(u64, LeaseRequest)> {
    requests(out).find(|(_, request)| request.hop.is_none())
}

/// Lets time pass, a millisecond at a time, until the node starts an election.
pub(crate) fn next_candidacy(node: &mut TestNode) -> (u64, LeaseRequest) {
    let latest = node.now + 100 * LEASE;
    while node.now < latest {
        if let Some(candidacy) = candidacy(&node.until(node.now + 1_000)) {
            return candidacy;
        }
    }
    panic!("no election by {latest}");
}

/// The last renewal of a holder among these.
pub(crate) fn renewed(out: &[Output]) -> Option<(u64, LeaseRequest)> {
    requests(out).rfind(|(_, request)| request.hop.is_some())
}

/// The pass among these.
pub(crate) fn passed_to(out: &[Output]) -> Option<(u16, Pass)> {
    out.iter().find_map(|output| match output {
        Output::Send {
            to,
            message: Message::Pass(pass),
        } => Some((to.0, *pass)),
        _ => None,
    })
}

/// Whether these acknowledge a pass with that hop.
pub(crate) fn acknowledges(out: &[Output], to: u16, hop: u64) -> bool {
    sent_to(out, to).iter().any(
        |message| matches!(message, Message::PassAck { hop: acknowledged, .. } if *acknowledged == hop),
    )
}

/// The answer to a peer's request: granted with what is known, or denied.
pub(crate) enum Answer {
    Granted(Option<Record>),
    Denied(Denial),
}

impl Answer {
    pub(crate) fn of(out: &[Output], to: u16) -> Self {
        let answers = sent_to(out, to)
            .into_iter()
            .filter_map(|message| match message {
                Message::Granted { balls, .. } => Some(Self::Granted(balls[0].newest)),
                Message::Denied { balls, .. } => Some(Self::Denied(balls[0].clone())),
                _ => None,
            });
        let mut answers: Vec<Self> = answers.collect();
        assert_eq!(answers.len(), 1, "one answer: {out:?}");
        answers.remove(0)
    }

    pub(crate) fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }

    pub(crate) fn denial(self) -> Denial {
        match self {
            Self::Denied(denial) => denial,
            Self::Granted(_) => panic!("it was granted"),
        }
    }
}

/// A lineage that continues whatever a voter granted up to this hop.
pub(crate) fn up_to(hop: u64) -> Lineage {
    let mut lineage = Lineage::default();
    for node in (0..8).map(NodeId) {
        lineage.request(Renewal { hop, node });
    }
    lineage
}
