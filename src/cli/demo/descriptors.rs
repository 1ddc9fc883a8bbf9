//! The file descriptors that the demo needs.

use rustix::process::{Resource, getrlimit};

use crate::cli::failure::Failure;

/// Descriptors of the demo for one node: its trace, its connection, and while it starts its two listeners.
const FOR_ONE_NODE: u64 = 4;

/// Descriptors of a process beside those that depend on the number of nodes.
const OF_A_PROCESS: u64 = 60;

/// How many descriptors each process of the demo may need. A node has one for each link, which is fewer.
fn needed(nodes: u8) -> u64 {
    u64::from(nodes) * FOR_ONE_NODE + OF_A_PROCESS
}

/// Refuses what would not fit the limit of this process, which is that of the nodes' processes, too.
pub(super) fn check(nodes: u8) -> Result<(), Failure> {
    let needed = needed(nodes);
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Err(Failure::Run(format!(
            "{nodes} nodes need up to {needed} open files in a process, and the limit is {limit}: start fewer nodes, or raise it with ulimit -n"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_nodes_fits_the_usual_limit() {
        assert!(needed(60) < 1_024);
    }
}
