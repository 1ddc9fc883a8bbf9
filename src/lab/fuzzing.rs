//! What the fuzz targets in `fuzz/` call of this module.

use std::net::SocketAddr;

use super::message::{Assembly, End, Message};
use super::report::Report;
use super::runs::{RunConnection, Runs};

/// The messages that the receiver makes of these reads, one nanosecond apart, and of the end of the stream.
pub fn messages_in<'a>(
    peer: SocketAddr,
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Message> {
    let (mut assembly, mut messages) = (Assembly::new(peer), Vec::new());
    let mut now = 0;
    for read in reads {
        assembly.feed(read, now, |message| messages.push(message));
        now += 1;
    }
    messages.extend(assembly.end(End::EndOfStream, now));
    messages
}

/// The rate endpoint, without sockets. Times are in nanoseconds.
#[derive(Default)]
pub struct RateEndpoint {
    runs: Runs,
    open: Vec<RunConnection>,
    reports: Vec<Report>,
}

impl RateEndpoint {
    /// A connection from that address begins.
    pub fn on_open(&mut self, peer: SocketAddr, now: u64) {
        let connection = self.runs.open(peer, now);
        self.open.push(connection);
    }

    /// One of the open connections brings bytes in one read; there is at least one.
    pub fn on_read(&mut self, index: usize, bytes: &[u8], now: u64) {
        if let Some(connection) = self.open.get_mut(index).filter(|_| !bytes.is_empty()) {
            self.runs.read(connection, bytes, now);
        }
    }

    /// One of the open connections ends; with [`End::Newline`], by a silence.
    pub fn on_close(&mut self, index: usize, end: End, now: u64) {
        if index < self.open.len() {
            let connection = self.open.swap_remove(index);
            self.reports
                .extend(self.runs.close(connection, end, None, now));
        }
    }

    /// Time passes: runs may expire.
    pub fn on_time(&mut self, now: u64) {
        self.reports.extend(self.runs.expire_unfinished(now));
    }

    /// When the next run expires, if there is one.
    pub fn deadline(&self) -> Option<u64> {
        self.runs.deadline()
    }

    /// The number of open connections.
    pub fn open_connections(&self) -> usize {
        self.open.len()
    }

    /// The runs that have ended so far.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }
}
