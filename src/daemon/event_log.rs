//! The log lines for the core's notifications: elections, frozen balls, guests, windows.

use std::time::Duration;

use super::control_request;
use crate::ring::{BallId, Direction, Generation, NodeId, Notification, Topology};
use crate::throttle::RateLimitedLog;

/// Lines about guests and loans, which are many where a class plays: this many at once.
const GUEST_LINES_BURST: u32 = 60;

/// Beyond that burst, one line about guests and loans in this time.
const GUEST_LINES_INTERVAL: Duration = Duration::from_secs(10);

/// Logs notifications; limits the rate of those that people outside the ring can cause.
#[derive(Debug)]
pub(super) struct EventLog {
    guests: RateLimitedLog,
    rejections: RateLimitedLog,
}

impl Default for EventLog {
    fn default() -> Self {
        Self {
            guests: RateLimitedLog::new(GUEST_LINES_BURST, GUEST_LINES_INTERVAL),
            rejections: RateLimitedLog::default(),
        }
    }
}

impl EventLog {
    /// Logs a notification of this node.
    pub(super) fn log(&mut self, topology: &Topology, me: NodeId, notification: &Notification) {
        match *notification {
            Notification::LoanExpired { ball, edge } => self.guests.info(|| {
                let window = window(topology, me, edge);
                format!("{window} did not return ball {ball} in time: it goes on from here")
            }),
            Notification::GuestJoined { ball } => {
                self.guests.info(|| format!("a guest has come: it is ball {ball}"));
            }
            Notification::GuestLeft { ball } => {
                self.guests.info(|| format!("ball {ball}, a guest, has left"));
            }
            Notification::LateCopyRefused { ball, edge } => self.rejections.warn(|| {
                let window = window(topology, me, edge);
                format!("{window} sent a ball that looks like ball {ball}, which it was not lent or had too long: it was not taken (late-copy = \"guest\" in the ring file would take it as a new one)")
            }),
            Notification::InvalidWindowBall { edge, why } => self.rejections.warn(|| {
                let window = window(topology, me, edge);
                format!("{window} sent a ball that cannot be taken: {why}")
            }),
            Notification::GuestRejected { why } => self.rejections.warn(|| {
                format!("a guest was turned away: {}", control_request::rejection(why))
            }),
            // `GuestJoined` is logged as well, within the rate limit; anyone at a window can cause this.
            Notification::ElectionWon {
                ball,
                missed: None,
                generation,
                ..
            } if topology.guest_ids().any(|id| id == ball) => {
                tracing::debug!("ball {ball}, a guest, begins with generation {generation}");
            }
            Notification::ElectionStarted { .. }
            | Notification::ElectionWon { .. }
            | Notification::ElectionLost { .. }
            | Notification::Frozen { .. }
            | Notification::Unfrozen { .. }
            | Notification::SteppedDown { .. }
            | Notification::DoubleDropped { .. }
            | Notification::PassUnacknowledged { .. }
            | Notification::Implausible { .. }
            | Notification::DuplicateNode => log_ring(topology, notification),
        }
    }
}

/// Logs that this node has a ball by vote: which node had it before, how long ago that one was heard, and how long its end was known.
fn log_won(
    topology: &Topology,
    ball: BallId,
    generation: Generation,
    missed: Option<((NodeId, Duration), Option<Duration>)>,
) {
    match missed {
        None => tracing::info!(
            "nobody had ball {ball}: by vote of the ring this node has it now (generation {generation})"
        ),
        Some(((from, _), Some(known))) => tracing::info!(
            "the process of {} has ended: this node has ball {ball} after {:.1} ms (generation {generation})",
            topology.name(from),
            known.as_secs_f64() * 1e3
        ),
        Some(((from, away), None)) => tracing::info!(
            "ball {ball} was last heard of at {} {} ms ago: by vote of the ring this node has it now (generation {generation})",
            topology.name(from),
            away.as_millis()
        ),
    }
}

/// Logs a notification of the ring itself: at `info` and above what an operator should know, the
/// rest at `debug`.
fn log_ring(topology: &Topology, notification: &Notification) {
    match *notification {
        Notification::ElectionWon {
            ball,
            generation,
            missed,
            death,
        } => log_won(topology, ball, generation, missed.zip(Some(death))),
        Notification::Frozen { ball } => {
            tracing::warn!("ball {ball} stands still here: no majority renewed its lease in time");
        }
        Notification::Unfrozen { ball } => {
            tracing::info!("ball {ball} moves on here: a majority renewed its lease");
        }
        Notification::SteppedDown { ball, generation } => tracing::info!(
            "the copy of ball {ball} of generation {generation} is dropped: another node knows a newer one"
        ),
        Notification::DoubleDropped { ball, stamp } => tracing::warn!(
            "another node has ball {ball}, too, or remembers a later hop of it: the copy here (hop {}) is dropped; a peer has lied or its memory was corrupt",
            stamp.hop
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
        // `EventLog::log` handles these.
        Notification::LoanExpired { .. }
        | Notification::LateCopyRefused { .. }
        | Notification::InvalidWindowBall { .. }
        | Notification::GuestJoined { .. }
        | Notification::GuestLeft { .. }
        | Notification::GuestRejected { .. } => {}
    }
}

/// The name of the nearest window beyond that edge.
fn window(topology: &Topology, me: NodeId, edge: Direction) -> &str {
    let chain = topology.window_chain(me, edge);
    let window = chain.and_then(|chain| chain.first(edge));
    window.map_or("a window", |window| window.name.as_str())
}
