//! Islands: the parts of the ring whose members can all talk with each other.

use crate::clock::Nanos;
use crate::world::World;

/// Hosts that all run and are all linked with each other, and with nobody else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Island {
    /// Identifies this membership; another membership is another island.
    pub(crate) id: u64,
    pub(crate) members: Vec<usize>,
    lifetimes: Vec<u64>,
    /// Since when it has been unchanged.
    pub(crate) since: Nanos,
}

/// The islands as they are now; unchanged ones keep their id.
pub(crate) fn survey(world: &World) -> Vec<Island> {
    let hosts = world.hosts.len();
    let mut seen = vec![false; hosts];
    let mut islands = Vec::new();
    for first in 0..hosts {
        if seen[first] || world.hosts[first].awake().is_none() {
            continue;
        }
        let members: Vec<usize> = (0..hosts)
            .filter(|&host| host == first || linked(world, first, host))
            .collect();
        if !is_whole(world, &members) {
            continue;
        }
        for &member in &members {
            seen[member] = true;
        }
        let lifetimes: Vec<u64> = members
            .iter()
            .filter_map(|&host| lifetime(world, host))
            .collect();
        let before = world
            .islands
            .iter()
            .find(|island| island.members == members && island.lifetimes == lifetimes);
        islands.push(before.cloned().unwrap_or(Island {
            id: world.surveys * hosts as u64 + first as u64,
            members,
            lifetimes,
            since: world.now,
        }));
    }
    islands
}

fn lifetime(world: &World, host: usize) -> Option<u64> {
    world.hosts[host]
        .process
        .as_ref()
        .map(|process| process.lifetime)
}

fn is_whole(world: &World, members: &[usize]) -> bool {
    members.iter().all(|&member| {
        let Some(process) = world.hosts[member].awake() else {
            return false;
        };
        (0..world.hosts.len()).all(|other| {
            let inside = members.contains(&other);
            let half_open = process.links[other].is_some() && world.hosts[other].awake().is_some();
            member == other
                || if inside {
                    linked(world, member, other)
                } else {
                    !half_open
                }
        })
    })
}

/// Whether both ends use the same connection and nothing cuts it.
pub(crate) fn linked(world: &World, a: usize, b: usize) -> bool {
    let link = |from: usize, to: usize| {
        world.hosts[from]
            .awake()
            .and_then(|process| process.links[to])
    };
    let both = link(a, b).is_some() && link(a, b) == link(b, a);
    both && world.net.is_whole(a, b)
        && world.net.connections[link(a, b).unwrap_or(0)].open == [true; 2]
}
