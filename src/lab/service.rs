//! What each endpoint of the lab defines: what it does with the bytes of its connections.

use std::net::{SocketAddr, TcpStream};

use super::message::End;
use super::open::OpenConnections;
use super::time::Nanos;

/// What an endpoint does with its connections; the thread of `serve.rs` calls it.
pub(super) trait Service: Send + 'static {
    /// The endpoint's name, for the log and the thread.
    const NAME: &'static str;
    /// What the service knows of an open connection.
    type Connection: Send;

    /// A connection was accepted.
    fn open(&mut self, peer: SocketAddr, now: Nanos) -> Self::Connection;
    /// One read brought these bytes; there is at least one.
    fn read(&mut self, connection: &mut Self::Connection, bytes: &[u8], now: Nanos) -> Progress;
    /// Our half of a connection was closed: its peer can get no answer any more.
    fn on_half_closed(&mut self, connection: &mut Self::Connection) {
        let _ = connection;
    }
    /// A connection has ended; returns the answer to send, if the peer still reads.
    fn close(
        &mut self,
        connection: Self::Connection,
        stream: &TcpStream,
        end: End,
        now: Nanos,
    ) -> Vec<u8>;
    /// When to call [`Service::expire`].
    fn deadline(&self) -> Option<Nanos>;
    /// Ends what has waited too long.
    fn expire(&mut self, now: Nanos);
    /// The latest results as JSON.
    fn list_json(&self, now: Nanos) -> Vec<u8>;
    /// How many results there have been; and, as JSON, those after number `since` with the open connections.
    fn changes_json(&self, since: u64, open: OpenConnections, now: Nanos) -> (u64, Vec<u8>);
}

/// How far a connection is after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More is expected.
    More,
    /// More may come or not. After a short silence, our half is closed, for a peer that waits for
    /// the end of our stream.
    MayWaitForEnd,
    /// More may come or not. After a silence, the connection is closed with its answer, for a peer
    /// that waits for that.
    MayBeComplete,
}
