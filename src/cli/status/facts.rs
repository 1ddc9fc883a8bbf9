//! `carom status --facts`: what a rollout must know of a node, one fact a line, so that no script reads JSON.

use std::io;

use super::gate::missing_peers;
use crate::escape::Escaped;
use crate::http::{Condition, Status};

/// Prints a word and its value on each line.
pub(super) fn print(status: &Status, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "condition {}", word(status.condition))?;
    writeln!(out, "nodes {}", status.nodes.len())?;
    for peer in missing_peers(status) {
        writeln!(out, "missing {}", Escaped(peer))?;
    }
    writeln!(out, "hops {}", status.counters.hops)?;
    if let Some(key) = &status.key {
        writeln!(out, "key-used {}", Escaped(&key.used))?;
        if let Some(also) = &key.also_accepted {
            writeln!(out, "key-also {}", Escaped(also))?;
        }
        writeln!(out, "key-links {}", key.links)?;
    }
    Ok(())
}

/// The condition as `/status` has it.
fn word(condition: Condition) -> &'static str {
    match condition {
        Condition::InRing => "in-ring",
        Condition::Starting => "starting",
        Condition::CutOff => "cut-off",
        Condition::Draining => "draining",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::tests::status;

    #[test]
    fn every_fact_is_a_word_and_a_value() {
        let mut out = Vec::new();
        print(&status(), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "condition in-ring\nnodes 3\nmissing pi3\nhops 0\nkey-used one two\nkey-also three four\nkey-links 1\n"
        );
    }

    #[test]
    fn a_condition_is_the_word_of_the_status() {
        for condition in [
            Condition::InRing,
            Condition::Starting,
            Condition::CutOff,
            Condition::Draining,
        ] {
            let json = serde_json::to_string(&condition).unwrap();
            assert_eq!(json, format!("\"{}\"", word(condition)));
        }
    }
}
