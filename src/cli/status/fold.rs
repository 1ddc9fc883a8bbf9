//! In a large ring, the nodes of which there is nothing to tell share a line.

use std::io;

use crate::escape::Escaped;
use crate::http::{Condition, LedStatus, Status};

/// Whether a node is up, has no ball and a good LED, and misses no peer.
pub(super) fn is_usual(own: &Status) -> bool {
    own.condition == Condition::InRing
        && own.led == LedStatus::default()
        && !own.balls.iter().any(|ball| ball.here || ball.frozen)
        && own.nodes.iter().all(|node| node.state != "down")
}

/// Names the nodes that have no line of their own: those that follow each other by the first and the last.
pub(super) fn print_folded(nodes: &[(&str, bool)], out: &mut impl io::Write) -> io::Result<()> {
    let runs = nodes.chunk_by(|(_, one), (_, other)| one == other);
    let runs: Vec<String> = runs
        .filter_map(|run| match run {
            [(name, true)] => Some(Escaped(name).to_string()),
            [(first, true), .., (last, _)] => {
                Some(format!("{} to {}", Escaped(first), Escaped(last)))
            }
            _ => None,
        })
        .collect();
    let count = nodes.iter().filter(|(_, folded)| *folded).count();
    if count == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "{count} are up without a ball, LED off: {}",
        runs.join(", ")
    )
}
