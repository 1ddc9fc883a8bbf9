//! One node, and peers that say what the test says.

use std::sync::Arc;
use std::time::Duration;

use carom::ring::message::{Denial, Grant, LeaseRequest, Pass};
use carom::ring::{
    BallId, BallState, Generation, Incarnation, InitialBall, Input, Lineage, Message, Node, NodeId,
    Notification, Output, Record, Renewal, Stamp, Time, Topology,
};

/// In microseconds, as all spans and moments here.
pub(crate) const LEASE: u64 = 800_000;
pub(crate) const BEAT: u64 = LEASE / 4;
/// What a grant is worth to a holder.
pub(crate) const WORTH: u64 = LEASE - LEASE / 100;
pub(crate) const BALL: BallId = BallId(1);

/// The node under test is the first one; its ball flies to the second.
pub(crate) struct Solo {
    pub(crate) node: Node,
    pub(crate) now: u64,
    /// There and back to every peer.
    pub(crate) round_trip: u64,
    /// Peers that send their heartbeats.
    alive: Vec<u8>,
    next_beat: u64,
}

/// How the ball is served: so long from edge to edge.
pub(crate) fn state(crossing: u64) -> BallState {
    BallState {
        position: [0.0, 300.0],
        velocity: [800.0 / (crossing as f64 / 1e6), 0.0],
        radius: 30.0,
        color: [255, 64, 0],
    }
}

pub(crate) fn topology(nodes: usize, crossing: u64) -> Topology {
    Topology {
        ring: "rules".to_owned(),
        nodes: (1..=nodes).map(|number| format!("pi{number}")).collect(),
        lease: Duration::from_micros(LEASE),
        balls: vec![InitialBall {
            start: NodeId(0),
            state: state(crossing),
        }],
        ..Topology::default()
    }
}

impl Solo {
    /// A node that starts at moment 0 and has met nobody.
    pub(crate) fn new(topology: Topology) -> Self {
        Self::which(topology, 0)
    }

    pub(crate) fn which(topology: Topology, me: u8) -> Self {
        Self::life(topology, me, 42)
    }

    /// Another life draws other random numbers.
    pub(crate) fn life(topology: Topology, me: u8, incarnation: u64) -> Self {
        let node = Node::new(
            Arc::new(topology),
            NodeId(me),
            Incarnation(incarnation),
            Time::default(),
        );
        Self {
            node,
            now: 0,
            round_trip: 0,
            alive: Vec::new(),
            next_beat: 0,
        }
    }

    /// A node that has met all others at moment 0.
    pub(crate) fn among(nodes: u8, crossing: u64) -> Self {
        let mut solo = Self::new(topology(nodes.into(), crossing));
        (1..nodes).for_each(|peer| drop(solo.meet(peer)));
        solo
    }

    /// The holder of a ball of generation 1, won a lease after the start with all voices.
    pub(crate) fn holder(nodes: u8, crossing: u64) -> Self {
        let mut solo = Self::among(nodes, crossing);
        let seq = candidate(&solo.until(LEASE)).unwrap().0;
        let won: Vec<Output> = (1..nodes)
            .flat_map(|peer| solo.grant(peer, seq, None))
            .collect();
        assert!(lit(&won), "{won:?}");
        solo
    }

    pub(crate) fn feed(&mut self, input: Input) -> Vec<Output> {
        self.node.handle(Time::from_micros(self.now), input)
    }

    pub(crate) fn hear(&mut self, from: u8, message: Message) -> Vec<Output> {
        let from = NodeId(from);
        self.feed(Input::Received { from, message })
    }

    /// A connection to the peer opens, and it sends its heartbeats from now on.
    pub(crate) fn meet(&mut self, peer: u8) -> Vec<Output> {
        self.meet_life(peer, 100 + u64::from(peer))
    }

    pub(crate) fn meet_life(&mut self, peer: u8, life: u64) -> Vec<Output> {
        if !self.alive.contains(&peer) {
            self.alive.push(peer);
        }
        let mut out = self.feed(Input::LinkUp {
            peer: NodeId(peer),
            incarnation: Incarnation(life),
        });
        out.extend(self.beat_of(peer));
        out
    }

    /// The peer sends nothing more.
    pub(crate) fn silence(&mut self, peer: u8) {
        self.alive.retain(|&other| other != peer);
    }

    pub(crate) fn part(&mut self, peer: u8) -> Vec<Output> {
        self.silence(peer);
        let peer = NodeId(peer);
        self.feed(Input::LinkDown { peer })
    }

    /// The peer's clock is a second ahead; it answers what it heard half a round trip ago, at once.
    fn beat_of(&mut self, peer: u8) -> Vec<Output> {
        let at = self.now + 1_000_000;
        let since = 7;
        let echo = self.now.checked_sub(self.round_trip + since);
        self.hear(peer, Message::Heartbeat { at, echo, since })
    }

    /// Lets time pass, and everything happen that is due by then.
    pub(crate) fn until(&mut self, moment: u64) -> Vec<Output> {
        let mut out = Vec::new();
        for _ in 0..10_000 {
            let due = self.node.next_deadline().map(Time::as_micros);
            let beat = (!self.alive.is_empty()).then_some(self.next_beat);
            let next = due.into_iter().chain(beat).min();
            let Some(next) = next.filter(|&next| next <= moment) else {
                self.now = moment;
                return out;
            };
            self.now = self.now.max(next);
            if beat == Some(next) {
                self.next_beat += BEAT / 2;
                for peer in self.alive.clone() {
                    out.extend(self.beat_of(peer));
                }
            } else {
                out.extend(self.feed(Input::Tick));
            }
        }
        panic!("it never rests: at {} of {moment}", self.now);
    }

    /// A peer asks for the ball.
    pub(crate) fn ask(&mut self, from: u8, generation: Generation) -> Vec<Output> {
        let balls = vec![LeaseRequest::of_candidate(BALL, generation)];
        self.hear(from, Message::Acquire { seq: 77, balls })
    }

    /// A peer that has the ball renews its lease.
    pub(crate) fn renewal(&mut self, from: u8, generation: Generation, hop: u64) -> Vec<Output> {
        let balls = vec![LeaseRequest::of_holder(
            BALL,
            record(generation, hop),
            up_to(hop),
        )];
        self.hear(from, Message::Acquire { seq: 78, balls })
    }

    pub(crate) fn grant(&mut self, from: u8, seq: u64, newest: Option<Record>) -> Vec<Output> {
        let balls = vec![Grant { ball: BALL, newest }];
        self.hear(from, Message::Granted { seq, balls })
    }

    pub(crate) fn deny(
        &mut self,
        from: u8,
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
        self.hear(from, Message::Denied { seq, balls })
    }

    /// A peer passes the ball with this much lease left, an echo of now.
    pub(crate) fn pass(
        &mut self,
        from: u8,
        generation: Generation,
        hop: u64,
        left: u64,
    ) -> Vec<Output> {
        let echo = Some(self.now);
        self.pass_with(from, record(generation, hop), left, echo, 0)
    }

    pub(crate) fn pass_with(
        &mut self,
        from: u8,
        record: Record,
        left: u64,
        echo: Option<u64>,
        since: u64,
    ) -> Vec<Output> {
        self.hear(
            from,
            Message::Pass(Pass {
                ball: BALL,
                record,
                left,
                echo,
                since,
                lineage: Lineage::default(),
            }),
        )
    }

    /// Whether the LED is on.
    pub(crate) fn here(&self) -> bool {
        self.node.ball_views().next().unwrap().here
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.node.ball_views().next().unwrap().stamp
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

pub(crate) fn lit(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::LedOn(_)))
}

pub(crate) fn dark(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::LedOff(_)))
}

pub(crate) fn notes(out: &[Output]) -> Vec<Notification> {
    let note = |output: &Output| match output {
        Output::Notify(note) => Some(*note),
        _ => None,
    };
    out.iter().filter_map(note).collect()
}

/// Every line to that peer, broadcasts included.
pub(crate) fn said(out: &[Output], peer: u8) -> Vec<Message> {
    let line = |output: &Output| match output {
        Output::Send { to, message } if to.0 == peer => Some(message.clone()),
        Output::Broadcast(message) => Some(message.clone()),
        _ => None,
    };
    let heartbeat = |message: &Message| matches!(message, Message::Heartbeat { .. });
    let lines = out.iter().filter_map(line);
    lines.filter(|message| !heartbeat(message)).collect()
}

/// The numbers and claims of all requests among these.
fn requests(out: &[Output]) -> impl DoubleEndedIterator<Item = (u64, LeaseRequest)> {
    let request = |message: Message| match message {
        Message::Acquire { seq, balls } => Some((seq, balls.first()?.clone())),
        _ => None,
    };
    said(out, u8::MAX).into_iter().filter_map(request)
}

/// The first candidacy among these.
pub(crate) fn candidate(out: &[Output]) -> Option<(u64, LeaseRequest)> {
    requests(out).find(|(_, claim)| claim.hop.is_none())
}

/// The last renewal among these.
pub(crate) fn renewed(out: &[Output]) -> Option<(u64, LeaseRequest)> {
    requests(out).rfind(|(_, claim)| claim.hop.is_some())
}

/// The pass among these.
pub(crate) fn passed_to(out: &[Output]) -> Option<(u8, Pass)> {
    out.iter().find_map(|output| match output {
        Output::Send {
            to,
            message: Message::Pass(pass),
        } => Some((to.0, *pass)),
        _ => None,
    })
}

/// Whether these answer with an acknowledgement of that hop.
pub(crate) fn acknowledges(out: &[Output], to: u8, hop: u64) -> bool {
    said(out, to)
        .iter()
        .any(|message| matches!(message, Message::PassAck { hop: told, .. } if *told == hop))
}

/// The answer to a peer's request: granted with what is known, or denied.
pub(crate) enum Answer {
    Granted(Option<Record>),
    Denied(Denial),
}

impl Answer {
    pub(crate) fn of(out: &[Output], to: u8) -> Self {
        let answers = said(out, to)
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
