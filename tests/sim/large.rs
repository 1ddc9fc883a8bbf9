//! Large rings: a few seeds stand for one of 100 to 250 nodes.

use carom::ring::{NodeId, OnPartition, Topology};

use crate::topology::node_names;

/// One seed in this many has a large ring: it takes as long as thousands of small ones. All have, if the environment says so.
const EVERY: u64 = 5_000;

/// In a ring of more nodes the islands are not surveyed at every change.
const SURVEYED_AT_ONCE: usize = 64;

/// Makes the ring a large one, if the seed is one of those.
pub(crate) fn draw(seed: u64, topology: &mut Topology) {
    let all = std::env::var_os("CAROM_SIM_LARGE").is_some();
    if !all && !seed.is_multiple_of(EVERY) {
        return;
    }
    let mut random = fastrand::Rng::with_seed(seed ^ 0x1a46_e000);
    let nodes = random.usize(100..=250);
    topology.nodes = node_names(nodes);
    topology.on_partition = OnPartition::Freeze;
    topology.balls.truncate(2);
    for ball in &mut topology.balls {
        ball.start = NodeId(random.u8(0..nodes as u8).into());
        let [across, _] = &mut ball.state.velocity;
        // One that leaves at once makes the run a long one.
        *across = across.clamp(-100_000.0, 100_000.0);
    }
}

/// Whether a ring of so many nodes has a survey only now and then.
pub(crate) fn is_surveyed_seldom(nodes: usize) -> bool {
    nodes > SURVEYED_AT_ONCE
}
