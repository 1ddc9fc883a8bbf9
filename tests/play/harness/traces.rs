//! The lines that `trace` LEDs write.

use std::fs::read_to_string;
use std::path::Path;

use super::now;

/// The stamp of a ball: round, nonce, hop.
pub(crate) type Stamp = (u64, u64, u64);

/// One change of one LED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LedChange {
    /// CLOCK_MONOTONIC, in nanoseconds.
    pub(crate) at: u64,
    /// The node's index in the ring file, from 0.
    pub(crate) node: usize,
    pub(crate) on: bool,
    pub(crate) ball: u32,
    pub(crate) stamp: Stamp,
    /// The LED keeper wrote it, and not the daemon.
    pub(crate) by_keeper: bool,
}

impl LedChange {
    /// Reads `MONOTONIC_NANOSECONDS NODE on|off BALL GENERATION HOP`, and `keeper` behind an `off` of the LED keeper;
    /// anything else is an error.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(' ').collect();
        let (by_keeper, fields) = match fields.as_slice() {
            [fields @ .., "keeper"] if fields.get(2) == Some(&"off") => (true, fields),
            fields => (false, fields),
        };
        let [at, node, word, ball, generation, hop] = fields else {
            return None;
        };
        let (round, nonce) = generation.split_once('.')?;
        let nonce = (nonce.len() == 16).then(|| u64::from_str_radix(nonce, 16).ok())??;
        Some(Self {
            at: at.parse().ok()?,
            node: node
                .strip_prefix("pi")?
                .parse::<usize>()
                .ok()?
                .checked_sub(1)?,
            on: match *word {
                "on" => true,
                "off" => false,
                _ => return None,
            },
            ball: ball.parse().ok()?,
            stamp: (round.parse().ok()?, nonce, hop.parse().ok()?),
            by_keeper,
        })
    }
}

/// All changes of all nodes so far, in the order of time.
///
/// The files are read one after another while the ball moves on. So a change after the first of them was read does not
/// count: where the first file ends with an `on`, the others may have a thousand hops that came after its `off`. A node
/// writes its `off` before another node learns of it, so up to that moment no line is missing that a counted line follows.
pub(crate) fn merged(folder: &Path, nodes: usize) -> Vec<LedChange> {
    let asked = now();
    let mut lines = Vec::new();
    for number in 1..=nodes {
        let path = folder.join(format!("pi{number}.trace"));
        // A node that never had a ball since its first start may not have made its file yet.
        let text = read_to_string(path).unwrap_or_default();
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let line = line.trim_end_matches('\n');
            let parsed =
                LedChange::parse(line).unwrap_or_else(|| panic!("no trace line: {line:?}"));
            assert_eq!(parsed.node + 1, number, "another node's line: {line:?}");
            if parsed.at <= asked {
                lines.push(parsed);
            }
        }
    }
    lines.sort_by_key(|line| line.at);
    lines
}
