//! In a large ring, the nodes of which there is nothing to tell share a line.

use std::io;

use crate::escape::Escaped;
use crate::http::{Condition, LedStatus, Status};

/// What the nodes of one line have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// Up, without a ball, with a good LED, and missing no peer.
    Usual,
    /// Gave no answer, and others report it as up.
    UpByOthers,
    /// Gave no answer, and nobody knows it.
    Unknown,
}

impl Fold {
    /// How a node is folded, by its own answer or else by the state that others report; `None` if it has a line.
    pub(super) fn of(own: Option<&Status>, state: &str) -> Option<Self> {
        match (own, state) {
            (Some(own), _) => is_usual(own).then_some(Self::Usual),
            (None, "up") => Some(Self::UpByOthers),
            (None, "unknown") => Some(Self::Unknown),
            (None, _) => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Usual => "are up without a ball, LED off",
            Self::UpByOthers => "gave no answer, and are up by the word of others",
            Self::Unknown => "gave no answer, and those that did do not know them",
        }
    }
}

fn is_usual(own: &Status) -> bool {
    own.condition == Condition::InRing
        && own.led == LedStatus::default()
        && !own.balls.iter().any(|ball| ball.here || ball.frozen)
        && own.nodes.iter().all(|node| node.state != "down")
}

/// Names the nodes that have no line of their own: those that follow each other by the first and the last.
pub(super) fn print_folded(
    nodes: &[(&str, Option<Fold>)],
    out: &mut impl io::Write,
) -> io::Result<()> {
    for fold in [Fold::Usual, Fold::UpByOthers, Fold::Unknown] {
        let runs = nodes.chunk_by(|(_, one), (_, other)| one == other);
        let runs = runs.filter_map(|run| match run {
            [(name, kind)] if *kind == Some(fold) => Some(Escaped(name).to_string()),
            [(first, kind), .., (last, _)] if *kind == Some(fold) => {
                Some(format!("{} to {}", Escaped(first), Escaped(last)))
            }
            _ => None,
        });
        let runs: Vec<String> = runs.collect();
        let count = nodes.iter().filter(|(_, kind)| *kind == Some(fold)).count();
        if count > 0 {
            writeln!(out, "{count} {}: {}", fold.words(), runs.join(", "))?;
        }
    }
    Ok(())
}
