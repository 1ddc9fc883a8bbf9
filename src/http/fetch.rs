//! The client of `/status`.

use std::time::Duration;

use async_io::Timer;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use smol::future;
use smol::io::{AsyncRead, AsyncWrite};
use smol_hyper::rt::FuturesIo;
use thiserror::Error;

use super::status::Status;
use crate::connect::{addresses, connect_to_first};
use crate::endpoint::{Endpoint, without_zone};
use crate::escape::Escaped;

/// The time for a node to answer, once its name is looked up.
const FETCH_LIMIT: Duration = Duration::from_secs(2);

/// The longest answer, in bytes: 255 nodes and 64 balls stay well below.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Why there is no status.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The endpoint cannot be reached.
    #[error("no connection: {0}")]
    Unreachable(std::io::Error),
    /// No answer came in time.
    #[error("no answer within {FETCH_LIMIT:?}")]
    Late,
    /// What answers does not speak HTTP, or is no node of carom.
    #[error("what answers there is no carom node ({})", Escaped(.0))]
    NotCarom(String),
    /// The node answered with an error.
    #[error("the node answered {0}")]
    Refused(StatusCode),
    /// The node does not answer to that name.
    #[error(
        "the node does not answer to that name: ask for its address, or add the name to http-names in [ring] of its ring file"
    )]
    UnknownName,
}

impl FetchError {
    /// What an answer with that status code means, if it is not [`StatusCode::OK`].
    pub(super) fn of_code(code: StatusCode) -> Self {
        match code {
            StatusCode::MISDIRECTED_REQUEST => Self::UnknownName,
            other => Self::Refused(other),
        }
    }
}

/// The `Host` header for the node at `host` and `port`.
pub(super) fn host_header(host: &str, port: u16) -> String {
    let host = without_zone(host).to_owned();
    Endpoint { host, port }.to_string()
}

/// Fetches the status of the node whose HTTP endpoint is at `host` and `port`.
///
/// # Errors
/// When the name of the host cannot be looked up, or no status comes back within two seconds after that.
pub async fn fetch_status(host: &str, port: u16) -> Result<Status, FetchError> {
    let targets = addresses(host, port).await;
    let targets = targets.map_err(FetchError::Unreachable)?;
    let fetched = async {
        let connected = connect_to_first(&targets, FETCH_LIMIT).await;
        let (stream, _) = connected.map_err(FetchError::Unreachable)?;
        ask(stream, host, port).await
    };
    let late = async {
        Timer::after(FETCH_LIMIT).await;
        Err(FetchError::Late)
    };
    future::or(fetched, late).await
}

/// Asks for the status on an open connection.
pub(super) async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    port: u16,
) -> Result<Status, FetchError> {
    let not_http = |error: hyper::Error| FetchError::NotCarom(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(FuturesIo::new(stream))
        .await
        .map_err(not_http)?;
    let request = Request::get("/status")
        .header(HOST, host_header(host, port))
        .body(Empty::<Bytes>::new())
        .map_err(|error| FetchError::NotCarom(error.to_string()))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(not_http)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::of_code(response.status()));
        }
        let body = Limited::new(response.into_body(), LONGEST_ANSWER)
            .collect()
            .await;
        let body = body
            .map_err(|error| FetchError::NotCarom(error.to_string()))?
            .to_bytes();
        serde_json::from_slice(&body).map_err(|error| FetchError::NotCarom(error.to_string()))
    };
    let driven = async {
        match connection.await {
            Err(error) => Err(not_http(error)),
            // The answer may still be read from what the connection has delivered.
            Ok(()) => future::pending().await,
        }
    };
    future::or(answer, driven).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_header_is_what_was_dialled() {
        assert_eq!(host_header("pi1.local", 8080), "pi1.local:8080");
        assert_eq!(host_header("192.168.7.11", 8081), "192.168.7.11:8081");
        assert_eq!(host_header("fd00::1", 8080), "[fd00::1]:8080");
        assert_eq!(host_header("fe80::1%eth0", 8080), "[fe80::1]:8080");
    }
}
