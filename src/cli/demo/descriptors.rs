//! The file descriptors of the demo: every node keeps a link to every other one, and both ends are here.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::failure::Failure;

/// Descriptors of one node beside its links: listeners, timers, wakers, and links that are being made.
const OF_ONE_NODE: u64 = 24;

/// Descriptors of the process, and of readers of the pages.
const OF_ALL: u64 = 200;

/// How many descriptors the demo may need.
fn needed(nodes: u8, http: bool) -> u64 {
    let nodes = u64::from(nodes);
    let followers = if http { 64 } else { 0 };
    nodes * (nodes.saturating_sub(1) + OF_ONE_NODE) + followers + OF_ALL
}

/// Raises the limit of the process so far that these nodes fit, where the system allows it.
pub(super) fn allow_for(nodes: u8, http: bool) -> Result<(), Failure> {
    let needed = needed(nodes, http);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(needed),
        ..limit
    };
    let allowed = limit.maximum.is_none_or(|maximum| maximum >= needed);
    if allowed && setrlimit(Resource::Nofile, raised).is_ok() {
        return Ok(());
    }
    Err(Failure::Run(format!(
        "{nodes} nodes need up to {needed} open files, and this process may have {}: start fewer nodes, or raise the limit with ulimit -n",
        limit.current.unwrap_or(needed)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_nodes_fit_the_usual_limit_and_sixty_need_a_higher_one() {
        assert!(needed(15, true) < 1_024);
        let most = needed(60, true);
        // Measured: 3,910 descriptors.
        assert!((4_096..8_192).contains(&most), "{most}");
    }
}
