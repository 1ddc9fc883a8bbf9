//! States and traces as text.

use std::fmt::Write as _;

use carom::ring::Message;
use stateright::Path;

use crate::model::{Step, leases};
use crate::state::{Packet, Payload, State};

/// One line for one state.
pub(crate) fn state(state: &State) -> String {
    let mut text = format!("{:6.3}", leases(state.now));
    for (index, host) in state.hosts.iter().enumerate() {
        let Some(node) = &host.node else {
            let _ = write!(text, "  pi{} dead", index + 1);
            continue;
        };
        let _ = write!(text, "  pi{}", index + 1);
        for (flag, word) in [(host.paused, "paused"), (host.resumed, "late")] {
            if flag {
                let _ = write!(text, " {word}");
            }
        }
        for ball in node.view().balls {
            let kind = match (ball.here, ball.frozen) {
                (true, _) => "HAS",
                (_, true) => "frozen",
                _ => "knows",
            };
            if let Some(stamp) = ball.stamp {
                let _ = write!(text, " {kind} {}.{}", stamp.generation.round, stamp.hop);
            }
        }
    }
    let packets = state.packets.iter().map(|one| (one, ""));
    let strays = state.strays.iter().map(|one| (one, "~"));
    for (one, mark) in packets.chain(strays) {
        let _ = write!(text, "  {mark}{}", packet(one));
    }
    if let Some(violation) = state.violation {
        let _ = write!(text, "  VIOLATED: {violation}");
    }
    text
}

fn packet(packet: &Packet) -> String {
    let what = match &packet.line {
        Payload::Up(_) => "up".to_owned(),
        Payload::Down => "down".to_owned(),
        Payload::Obituary(_) => "obituary".to_owned(),
        Payload::Message(message) => line(message),
    };
    format!("[{}>{} {what}]", packet.from + 1, packet.to + 1)
}

fn line(message: &Message) -> String {
    if let Message::Pass(pass) = message {
        let stamp = pass.record.stamp;
        return format!("pass {}.{}", stamp.generation.round, stamp.hop);
    }
    if let Message::Acquire { seq, balls } = message {
        return match balls.first() {
            Some(claim) if claim.hop.is_none() => {
                format!("candidate {} #{seq}", claim.generation.round)
            }
            _ => format!("renew #{seq}"),
        };
    }
    if let Message::Granted { seq, .. } = message {
        return format!("granted #{seq}");
    }
    if let Message::Denied { seq, .. } = message {
        return format!("denied #{seq}");
    }
    if let Message::PassAck { hop, .. } = message {
        return format!("passed {hop}");
    }
    format!("{message:?}")
}

/// The steps that lead to a violation.
pub(crate) fn path(path: Path<State, Step>) -> String {
    let mut text = String::new();
    for (state, step) in path.into_vec() {
        let _ = writeln!(text, "{}", self::state(&state));
        if let Some(step) = step {
            let _ = writeln!(text, "    {step:?}");
        }
    }
    text
}
