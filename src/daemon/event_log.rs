//! What the core noticed, as sentences for the log.

use super::control;
use crate::clock;
use crate::ring::{Direction, NodeId, Notification, Topology};
use crate::throttle::{Nanos, RateLimitedLog, TokenBucket};

/// Visits are many where a class plays: so many lines at once, then one in so long.
const VISITS: (u64, Nanos) = (60, 10_000_000_000);

/// Keeps the notes few that strangers can cause.
#[derive(Debug)]
pub(super) struct EventLog {
    inputs: TokenBucket,
    refusals: RateLimitedLog,
}

impl Default for EventLog {
    fn default() -> Self {
        let (burst, every) = VISITS;
        Self {
            inputs: TokenBucket::new(burst, every),
            refusals: RateLimitedLog::default(),
        }
    }
}

impl EventLog {
    /// Logs a note of this node.
    pub(super) fn log(&mut self, topology: &Topology, me: NodeId, note: &Notification) {
        let now = clock::monotonic_nanos();
        match *note {
            Notification::LoanExpired { ball, edge } => self.visit(now, || {
                let window = window(topology, me, edge);
                format!("{window} did not return ball {ball} in time: it goes on from here")
            }),
            Notification::GuestJoined { ball } => {
                self.visit(now, || format!("a guest has come: it is ball {ball}"));
            }
            Notification::GuestLeft { ball } => {
                self.visit(now, || format!("ball {ball}, a guest, has left"));
            }
            Notification::LateCopyRefused { ball, edge } => self.refusals.tell(now, || {
                let window = window(topology, me, edge);
                format!("{window} sent a ball that looks like ball {ball}, which it was not lent or had too long: it was not taken (late-copy = \"guest\" in the ring file would take it as a new one)")
            }),
            Notification::InvalidWindowBall { edge, why } => self.refusals.tell(now, || {
                let window = window(topology, me, edge);
                format!("{window} sent a ball that cannot be taken: {why}")
            }),
            Notification::GuestRejected { why } => self.refusals.tell(now, || {
                format!("a guest was turned away: {}", control::sentence(why))
            }),
            // `Welcome` has told it, within its bound: whoever presses a space bar can cause this.
            Notification::ElectionWon {
                ball,
                missed: None,
                generation,
            } if topology.guest_ids().any(|id| id == ball) => {
                tracing::debug!("ball {ball}, a guest, begins with generation {generation}");
            }
            Notification::ElectionStarted { .. }
            | Notification::ElectionWon { .. }
            | Notification::ElectionLost { .. }
            | Notification::Frozen { .. }
            | Notification::Unfrozen { .. }
            | Notification::Retired { .. }
            | Notification::PassUnacknowledged { .. }
            | Notification::Implausible { .. }
            | Notification::DuplicateNode => log(topology, note),
        }
    }

    fn visit(&mut self, now: Nanos, sentence: impl FnOnce() -> String) {
        match self.inputs.take(now) {
            Some(0) => tracing::info!("{}", sentence()),
            Some(count) => tracing::info!("{} (and {count} such lines kept back)", sentence()),
            None => {}
        }
    }
}

/// Logs a note of the ring itself: what a keeper should know at `info`, the rest at `debug`.
fn log(topology: &Topology, note: &Notification) {
    match *note {
        Notification::ElectionWon {
            ball,
            generation,
            missed: None,
        } => {
            tracing::info!(
                "nobody had ball {ball}: by vote of the ring this node has it now (generation {generation})"
            );
        }
        Notification::ElectionWon {
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
        Notification::Frozen { ball } => {
            tracing::warn!("ball {ball} stands still here: no majority renewed its lease in time");
        }
        Notification::Unfrozen { ball } => {
            tracing::info!("ball {ball} moves on here: a majority renewed its lease");
        }
        Notification::Retired { ball, generation } => tracing::info!(
            "the copy of ball {ball} of generation {generation} is dropped: the ring plays on with a newer one"
        ),
        Notification::PassUnacknowledged { ball, to } => tracing::warn!(
            "{} did not acknowledge ball {ball}: the ring will find out who has it",
            topology.name(to)
        ),
        Notification::DuplicateNode => tracing::error!(
            "another process of this node's name is in the ring: this one does not vote; stop one of the two, or name them differently"
        ),
        Notification::Implausible { from } => tracing::debug!(
            "a line of {} was ignored: its round, hop or state cannot be true",
            topology.name(from)
        ),
        Notification::ElectionStarted { ball, generation } => {
            tracing::debug!("asking for ball {ball} with generation {generation}");
        }
        Notification::ElectionLost {
            ball,
            generation,
            granted,
        } => {
            tracing::debug!("ball {ball} not won: {granted} granted generation {generation}");
        }
        // Those are told by `EventLog::log`.
        Notification::LoanExpired { .. }
        | Notification::LateCopyRefused { .. }
        | Notification::InvalidWindowBall { .. }
        | Notification::GuestJoined { .. }
        | Notification::GuestLeft { .. }
        | Notification::GuestRejected { .. } => {}
    }
}

/// The nearest window beyond that edge, by its name.
fn window(topology: &Topology, me: NodeId, edge: Direction) -> &str {
    let gap = topology.window_chain(me, edge);
    let window = gap.and_then(|gap| gap.first(edge));
    window.map_or("a window", |window| window.name.as_str())
}
