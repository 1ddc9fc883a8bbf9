//! Who votes: as a ring file without the key has it, or a number of nodes, or a list.

use carom::ring::{NodeId, OnPartition, Topology, Voters};

/// Lets one third of the topologies say who votes, in each of the two ways. Two ring files of one ring may name the
/// same voters.
pub(crate) fn draw(seed: u64, topology: &mut Topology) {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x0070_7e25);
    if random.u8(0..3) == 0 {
        topology.voters = choose(&mut random, topology.nodes.len(), 1);
    }
}

/// Like `draw`, but so that a ring of four or more goes on without any one of its voters.
pub(crate) fn draw_three_or_more(seed: u64, topology: &mut Topology) {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x0070_7e25);
    if topology.nodes.len() > 3 && random.bool() {
        topology.voters = choose(&mut random, topology.nodes.len(), 3);
    }
}

/// The same ring file with one voter more or one less; `None` if this one says nothing of voters, or has no other node.
///
/// A majority of the ones then still meets each majority of the others. With any other change, nodes with the one
/// file and nodes with the other can be two rings at a time, each with a ball of its own.
pub(crate) fn changed(seed: u64, topology: &Topology) -> Option<Topology> {
    let all_vote = topology.on_partition == OnPartition::PlayOn;
    if all_vote || topology.voters == Topology::default().voters {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(seed ^ 0x00c4_a26e);
    let mut voters: Vec<NodeId> = topology.voter_ids().collect();
    let others = topology.node_ids().filter(|node| !voters.contains(node));
    match random.choice(others.collect::<Vec<_>>()) {
        Some(other) => voters.push(other),
        None if voters.len() > 1 => drop(voters.pop()),
        None => return None,
    }
    Some(Topology {
        voters: Voters::Nodes(voters),
        ..topology.clone()
    })
}

/// At least so many of the nodes.
fn choose(random: &mut fastrand::Rng, nodes: usize, least: usize) -> Voters {
    let number = random.usize(least.min(nodes)..=nodes);
    if random.bool() {
        return Voters::Number(number);
    }
    let mut all: Vec<NodeId> = (0..nodes as u16).map(NodeId).collect();
    random.shuffle(&mut all);
    all.truncate(number);
    Voters::Nodes(all)
}
