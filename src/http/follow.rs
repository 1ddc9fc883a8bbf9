//! The client of `/events`: follows what a node tells.

use async_io::Timer;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use smol::future;
use smol_hyper::rt::FuturesIo;
use std::time::Duration;

use super::fetch::FetchError;
use super::status::{BallStatus, Condition, LedStatus, NodeStatus, ReturnStatus, Status};
use crate::connect::connect;

/// How long a node has to answer, and between two signs of life: it gives one every two seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(7);

/// The longest event, in bytes.
const LONGEST_EVENT: usize = 1024 * 1024;

/// What a node tells.
#[derive(Debug)]
pub enum News {
    /// Everything that it knows.
    State(Box<Status>),
    /// A ball is not where it was foreseen.
    Ball(BallStatus),
    /// A guest has left: this node knows no ball of that number any more.
    Gone(Gone),
    /// A node came or went.
    Node(NodeStatus),
    /// A ball was taken back.
    Return(ReturnStatus),
    /// The node is alive.
    Beat(Beat),
}

/// A ball that is no more.
#[derive(Debug, Deserialize)]
pub struct Gone {
    /// Its number.
    pub ball: u32,
}

/// The part of a sign of life that is read here.
#[derive(Debug, Deserialize)]
pub struct Beat {
    /// What it can do for the ring.
    pub condition: Condition,
    /// Its LED.
    pub led: LedStatus,
    /// There and back to every node, in milliseconds and in ring order.
    pub round_trips_ms: Vec<Option<f64>>,
}

/// Follows the node whose HTTP endpoint is at `host` and `port`; never ends well.
///
/// # Errors
/// When the node cannot be reached, is no carom node, falls silent, or ends the stream.
pub async fn follow(host: &str, port: u16, mut hear: impl FnMut(News)) -> FetchError {
    let asked = async {
        let (stream, _) = connect(host, port, SILENCE_LIMIT)
            .await
            .map_err(FetchError::Unreachable)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(FuturesIo::new(stream))
                .await
                .map_err(not_http)?;
        let request = Request::get("/events")
            .header(HOST, format!("{host}:{port}"))
            .body(Empty::<Bytes>::new())
            .map_err(|error| FetchError::NotCarom(error.to_string()))?;
        let told = async {
            let response = in_time(sender.send_request(request))
                .await?
                .map_err(not_http)?;
            if response.status() != StatusCode::OK {
                return Err(FetchError::Refused(response.status()));
            }
            read(response.into_body(), &mut hear).await
        };
        let carried = async {
            match connection.await {
                Err(error) => Err(not_http(error)),
                Ok(()) => future::pending().await,
            }
        };
        future::or(told, carried).await
    };
    let asked: Result<std::convert::Infallible, FetchError> = asked.await;
    match asked {
        Err(error) => error,
    }
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
    hear: &mut impl FnMut(News),
) -> Result<std::convert::Infallible, FetchError> {
    let mut waiting = Vec::new();
    loop {
        let Some(frame) = in_time(body.frame()).await? else {
            return Err(FetchError::NotCarom("the stream ended".to_owned()));
        };
        let frame = frame.map_err(not_http)?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        waiting.extend_from_slice(&bytes);
        take_events(&mut waiting, hear);
        if waiting.len() > LONGEST_EVENT {
            return Err(FetchError::NotCarom("an event without end".to_owned()));
        }
    }
}

/// Tells every whole event in `waiting`, and leaves the rest.
fn take_events(waiting: &mut Vec<u8>, hear: &mut impl FnMut(News)) {
    let mut begun = 0;
    while let Some(event) = waiting.get(begun..) {
        let Some(length) = event.windows(2).position(|end| end == b"\n\n") else {
            break;
        };
        let text = event.get(..length).unwrap_or_default();
        if let Some(news) = std::str::from_utf8(text).ok().and_then(parse) {
            hear(news);
        }
        begun += length + 2;
    }
    waiting.drain(..begun);
}

/// What nobody here knows is left out: later versions may tell more.
fn parse(event: &str) -> Option<News> {
    let field = |name: &str| {
        let mut lines = event.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim_start()))
    };
    let data = field("data:")?;
    match field("event:")? {
        "state" => serde_json::from_str(data).ok().map(News::State),
        "ball" => serde_json::from_str(data).ok().map(News::Ball),
        "node" => serde_json::from_str(data).ok().map(News::Node),
        "return" => serde_json::from_str(data).ok().map(News::Return),
        "gone" => serde_json::from_str(data).ok().map(News::Gone),
        "beat" => serde_json::from_str(data).ok().map(News::Beat),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_events_are_told_and_the_rest_waits() {
        let mut waiting = b"retry: 1000\nid: a-1\nevent: beat\ndata: {\"condition\":\"cut-off\",\
            \"uptime_seconds\":1.5,\"led\":{\"lit\":false},\"round_trips_ms\":[null,0.5]}\n\n\
            event: later\ndata: {}\n\nevent: beat\ndata: {\"round"
            .to_vec();
        let mut heard = Vec::new();
        take_events(&mut waiting, &mut |news| heard.push(news));
        let [News::Beat(beat)] = heard.as_slice() else {
            panic!("{heard:?}");
        };
        assert_eq!(beat.condition, Condition::CutOff);
        assert_eq!(beat.round_trips_ms, [None, Some(0.5)]);
        assert_eq!(waiting, b"event: beat\ndata: {\"round");
    }
}
