//! What the core noticed, as sentences for the log.

use crate::ring::{Note, Topology};

/// Logs a note: what a keeper should know at `info`, the rest at `debug`.
pub(super) fn log(topology: &Topology, note: &Note) {
    match *note {
        Note::Won {
            ball,
            generation,
            missed: None,
        } => {
            tracing::info!(
                "nobody had ball {ball}: by vote of the ring this node has it now (generation {generation})"
            );
        }
        Note::Won {
            ball,
            generation,
            missed: Some((from, away)),
        } => {
            tracing::info!(
                "ball {ball} was last heard of at {} {} ms ago: by vote of the ring this node has it now (generation {generation})",
                topology.name(from),
                away.as_millis()
            );
        }
        Note::Froze { ball } => {
            tracing::warn!("ball {ball} stands still here: no majority renewed its lease in time");
        }
        Note::Thawed { ball } => {
            tracing::info!("ball {ball} moves on here: a majority renewed its lease");
        }
        Note::Retired { ball, generation } => tracing::info!(
            "the copy of ball {ball} of generation {generation} is dropped: the ring plays on with a newer one"
        ),
        Note::Unanswered { ball, to } => tracing::warn!(
            "{} did not acknowledge ball {ball}: the ring will find out who has it",
            topology.name(to)
        ),
        Note::Silenced => tracing::error!(
            "another process of this node's name is in the ring: this one does not vote; stop one of the two, or name them differently"
        ),
        Note::Implausible { from } => tracing::debug!(
            "a line of {} was ignored: its round, hop or state cannot be true",
            topology.name(from)
        ),
        Note::Campaign { ball, generation } => {
            tracing::debug!("asking for ball {ball} with generation {generation}");
        }
        Note::Lost {
            ball,
            generation,
            granted,
        } => {
            tracing::debug!("ball {ball} not won: {granted} granted generation {generation}");
        }
    }
}
