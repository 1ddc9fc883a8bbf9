//! Everything that one run depends on, drawn from its seed: ring, network, clocks, faults.

use std::sync::Arc;
use std::time::Duration;

use carom::ring::{BallState, InitialBall, NodeId, OnPartition, Shape, Topology};

use crate::clock::{MOST_DRIFT, Nanos};
use crate::faults::Fault;
use crate::obituaries::Keepers;
use crate::{large, swarm, topology, voters, windows};

/// How the network behaves while no fault affects it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NetworkProfile {
    pub(crate) delay: Nanos,
    pub(crate) jitter: Nanos,
    /// Of a thousand messages, so many are lost once and sent again by TCP.
    pub(crate) spike_permille: u32,
    pub(crate) spike: Nanos,
    /// Of a thousand messages, so many arrive twice.
    pub(crate) duplicate_permille: u32,
    /// Of a thousand messages that are lost with their connection, so many arrive after all.
    pub(crate) stray_permille: u32,
    /// The longest wait between two attempts to dial.
    pub(crate) max_dial_delay: Nanos,
}

impl NetworkProfile {
    /// Whether messages are late, doubled or stray even without a fault.
    pub(crate) fn is_noisy(&self) -> bool {
        self.spike_permille + self.duplicate_permille + self.stray_permille > 0
    }
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) topology: Arc<Topology>,
    /// Another ring file of the same ring, for nodes that did not get the change.
    pub(crate) other: Arc<Topology>,
    pub(crate) profile: NetworkProfile,
    pub(crate) drifts: Vec<i64>,
    /// An offset that is added to every clock, in nanoseconds.
    pub(crate) epoch: Nanos,
    /// What the LED keepers of killed processes do.
    pub(crate) keepers: Keepers,
    /// How late a timer may fire.
    pub(crate) lateness: Nanos,
    pub(crate) faults: Vec<Fault>,
    /// From here on there are no more faults.
    pub(crate) faults_end: Nanos,
    pub(crate) ends: Nanos,
}

/// How many leases without faults end a run: enough to recover from anything, and to see it last.
pub(crate) const RECOVERY_LEASES: u64 = 8;

impl Plan {
    pub(crate) fn lease(&self) -> Nanos {
        nanos(self.topology.lease)
    }

    pub(crate) fn plays_on(&self) -> bool {
        self.topology.on_partition == OnPartition::PlayOn
    }

    /// More than half of the voters, whatever the ring does on a partition; counted here, not by the code under test.
    pub(crate) fn majority(&self) -> usize {
        self.voters_in(0..self.topology.nodes.len()) / 2 + 1
    }

    /// Whether these nodes are a majority.
    pub(crate) fn is_majority(&self, nodes: impl Iterator<Item = usize>) -> bool {
        self.voters_in(nodes) >= self.majority()
    }

    /// How many of these nodes vote.
    pub(crate) fn voters_in(&self, nodes: impl Iterator<Item = usize>) -> usize {
        nodes
            .filter(|&node| self.topology.votes(NodeId(node as u16)))
            .count()
    }

    /// The longest time that a message takes without a fault.
    pub(crate) fn one_way(&self) -> Nanos {
        self.profile.delay + self.profile.jitter
    }

    /// A ring without faults, except what a test does to it.
    pub(crate) fn without_faults(nodes: usize) -> Self {
        let lease = Topology::default().lease;
        let ball = ball(400.0, 130.0);
        let topology = Arc::new(topology::one_ball("sim", nodes, lease, ball));
        let other = Arc::new(Topology {
            lease: Duration::from_millis(600),
            ..(*topology).clone()
        });
        Self {
            seed: 1,
            topology,
            other,
            profile: NetworkProfile {
                delay: 500_000,
                jitter: 100_000,
                spike_permille: 0,
                spike: 0,
                duplicate_permille: 0,
                stray_permille: 0,
                max_dial_delay: 100_000_000,
            },
            drifts: vec![0; nodes],
            epoch: 0,
            keepers: Keepers::Silent,
            lateness: 0,
            faults: Vec::new(),
            faults_end: Nanos::MAX / 4,
            ends: Nanos::MAX / 4,
        }
    }

    /// The run that this seed stands for.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let random = &mut random;
        let mut topology = draw_topology(random);
        large::draw(seed, &mut topology);
        windows::draw(seed, &mut topology);
        voters::draw(seed, &mut topology);
        let topology = Arc::new(topology);
        let nodes = topology.nodes.len();
        let lease = nanos(topology.lease);
        let other = voters::changed(seed, &topology).unwrap_or_else(|| Topology {
            lease: topology.lease + Duration::from_millis(1),
            ..(*topology).clone()
        });
        let other = Arc::new(other);
        let late = random.u8(0..4) == 0;
        // A late timer and a fast clock share the one percent that the promise allows.
        let drift = *random
            .choice(if late {
                &[0, 1_000, 2_000][..]
            } else {
                &[0, 50, MOST_DRIFT, MOST_DRIFT]
            })
            .unwrap_or(&0);
        let drifts = (0..nodes)
            .map(|_| match random.u8(0..3) {
                0 => -drift,
                1 => drift,
                _ => random.i64(-drift..=drift),
            })
            .collect();
        let troubled = log_uniform(random, 3 * lease, 40 * lease);
        let faults = swarm::draw(random, &topology, troubled);
        let faults_end = if faults.is_empty() { 0 } else { troubled };
        Self {
            seed,
            profile: draw_profile(random, &topology),
            other,
            drifts,
            epoch: 0,
            keepers: Keepers::draw(seed),
            lateness: if late { lease / 400 } else { 0 },
            faults,
            faults_end,
            ends: faults_end + RECOVERY_LEASES * lease + lease,
            topology,
        }
    }
}

pub(crate) fn draw_topology(random: &mut fastrand::Rng) -> Topology {
    // Small rings are the common ones, and the ones where a majority is soonest lost.
    let nodes = match random.u32(0..1_000) {
        0..30 => 1,
        30..130 => 2,
        130..480 => 3,
        480..600 => 4,
        600..800 => 5,
        800..970 => random.usize(6..=9),
        970..996 => random.usize(10..=16),
        _ => random.usize(17..=40),
    };
    let lease = Duration::from_millis(
        *random
            .choice(&[100, 250, 500, 500, 1_000, 2_000])
            .unwrap_or(&500),
    );
    let balls = if random.u8(0..3) > 0 {
        1
    } else {
        random.usize(1..=8)
    };
    let balls = if nodes > 9 { balls.min(2) } else { balls };
    let serves = (0..balls).map(|_| {
        let crossing = log_uniform(random, nanos(lease) / 50, nanos(lease) * 8);
        let mut speed = 800.0 / (crossing as f64 / 1e9);
        if random.u8(0..20) == 0 {
            speed = *random.choice(&[0.0, 1e9]).unwrap_or(&0.0);
        }
        let speed = if random.bool() { speed } else { -speed };
        InitialBall {
            start: NodeId(random.u8(0..nodes as u8).into()),
            state: ball(speed, random.i32(-400..400).into()),
        }
    });
    Topology {
        balls: serves.collect(),
        ring: "sim".to_owned(),
        nodes: topology::node_names(nodes),
        shape: if random.u8(0..3) > 0 {
            Shape::Ring
        } else {
            Shape::Row
        },
        lease,
        on_partition: if random.u8(0..4) > 0 {
            OnPartition::Freeze
        } else {
            OnPartition::PlayOn
        },
        ..Topology::default()
    }
}

fn draw_profile(random: &mut fastrand::Rng, topology: &Topology) -> NetworkProfile {
    let lease = nanos(topology.lease);
    let slow = random.u8(0..8) == 0;
    let fastest = topology
        .balls
        .iter()
        .any(|initial| initial.state.velocity[0].abs() > 1e6);
    // A ball that leaves at once makes as many hops as the network allows: limit their number.
    let least = if fastest { lease / 200 } else { lease / 5_000 };
    let delay = log_uniform(random, least, if slow { lease / 2 } else { lease / 30 });
    let noisy = random.u8(0..3) == 0;
    let mut some = |most: u32| {
        if noisy && random.u8(0..2) == 0 {
            random.u32(1..most)
        } else {
            0
        }
    };
    let (spike_permille, duplicate_permille, stray_permille) = (some(50), some(200), some(1_000));
    NetworkProfile {
        delay,
        jitter: random.u64(0..=delay),
        spike_permille,
        spike: random.u64(lease / 20..lease * 2),
        duplicate_permille,
        stray_permille,
        max_dial_delay: log_uniform(random, lease / 8, lease * 2),
    }
}

/// A ball in mid-screen.
pub(crate) fn ball(across: f64, up: f64) -> BallState {
    topology::ball([100.0, 300.0], [across, up])
}

/// A span in true nanoseconds.
pub(crate) fn nanos(span: Duration) -> Nanos {
    span.as_nanos() as u64
}

/// As likely to be between 1 and 10 as between 10 and 100.
pub(crate) fn log_uniform(random: &mut fastrand::Rng, least: u64, most: u64) -> u64 {
    let (low, high) = ((least.max(1) as f64).ln(), (most.max(1) as f64).ln());
    (low + (high - low).max(0.0) * random.f64()).exp() as u64
}
