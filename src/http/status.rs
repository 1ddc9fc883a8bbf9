//! `/status`: what a node knows, as JSON.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::ring::view::{BallView, Health, NodeView, View};
use crate::ring::{NodeId, OnPartition, Shape, Topology};

pub(super) const VERSION: u32 = 1;

/// What one node knows at one moment. Spans in the unit that ends their name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Of this form: 1. Fields may be added without a new one.
    pub version: u32,
    /// The version of carom that it runs.
    pub carom: String,
    /// The ring's name.
    pub ring: String,
    /// The node that speaks.
    pub node: String,
    /// Its process.
    pub incarnation: String,
    /// How long that has been running.
    pub uptime_seconds: f64,
    /// What it can do for the ring.
    pub condition: Condition,
    /// What is beyond the ends.
    pub shape: Shape,
    /// How long a silent holder keeps a ball.
    pub lease_ms: u64,
    /// What a minority does.
    pub on_partition: OnPartition,
    /// Every node's screen, width and height in pixels.
    pub screen: [f64; 2],
    /// Its LED.
    pub led: LedStatus,
    /// Every node in ring order.
    pub nodes: Vec<NodeStatus>,
    /// Every ball.
    pub balls: Vec<BallStatus>,
    /// What happened since it started.
    pub counters: CounterStatus,
    /// The last ball that this node took back from one that had gone silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_return: Option<ReturnStatus>,
}

/// A ball that came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnStatus {
    /// 1 for the first of the ring file.
    pub ball: u32,
    /// Who was last heard to have it. A node that is lost with a ball that has just come is not: it
    /// had no time to say so.
    pub from: String,
    /// Who has had it since.
    pub to: String,
    /// From the last that was heard of it there to the LED here: at most a quarter of a lease
    /// more than it was away.
    pub away_ms: f64,
    /// How long ago it came back.
    pub age_seconds: f64,
}

/// What a node can do for the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It votes, and reaches a majority.
    InRing,
    /// Less than a lease has passed since it started.
    Starting,
    /// It does not reach a majority.
    CutOff,
    /// It is about to stop.
    Draining,
}

impl Condition {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InRing => "up",
            Self::Starting => "starting",
            Self::CutOff => "cut off",
            Self::Draining => "stopping",
        }
    }
}

/// A node's LED.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedStatus {
    /// Whether any ball is here.
    pub lit: bool,
    /// Why it cannot be set; absent while it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// One node, as the speaker sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// `up`, `down`, or `unknown` where the speaker cannot tell the node's silence from its own deafness.
    pub state: String,
    /// For how long it has been connected or not.
    pub since_seconds: f64,
    /// There and back on the link; absent for the speaker itself and without a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// Its process, while it is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    /// Where it answers HTTP, `HOST:PORT`; without a host where that is the one you asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
}

/// One ball, as the speaker knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BallStatus {
    /// 1 for the first of the ring file.
    pub ball: u32,
    /// Who has it, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Whether the speaker possesses it.
    pub here: bool,
    /// Whether the speaker has a copy that stands still.
    pub frozen: bool,
    /// Whether it is not in the ring file and will leave again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// The window that has it, if the speaker lent it to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loan: Option<LoanStatus>,
    /// Its term, `round.nonce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// How many passes it has made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<u64>,
    /// Of its centre, in pixels from the lower left corner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
    /// In pixels a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub velocity: Option<[f64; 2]>,
    /// In pixels.
    #[serde(default)]
    pub radius: f64,
    /// Red, green, blue.
    #[serde(default)]
    pub color: [u8; 3],
    /// How old this knowledge is.
    pub age_seconds: f64,
}

/// A ball that a window has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoanStatus {
    /// The window that it was given to.
    pub window: String,
    /// How long ago.
    pub since_seconds: f64,
}

/// What happened since the speaker started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterStatus {
    /// Passes taken.
    pub hops: u64,
    /// Elections won.
    pub elections: u64,
    /// Balls lent to windows.
    #[serde(default)]
    pub loans: u64,
    /// Balls from windows and guests that were not taken, and what came in their place.
    #[serde(default)]
    pub refused_balls: u64,
    /// Passes that brought nothing new.
    pub refused_passes: u64,
    /// Links that took the place of an earlier one.
    pub reconnects: u64,
    /// Lines from the network that were no message.
    pub bad_lines: u64,
    /// How often the machine did not let the process run when it had something to do.
    #[serde(default)]
    pub stalls: u64,
    /// The longest of these.
    #[serde(default)]
    pub longest_stall_ms: u64,
}

/// What the ring's core does not know.
#[derive(Clone, Debug, Default)]
pub struct DaemonStatus {
    /// Where every node answers HTTP, in ring order; shorter where that is not known.
    pub http_endpoints: Rc<[Endpoint]>,
    /// The last ball that came back here, and when.
    pub last_return: Option<ReturnStatus>,
    /// The LED.
    pub led: LedStatus,
    /// Links that took the place of an earlier one.
    pub reconnects: u64,
    /// Lines from the network that were no message.
    pub bad_lines: u64,
    /// What came to the ports for windows and could be no ball; the core never heard of it.
    pub refused_balls: u64,
    /// How often the loop came late by more than it should.
    pub stalls: u64,
    /// The longest of these.
    pub longest_stall: Duration,
}

impl Status {
    /// Puts into words of the network what the core and the daemon know.
    pub fn new(topology: &Topology, view: &View, daemon: DaemonStatus) -> Self {
        let condition = match view {
            View { draining: true, .. } => Condition::Draining,
            View { votes: false, .. } => Condition::Starting,
            View {
                has_quorum: false, ..
            } => Condition::CutOff,
            View { .. } => Condition::InRing,
        };
        Self {
            version: VERSION,
            carom: env!("CARGO_PKG_VERSION").to_owned(),
            ring: topology.ring.clone(),
            node: topology.name(view.me).to_owned(),
            incarnation: view.incarnation.to_string(),
            uptime_seconds: view.uptime.as_secs_f64(),
            condition,
            shape: topology.shape,
            lease_ms: whole_millis(topology.lease),
            on_partition: topology.on_partition,
            screen: [topology.screen.width, topology.screen.height],
            led: daemon.led,
            nodes: view
                .nodes
                .iter()
                .map(|node| node_status(topology, node, &daemon.http_endpoints))
                .collect(),
            balls: view
                .balls
                .iter()
                .map(|ball| ball_status(topology, view.me, ball))
                .collect(),
            counters: CounterStatus {
                hops: view.counters.hops,
                elections: view.counters.elections,
                refused_passes: view.counters.refused_passes,
                loans: view.counters.loans,
                refused_balls: view
                    .counters
                    .refused_balls
                    .saturating_add(daemon.refused_balls),
                reconnects: daemon.reconnects,
                bad_lines: daemon.bad_lines,
                stalls: daemon.stalls,
                longest_stall_ms: whole_millis(daemon.longest_stall),
            },
            last_return: daemon.last_return,
        }
    }
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn node_status(topology: &Topology, node: &NodeView, http_endpoints: &[Endpoint]) -> NodeStatus {
    let state = match node.health {
        Health::Up => "up",
        Health::Down => "down",
        Health::Unknown => "unknown",
    };
    NodeStatus {
        name: topology.name(node.node).to_owned(),
        state: state.to_owned(),
        since_seconds: node.since.as_secs_f64(),
        round_trip_ms: node.round_trip.map(|span| span.as_micros() as f64 / 1e3),
        incarnation: node.incarnation.map(|incarnation| incarnation.to_string()),
        http: http_endpoints
            .get(node.node.index())
            .map(ToString::to_string),
    }
}

fn ball_status(topology: &Topology, me: NodeId, ball: &BallView) -> BallStatus {
    let initial = || {
        let mut balls = topology.initial_balls();
        let found = balls.find(|(id, _)| *id == ball.ball);
        found.map(|(_, ball)| ball.state)
    };
    // Before anyone has had it, it looks as the ring file says.
    let looks = ball.state.or_else(initial);
    BallStatus {
        ball: ball.ball.0,
        holder: ball.holder.map(|holder| topology.name(holder).to_owned()),
        here: ball.here,
        frozen: ball.frozen,
        guest: ball.guest,
        loan: ball.loan.map(|loan| {
            let window = topology
                .window_chain(me, loan.edge)
                .and_then(|chain| chain.first(loan.edge));
            LoanStatus {
                window: window.map_or_else(String::new, |window| window.name.clone()),
                since_seconds: loan.since.as_secs_f64(),
            }
        }),
        generation: ball.stamp.map(|stamp| stamp.generation.to_string()),
        hop: ball.stamp.map(|stamp| stamp.hop),
        position: ball.state.map(|state| state.position),
        velocity: ball.state.map(|state| state.velocity),
        radius: looks.map_or(0.0, |state| state.radius),
        color: looks.map_or([0; 3], |state| state.color),
        age_seconds: ball.age.as_secs_f64(),
    }
}
