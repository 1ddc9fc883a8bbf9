//! Changes as server-sent events: names, numbers and JSON.

use std::time::Duration;

use serde::Serialize;

use super::changes::Change;
use crate::http::status::{BallStatus, Condition, CounterStatus, LedStatus, ReturnStatus, Status};

/// The id of an event: the incarnation of the node that published it, and its number there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(super) incarnation: String,
    pub(super) number: u64,
}

impl EventId {
    /// Reads what a browser sends back as `Last-Event-ID`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (incarnation, number) = text.split_once('-')?;
        let number = number.parse().ok()?;
        let incarnation = incarnation.to_owned();
        Some(Self {
            incarnation,
            number,
        })
    }
}

/// The event `beat`: the stream's heartbeat.
#[derive(Serialize)]
struct Heartbeat<'a> {
    condition: Condition,
    uptime_seconds: f64,
    led: &'a LedStatus,
    counters: &'a CounterStatus,
    /// To every node, in ring order.
    round_trips_ms: Vec<Option<f64>>,
}

/// The event `gone`: a guest has left.
#[derive(Serialize)]
struct BallRemoved {
    ball: u32,
}

/// A change, with the node's own clock when it is sent: from the fastest of many events, a client
/// learns how the clocks differ, and so how long the others were on the way.
#[derive(Serialize)]
struct Timestamped<'a, T> {
    uptime_seconds: f64,
    #[serde(flatten)]
    what: &'a T,
}

/// Writes events of one node at one moment.
pub(super) struct EventWriter<'a> {
    pub(super) incarnation: &'a str,
    pub(super) uptime_seconds: f64,
}

impl EventWriter<'_> {
    /// Writes a change that was noticed `delay` ago: its ages grow by that.
    pub(super) fn write(&self, piece: &mut Vec<u8>, number: u64, change: &Change, delay: Duration) {
        let id = format!("{}-{number}", self.incarnation);
        let (id, delay) = (Some(id.as_str()), delay.as_secs_f64());
        let uptime_seconds = self.uptime_seconds;
        match change {
            Change::Ball(ball) => {
                let age_seconds = ball.age_seconds + delay;
                let what = &BallStatus {
                    age_seconds,
                    ..ball.clone()
                };
                let event = Timestamped {
                    uptime_seconds,
                    what,
                };
                write(piece, id, "ball", &event);
            }
            Change::BallRemoved(ball) => write(piece, id, "gone", &BallRemoved { ball: *ball }),
            Change::Node(node) => write(piece, id, "node", node),
            Change::Return(back) => {
                let age_seconds = back.age_seconds + delay;
                let back = ReturnStatus {
                    age_seconds,
                    ..back.clone()
                };
                write(piece, id, "return", &back);
            }
        }
    }
}

pub(super) fn write_heartbeat(piece: &mut Vec<u8>, status: &Status) {
    let heartbeat = Heartbeat {
        condition: status.condition,
        uptime_seconds: status.uptime_seconds,
        led: &status.led,
        counters: &status.counters,
        round_trips_ms: status.nodes.iter().map(|node| node.round_trip_ms).collect(),
    };
    write(piece, None, "beat", &heartbeat);
}

/// Writes one event. JSON needs no line breaks, so its data is one line.
pub(super) fn write(piece: &mut Vec<u8>, id: Option<&str>, event: &str, data: &impl Serialize) {
    let start = piece.len();
    if let Some(id) = id {
        piece.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    piece.extend_from_slice(format!("event: {event}\ndata: ").as_bytes());
    if let Err(error) = serde_json::to_writer(&mut *piece, data) {
        tracing::debug!("an event cannot be written: {error}");
        piece.truncate(start);
        return;
    }
    piece.extend_from_slice(b"\n\n");
}
