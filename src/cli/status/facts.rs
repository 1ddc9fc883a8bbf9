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
pub(crate) mod tests {
    use super::*;

    /// What pi1 of three nodes answers; pi3 is down, and the ball is at pi2.
    pub(crate) fn status() -> Status {
        serde_json::from_str(
            r#"{
                "version": 1, "carom": "0.1.0", "ring": "test", "node": "pi1", "incarnation": "1f",
                "uptime_seconds": 3.5, "condition": "in-ring", "shape": "ring", "lease_ms": 500,
                "on_partition": "freeze", "screen": [800.0, 600.0],
                "key": {"used": "one two", "also_accepted": "three four", "links": 1},
                "led": {"lit": false},
                "nodes": [
                    {"name": "pi1", "state": "up", "since_seconds": 3.0},
                    {"name": "pi2", "state": "up", "since_seconds": 2.0, "round_trip_ms": 0.4},
                    {"name": "pi3", "state": "down", "since_seconds": 1.0}
                ],
                "balls": [{
                    "ball": 1, "holder": "pi2", "here": false, "frozen": false, "generation": "1.2",
                    "hop": 7, "position": [1.0, 2.0], "velocity": [-100.0, 5.0], "radius": 20.0,
                    "color": [1, 2, 3], "age_seconds": 0.1
                }],
                "counters": {
                    "hops": 0, "elections": 0, "refused_passes": 0, "reconnects": 0, "bad_lines": 0
                }
            }"#,
        )
        .unwrap()
    }

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
