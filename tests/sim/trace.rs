//! What happened, in lines a person can follow.

use carom::ring::{Message, Notification, Stamp, Topology};

use crate::clock::Nanos;

/// The lines so far; nothing at all unless it is wanted.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    wanted: bool,
    pub(crate) lines: Vec<String>,
}

impl Trace {
    /// A trace that is kept.
    pub(crate) fn kept() -> Self {
        Self {
            wanted: true,
            lines: Vec::new(),
        }
    }

    /// Adds one line; the words are only made if somebody will read them.
    pub(crate) fn tell(&mut self, now: Nanos, who: Option<usize>, what: impl FnOnce() -> String) {
        if self.wanted {
            let who = who.map_or_else(|| "-".to_owned(), |host| format!("pi{}", host + 1));
            let line = format!("{:>11.6}  {who:<5} {}", now as f64 / 1e9, what());
            self.lines.push(line);
        }
    }

    /// Whether anybody will read it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }
}

/// A place in a ball's history, short.
pub(crate) fn stamp(stamp: Stamp) -> String {
    let nonce = stamp.generation.nonce >> 48;
    format!("{}.{nonce:04x}/{}", stamp.generation.round, stamp.hop)
}

fn generation(generation: carom::ring::Generation) -> String {
    format!("{}.{:04x}", generation.round, generation.nonce >> 48)
}

/// One line of the wire, short; `None` for what is only routine.
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
                    " ball {} stand {}",
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
            let denials = balls.iter().map(|denial| {
                let favoured = denial.lease_generation.map_or("-".to_owned(), generation);
                let newest = denial
                    .newest
                    .map_or("-".to_owned(), |newest| stamp(newest.stamp));
                let left = denial.lease_left as f64 / 1e3;
                format!(
                    " ball {} for {favoured} {left:.3} ms newest {newest}",
                    denial.ball
                )
            });
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
        Message::Leaving => "leaving".to_owned(),
        Message::LeaveAck => "farewell".to_owned(),
    })
}

/// A note of the core, in words.
pub(crate) fn note(note: &Notification, topology: &Topology) -> String {
    match *note {
        Notification::ElectionStarted {
            ball,
            generation: wanted,
        } => format!("stands for ball {ball} with {}", generation(wanted)),
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
        Notification::Frozen { ball } => format!("ball {ball} froze"),
        Notification::Unfrozen { ball } => format!("ball {ball} thawed"),
        Notification::SteppedDown {
            ball,
            generation: old,
        } => format!("ball {ball} retired {}", generation(old)),
        Notification::Implausible { from } => format!("ignores {}", topology.name(from)),
        Notification::PassUnacknowledged { ball, to } => {
            format!("ball {ball} never acknowledged by {}", topology.name(to))
        }
        Notification::LoanExpired { ball, .. } => format!("RECALLS ball {ball}"),
        Notification::LateCopyRefused { ball, edge } => {
            format!("refuses a late copy of ball {ball} at its {edge:?}")
        }
        Notification::InvalidWindowBall { edge, why } => {
            format!("refuses a ball at its {edge:?}: {why}")
        }
        Notification::GuestJoined { ball } => format!("WELCOMES ball {ball}"),
        Notification::GuestRejected { why } => format!("turns a guest away: {why:?}"),
        Notification::GuestLeft { ball } => format!("SEES OFF ball {ball}"),
        Notification::DoubleDropped {
            ball,
            stamp: dropped,
        } => {
            format!("drops its double of ball {ball} {}", stamp(dropped))
        }
        Notification::DuplicateNode => "is silenced: another process has its name".to_owned(),
    }
}
