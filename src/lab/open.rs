//! The open connections of an endpoint, as the page of the lab shows them while somebody watches.

use std::net::SocketAddr;

use serde::Serialize;

use super::tcp_info::TcpInfo;

/// Connections that are listed: those that sent something last.
pub(super) const MOST_LISTED: usize = 64;

/// The connections that have been open for a moment.
#[derive(Debug, Default, Serialize)]
pub(super) struct OpenConnections {
    /// How many there are.
    pub(super) count: usize,
    /// At most [`MOST_LISTED`] of them.
    pub(super) listed: Vec<OpenConnection>,
}

/// One of them. Nothing in it changes while its peer is silent, so that an unchanged list need not be sent again.
#[derive(Debug, Serialize)]
pub(super) struct OpenConnection {
    peer: SocketAddr,
    /// What it has sent so far.
    bytes: u64,
    /// Segments with data; absent if the kernel does not count them.
    segments: Option<u64>,
    /// Segments that arrived before one that was sent earlier.
    out_of_order: Option<u64>,
    /// The receive window as this end last announced it, in bytes. From Linux 6.2 on.
    window: Option<u64>,
    /// The receiver's estimate of the round trip; absent if it has none.
    round_trip_ms: Option<f64>,
}

impl OpenConnection {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a round trip")]
    pub(super) fn new(peer: SocketAddr, bytes: u64, info: Option<TcpInfo>) -> Self {
        let info = info.unwrap_or_default();
        let micros = info.receiver_round_trip_micros;
        Self {
            peer,
            bytes,
            segments: info.data_segments_in,
            out_of_order: info.out_of_order,
            window: info.receive_window,
            round_trip_ms: micros.map(|micros| micros as f64 / 1e3),
        }
    }
}
