//! The trace: what happened, in readable lines.

use carom::ring::message::Denial;
use carom::ring::{BallId, Generation, Message, Notification, Stamp, Topology};

use crate::clock::Nanos;

/// The lines so far; empty unless the trace is recorded.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    wanted: bool,
    pub(crate) lines: Vec<String>,
}

impl Trace {
    /// A trace that is recorded.
    pub(crate) fn recording() -> Self {
        Self {
            wanted: true,
            lines: Vec::new(),
        }
    }

    /// Adds one line; the text is only built if the trace is recorded.
    pub(crate) fn add(&mut self, now: Nanos, who: Option<usize>, what: impl FnOnce() -> String) {
        if self.wanted {
            let who = who.map_or_else(|| "-".to_owned(), |host| format!("pi{}", host + 1));
            let line = format!("{:>11.6}  {who:<5} {}", now as f64 / 1e9, what());
            self.lines.push(line);
        }
    }

    /// Whether the trace is recorded.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }
}

/// A generation and hop, short.
pub(crate) fn stamp(stamp: Stamp) -> String {
    let nonce = stamp.generation.nonce >> 48;
    format!("{}.{nonce:04x}/{}", stamp.generation.round, stamp.hop)
}

fn generation(generation: Generation) -> String {
    format!("{}.{:04x}", generation.round, generation.nonce >> 48)
}

/// A message, short; `None` for a heartbeat.
pub(crate) fn message(message: &Message) -> Option<String> {
    Some(match message {
        Message::Heartbeat { .. } => return None,
        Message::Hello(_) | Message::Refused { .. } | Message::Unknown => "greets".to_owned(),
        Message::Pass(pass) => format!(
            "pass ball {} {} left {:.3} ms echo {}",
            pass.ball,
            stamp(pass.record.stamp),
            pass.left as f64 / 1e3,
            if pass.echo.is_some() { "yes" } else { "none" },
        ),
        Message::PassAck {
            ball,
            generation,
            hop,
        } => {
            let (generation, hop) = (*generation, *hop);
            format!("passed ball {ball} {}", stamp(Stamp { generation, hop }))
        }
        Message::Acquire { seq, balls } => {
            let claims = balls.iter().map(|claim| match claim.record() {
                Some(record) => format!(" ball {} renew {}", claim.ball, stamp(record.stamp)),
                None => format!(
                    " ball {} candidate {}",
                    claim.ball,
                    generation(claim.generation)
                ),
            });
            format!("acquire #{seq}{}", claims.collect::<String>())
        }
        Message::Granted { seq, balls } => {
            let grants = balls.iter().map(|grant| format!(" ball {}", grant.ball));
            format!("granted #{seq}{}", grants.collect::<String>())
        }
        Message::Denied { seq, balls } => {
            let denials = balls.iter().map(denial);
            format!("denied #{seq}{}", denials.collect::<String>())
        }
        Message::Release {
            ball,
            generation: given_up,
        } => {
            format!("release ball {ball} {}", generation(*given_up))
        }
        Message::LoanQuery { seq, edge, ball } => {
            format!("found #{seq} at your {edge:?} edge: {ball:?}")
        }
        Message::LoanUnknown { seq } => format!("unlent #{seq}"),
        Message::Remove { ball, .. } => format!("remove ball {ball}"),
        Message::Fence {
            ball,
            generation,
            promise,
        } => takeover("fence", *ball, *generation, *promise),
        Message::Fenced {
            ball,
            generation,
            promise,
            ..
        } => takeover("fenced", *ball, *generation, *promise),
        Message::Leaving => "leaving".to_owned(),
        Message::LeaveAck => "farewell".to_owned(),
    })
}

fn denial(denial: &Denial) -> String {
    let favoured = denial.lease_generation.map_or("-".to_owned(), generation);
    let newest = denial
        .newest
        .map_or("-".to_owned(), |newest| stamp(newest.stamp));
    let left = denial.lease_left as f64 / 1e3;
    format!(
        " ball {} for {favoured} {left:.3} ms newest {newest}",
        denial.ball
    )
}

fn takeover(line: &str, ball: BallId, wanted: Generation, promise: bool) -> String {
    let wanted = generation(wanted);
    format!("{line} ball {ball} {wanted}, promise: {promise}")
}

/// A notification of the core as text.
pub(crate) fn note(note: &Notification, topology: &Topology) -> String {
    match *note {
        Notification::ElectionStarted {
            ball,
            generation: wanted,
        } => format!(
            "starts an election for ball {ball} with {}",
            generation(wanted)
        ),
        Notification::ElectionWon {
            ball,
            generation: won,
            ..
        } => format!("WON ball {ball} with {}", generation(won)),
        Notification::ElectionLost {
            ball,
            generation: lost,
            granted,
        } => format!(
            "lost ball {ball} with {}: {granted} granted",
            generation(lost)
        ),
        Notification::Frozen { ball } => format!("ball {ball} is frozen"),
        Notification::Unfrozen { ball } => format!("ball {ball} is unfrozen"),
        Notification::SteppedDown {
            ball,
            generation: old,
        } => format!("ball {ball} retired {}", generation(old)),
        Notification::Implausible { from } => format!("ignores {}", topology.name(from)),
        Notification::PassUnacknowledged { ball, to } => {
            format!("ball {ball} never acknowledged by {}", topology.name(to))
        }
        Notification::LoanExpired { ball, .. } => format!("LOAN EXPIRED: ball {ball}"),
        Notification::LateCopyRefused { ball, edge } => {
            format!("refuses a late copy of ball {ball} at its {edge:?}")
        }
        Notification::InvalidWindowBall { edge, why } => {
            format!("refuses a ball at its {edge:?}: {why}")
        }
        Notification::GuestJoined { ball } => format!("GUEST JOINED: ball {ball}"),
        Notification::GuestRejected { why } => format!("rejects a guest: {why:?}"),
        Notification::GuestLeft { ball } => format!("GUEST LEFT: ball {ball}"),
        Notification::DoubleDropped {
            ball,
            stamp: dropped,
        } => format!("drops its double of ball {ball} {}", stamp(dropped)),
        Notification::DuplicateNode => "is quarantined: another process has its name".to_owned(),
    }
}
