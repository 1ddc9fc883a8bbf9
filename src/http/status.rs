//! `/status`: what a node knows, as JSON.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use super::return_status::{ReturnStatus, ReturnedBy};
use crate::endpoint::Endpoint;
use crate::ring::view::{BallView, Health, NodeView, View};
use crate::ring::{NodeId, OnPartition, Shape, Topology};

pub(super) const VERSION: u32 = 1;

/// What one node knows at one moment. Durations are in the unit at the end of their names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of this format: 1. It stays the same when fields are added.
    pub version: u32,
    /// The version of carom that the node runs.
    pub carom: String,
    /// The ring's name.
    pub ring: String,
    /// The name of the node that answers.
    pub node: String,
    /// The number of its process, drawn at its start, in hexadecimal digits.
    pub incarnation: String,
    /// How long the process has been running.
    pub uptime_seconds: f64,
    /// What the node can do for the ring.
    pub condition: Condition,
    /// Whether the first and the last node are neighbours.
    pub shape: Shape,
    /// How long a holder keeps a ball without an answer from a majority.
    pub lease_ms: u64,
    /// What nodes do that are cut off from the majority.
    pub on_partition: OnPartition,
    /// Every node's screen, width and height in pixels.
    pub screen: [f64; 2],
    /// The keys that the links of the node are made with; `null` if the ring has no key.
    #[serde(default)]
    pub key: Option<KeyStatus>,
    /// The LED of the node.
    pub led: LedStatus,
    /// Every node, in ring order.
    pub nodes: Vec<NodeStatus>,
    /// Every ball that the node knows.
    pub balls: Vec<BallStatus>,
    /// What the node has counted since its start.
    pub counters: CounterStatus,
    /// The last ball that this node took over from a node that had fallen silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_return: Option<ReturnStatus>,
}

/// What a node can do for the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The node takes part in elections, and reaches a majority of the voters.
    InRing,
    /// Less than a lease has passed since the node started.
    Starting,
    /// The node does not reach a majority of the voters.
    CutOff,
    /// The node hands its balls on and is about to stop.
    Draining,
}

impl Condition {
    /// The condition as people read it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::InRing => "up",
            Self::Starting => "starting",
            Self::CutOff => "cut off",
            Self::Draining => "stopping",
        }
    }
}

/// The keys of the ring, by their fingerprints. Everyone may see them: a fingerprint is a part of the hash
/// of 256 random bits, which tells nothing about them, and the links send it before they are encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// The key with which the node makes links.
    pub used: String,
    /// Another key with which peers may make links to it, while the ring's key is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also_accepted: Option<String>,
    /// How many links were made with the key that is used; the others were made before it was.
    pub links: usize,
}

/// A node's LED.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedStatus {
    /// Whether it is on: whether any ball is here.
    pub lit: bool,
    /// Why it cannot be switched; absent while it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// One node, as the answering node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The name of the node.
    pub name: String,
    /// Whether it is one of the voters that the ring file chooses. An earlier carom does not say: there all vote.
    #[serde(default = "votes")]
    pub voter: bool,
    /// `up`, `down`, or `unknown` where the answering node may be the one that is cut off, or is connected to the node, but far
    /// from it and has not heard it lately.
    pub state: String,
    /// For how long it has been in that state.
    pub since_seconds: f64,
    /// The round-trip time of the link; absent without a link and for the answering node itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// The incarnation of its process, while it is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    /// Its HTTP endpoint, `HOST:PORT`; without a host where that is the one of this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Another process has the node's name, too; absent if none was noticed in the last seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<DuplicateStatus>,
}

/// Two processes that play one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateStatus {
    /// The address of the process that the answering node is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<String>,
    /// The address of the process that the answering node has refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What a peer said that has refused the answering node itself; it names both addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// One ball, as the answering node knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BallStatus {
    /// 1 for the first of the ring file.
    pub ball: u32,
    /// The node that has it, as far as is known; absent where the answering node is not told of every holder, and has not heard of
    /// the ball for three leases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Whether the answering node possesses it.
    pub here: bool,
    /// Whether the answering node has a frozen copy of it.
    pub frozen: bool,
    /// Whether it is a guest: not in the ring file, and removed after some time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// The window that has it, if the answering node lent it to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loan: Option<LoanStatus>,
    /// Its generation, `round.nonce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// The number of its passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<u64>,
    /// The position of its centre, in pixels from the lower left corner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 2]>,
    /// In pixels per second, y upwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub velocity: Option<[f64; 2]>,
    /// In pixels.
    #[serde(default)]
    pub radius: f64,
    /// Red, green, blue.
    #[serde(default)]
    pub color: [u8; 3],
    /// How long ago it was where `position` says.
    pub age_seconds: f64,
}

impl BallStatus {
    /// The hop for people: a dash if it is not known.
    pub fn hop_text(&self) -> String {
        self.hop
            .map_or_else(|| "-".to_owned(), |hop| hop.to_string())
    }
}

/// The loan of a ball to a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoanStatus {
    /// The name of the window.
    pub window: String,
    /// How long ago the ball was sent to it.
    pub since_seconds: f64,
}

/// What the answering node has counted since its start.
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
    /// Links to a peer that had been connected before.
    pub reconnects: u64,
    /// Lines from the network that were no message.
    pub bad_lines: u64,
    /// Processes of other nodes that have ended, by proof of their LED keepers.
    #[serde(default)]
    pub obituaries: u64,
    /// How often the machine scheduled the process too late.
    #[serde(default)]
    pub stalls: u64,
    /// The longest of these delays.
    #[serde(default)]
    pub longest_stall_ms: u64,
}

/// What the daemon knows and the ring's core does not.
#[derive(Clone, Debug, Default)]
pub struct DaemonStatus {
    /// The HTTP endpoint of every node, in ring order; may be shorter where some are not known.
    pub http_endpoints: Rc<[Endpoint]>,
    /// The last ball that this node took over.
    pub last_return: Option<ReturnStatus>,
    /// Other processes that have a node's name, in ring order; may be shorter where none is known.
    pub duplicates: Vec<Option<DuplicateStatus>>,
    /// The keys that the links are made with.
    pub key: Option<KeyStatus>,
    /// The LED of the node.
    pub led: LedStatus,
    /// Links to a peer that had been connected before.
    pub reconnects: u64,
    /// Lines from the network that were no message.
    pub bad_lines: u64,
    /// Processes of other nodes that have ended, by proof of their LED keepers.
    pub obituaries: u64,
    /// Connections to the ports for windows that brought no valid ball: the core never sees them.
    pub refused_balls: u64,
    /// How often the machine scheduled the loop too late.
    pub stalls: u64,
    /// The longest of these delays.
    pub longest_stall: Duration,
}

impl Status {
    /// Combines what the core and the daemon know.
    pub fn new(topology: &Topology, view: &View, daemon: DaemonStatus) -> Self {
        let condition = match view {
            View { draining: true, .. } => Condition::Draining,
            View {
                is_past_quarantine: false,
                ..
            } => Condition::Starting,
            View {
                has_quorum: false, ..
            } => Condition::CutOff,
            View { .. } => Condition::InRing,
        };
        let nodes = view.nodes.iter();
        let nodes = nodes.map(|node| node_status(topology, node, &daemon));
        let nodes = nodes.collect();
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
            key: daemon.key,
            led: daemon.led,
            nodes,
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
                obituaries: daemon.obituaries,
                stalls: daemon.stalls,
                longest_stall_ms: whole_millis(daemon.longest_stall),
            },
            last_return: daemon.last_return,
        }
    }
}

fn votes() -> bool {
    true
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn node_status(topology: &Topology, node: &NodeView, daemon: &DaemonStatus) -> NodeStatus {
    let duplicate = daemon.duplicates.get(node.node.index());
    let state = match node.health {
        Health::Up => "up",
        Health::Down => "down",
        Health::Unknown => "unknown",
    };
    NodeStatus {
        name: topology.name(node.node).to_owned(),
        voter: topology.votes(node.node),
        state: state.to_owned(),
        since_seconds: node.since.as_secs_f64(),
        round_trip_ms: node.round_trip.map(|span| span.as_micros() as f64 / 1e3),
        incarnation: node.incarnation.map(|incarnation| incarnation.to_string()),
        http: daemon
            .http_endpoints
            .get(node.node.index())
            .map(ToString::to_string),
        duplicate: duplicate.cloned().flatten(),
    }
}

fn ball_status(topology: &Topology, me: NodeId, ball: &BallView) -> BallStatus {
    let initial = || {
        let mut balls = topology.initial_balls();
        let found = balls.find(|(id, _)| *id == ball.ball);
        found.map(|(_, ball)| ball.state)
    };
    // A ball that no node has had yet looks as the ring file says.
    let appearance = ball.state.or_else(initial);
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
        radius: appearance.map_or(0.0, |state| state.radius),
        color: appearance.map_or([0; 3], |state| state.color),
        age_seconds: ball.age.as_secs_f64(),
    }
}
