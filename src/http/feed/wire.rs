//! Changes as server-sent events.

use std::time::Duration;

use serde::Serialize;

use super::changes::Change;
use crate::http::status::{BallStatus, Condition, CounterStatus, LedStatus, ReturnStatus, Status};

/// An event's name: which life of the node told it, and its place in that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct EventId {
    pub(super) life: String,
    pub(super) number: u64,
}

impl EventId {
    /// Reads what a browser sends back as `Last-Event-ID`.
    pub(in crate::http) fn parse(text: &str) -> Option<Self> {
        let (life, number) = text.split_once('-')?;
        let number = number.parse().ok()?;
        let life = life.to_owned();
        Some(Self { life, number })
    }
}

/// A sign of life.
#[derive(Serialize)]
struct Beat<'a> {
    condition: Condition,
    uptime_seconds: f64,
    led: &'a LedStatus,
    counters: &'a CounterStatus,
    /// In ring order.
    round_trips_ms: Vec<Option<f64>>,
}

/// A guest has left.
#[derive(Serialize)]
struct Gone {
    ball: u32,
}

/// What happened, and the moment on the node's own clock at which it is told: by the quickest of
/// many, a client can tell a delay on the way from an age.
#[derive(Serialize)]
struct Told<'a, T> {
    uptime_seconds: f64,
    #[serde(flatten)]
    what: &'a T,
}

/// Who tells it, and when on its own clock.
pub(super) struct Teller<'a> {
    pub(super) life: &'a str,
    pub(super) uptime_seconds: f64,
}

impl Teller<'_> {
    /// Writes a change as it is to be told `late`r than it was noticed.
    pub(super) fn write(&self, piece: &mut Vec<u8>, number: u64, change: &Change, late: Duration) {
        let id = format!("{}-{number}", self.life);
        let (id, late) = (Some(id.as_str()), late.as_secs_f64());
        let uptime_seconds = self.uptime_seconds;
        match change {
            Change::Ball(ball) => {
                let age_seconds = ball.age_seconds + late;
                let what = &BallStatus {
                    age_seconds,
                    ..ball.clone()
                };
                let told = Told {
                    uptime_seconds,
                    what,
                };
                write(piece, id, "ball", &told);
            }
            Change::Gone(ball) => write(piece, id, "gone", &Gone { ball: *ball }),
            Change::Node(node) => write(piece, id, "node", node),
            Change::Return(back) => {
                let age_seconds = back.age_seconds + late;
                let back = ReturnStatus {
                    age_seconds,
                    ..back.clone()
                };
                write(piece, id, "return", &back);
            }
        }
    }
}

pub(super) fn write_beat(piece: &mut Vec<u8>, status: &Status) {
    let beat = Beat {
        condition: status.condition,
        uptime_seconds: status.uptime_seconds,
        led: &status.led,
        counters: &status.counters,
        round_trips_ms: status.nodes.iter().map(|node| node.round_trip_ms).collect(),
    };
    write(piece, None, "beat", &beat);
}

/// JSON has no line ends of its own, so one line of data holds it.
pub(super) fn write(piece: &mut Vec<u8>, id: Option<&str>, event: &str, data: &impl Serialize) {
    let begun = piece.len();
    if let Some(id) = id {
        piece.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    piece.extend_from_slice(format!("event: {event}\ndata: ").as_bytes());
    if let Err(error) = serde_json::to_writer(&mut *piece, data) {
        tracing::debug!("an event cannot be written: {error}");
        piece.truncate(begun);
        return;
    }
    piece.extend_from_slice(b"\n\n");
}
