//! The client of `/events`: receives what changes at a node.

use std::convert::Infallible;
use std::time::Duration;

use async_io::Timer;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use smol::future;
use smol_hyper::rt::FuturesIo;

use super::fetch::{FetchError, host_header};
use super::status::{BallStatus, Condition, LedStatus, NodeStatus, ReturnStatus, Status};
use crate::connect::connect;

/// The longest silence of a node, before its answer and between two events: it sends a heartbeat
/// every two seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(7);

/// The longest event, in bytes.
const LONGEST_EVENT: usize = 1024 * 1024;

/// One event of a node.
#[derive(Debug)]
pub enum Update {
    /// Everything that the node knows.
    State(Box<Status>),
    /// A ball that is not where the last event of it predicts.
    Ball(BallStatus),
    /// A guest has left: the node knows no ball with that number any more.
    BallRemoved(BallRemoved),
    /// A node whose state has changed.
    Node(NodeStatus),
    /// A ball that was taken back.
    Return(ReturnStatus),
    /// The node is alive.
    Heartbeat(Heartbeat),
}

/// A ball that the node does not know any more.
#[derive(Debug, Deserialize)]
pub struct BallRemoved {
    /// 1 for the first of the ring file.
    pub ball: u32,
}

/// The part of a heartbeat that is read here.
#[derive(Debug, Deserialize)]
pub struct Heartbeat {
    /// What the node can do for the ring.
    pub condition: Condition,
    /// The node's LED.
    pub led: LedStatus,
    /// Round-trip times to every node, in milliseconds and in ring order.
    pub round_trips_ms: Vec<Option<f64>>,
}

/// Subscribes to the node whose HTTP endpoint is at `host` and `port`; returns when that fails.
///
/// # Errors
/// When the node cannot be reached, is no carom node, falls silent, or ends the stream.
pub async fn subscribe(host: &str, port: u16, mut on_update: impl FnMut(Update)) -> FetchError {
    let subscribed = async {
        let (stream, _) = connect(host, port, SILENCE_LIMIT)
            .await
            .map_err(FetchError::Unreachable)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(FuturesIo::new(stream))
                .await
                .map_err(not_http)?;
        let request = Request::get("/events")
            .header(HOST, host_header(host, port))
            .body(Empty::<Bytes>::new())
            .map_err(|error| FetchError::NotCarom(error.to_string()))?;
        let received = async {
            let response = in_time(sender.send_request(request))
                .await?
                .map_err(not_http)?;
            if response.status() != StatusCode::OK {
                return Err(FetchError::of_code(response.status()));
            }
            read(response.into_body(), &mut on_update).await
        };
        let driven = async {
            match connection.await {
                Err(error) => Err(not_http(error)),
                Ok(()) => future::pending().await,
            }
        };
        future::or(received, driven).await
    };
    let Err(error): Result<Infallible, FetchError> = subscribed.await;
    error
}

fn not_http(error: hyper::Error) -> FetchError {
    FetchError::NotCarom(error.to_string())
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, FetchError> {
    let late = async {
        Timer::after(SILENCE_LIMIT).await;
        Err(FetchError::Late)
    };
    future::or(async { Ok(work.await) }, late).await
}

async fn read(
    mut body: Incoming,
    on_update: &mut impl FnMut(Update),
) -> Result<Infallible, FetchError> {
    let mut buffer = Vec::new();
    loop {
        let Some(frame) = in_time(body.frame()).await? else {
            return Err(FetchError::NotCarom("the stream ended".to_owned()));
        };
        let frame = frame.map_err(not_http)?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        buffer.extend_from_slice(&bytes);
        take_events(&mut buffer, on_update);
        if buffer.len() > LONGEST_EVENT {
            return Err(FetchError::NotCarom("an event without end".to_owned()));
        }
    }
}

/// Parses every complete event in `buffer`, and leaves the rest.
pub(super) fn take_events(buffer: &mut Vec<u8>, on_update: &mut impl FnMut(Update)) {
    let mut start = 0;
    while let Some(event) = buffer.get(start..) {
        let Some(length) = event.windows(2).position(|end| end == b"\n\n") else {
            break;
        };
        let text = event.get(..length).unwrap_or_default();
        if let Some(update) = std::str::from_utf8(text).ok().and_then(parse) {
            on_update(update);
        }
        start += length + 2;
    }
    buffer.drain(..start);
}

/// Skips events of unknown kinds: later versions may send more.
fn parse(event: &str) -> Option<Update> {
    let field = |name: &str| {
        let mut lines = event.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim_start()))
    };
    let data = field("data:")?;
    match field("event:")? {
        "state" => serde_json::from_str(data).ok().map(Update::State),
        "ball" => serde_json::from_str(data).ok().map(Update::Ball),
        "node" => serde_json::from_str(data).ok().map(Update::Node),
        "return" => serde_json::from_str(data).ok().map(Update::Return),
        "gone" => serde_json::from_str(data).ok().map(Update::BallRemoved),
        "beat" => serde_json::from_str(data).ok().map(Update::Heartbeat),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_events_are_parsed_and_the_rest_stays() {
        let mut buffer = b"retry: 1000\nid: a-1\nevent: beat\ndata: {\"condition\":\"cut-off\",\
            \"uptime_seconds\":1.5,\"led\":{\"lit\":false},\"round_trips_ms\":[null,0.5]}\n\n\
            event: later\ndata: {}\n\nevent: beat\ndata: {\"round"
            .to_vec();
        let mut updates = Vec::new();
        take_events(&mut buffer, &mut |update| updates.push(update));
        let [Update::Heartbeat(heartbeat)] = updates.as_slice() else {
            panic!("{updates:?}");
        };
        assert_eq!(heartbeat.condition, Condition::CutOff);
        assert_eq!(heartbeat.round_trips_ms, [None, Some(0.5)]);
        assert_eq!(buffer, b"event: beat\ndata: {\"round");
    }
}
