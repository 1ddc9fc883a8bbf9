//! The rate endpoint: measures runs, and answers each with its result.

use std::net::{SocketAddr, TcpStream};

use super::Sink;
use super::limits::{Limits, Nanos};
use super::lists::Latest;
use super::message::End;
use super::runs::{Connection, Report, Runs};
use super::serve::{Endpoint, Next};
use super::tcp_info;

/// The endpoint's state.
pub(super) struct Rate {
    runs: Runs,
    reports: Latest<Report>,
    sink: Sink<Report>,
}

impl Rate {
    pub(super) fn new(limits: Limits, sink: Sink<Report>) -> Self {
        Self {
            runs: Runs::default(),
            reports: Latest::new(limits.remembered),
            sink,
        }
    }

    fn tell(&mut self, report: Report, now: Nanos) {
        (self.sink)(&report);
        self.reports.push(report, now);
    }
}

impl Endpoint for Rate {
    const NAME: &'static str = "rate";
    type Connection = Connection;

    fn open(&mut self, peer: SocketAddr, now: Nanos) -> Connection {
        self.runs.open(peer, now)
    }

    fn read(&mut self, connection: &mut Connection, bytes: &[u8], _now: Nanos) -> Next {
        if self.runs.read(connection, bytes) {
            Next::Over
        } else if connection.ends_in_y() {
            Next::MaybeOver
        } else {
            Next::More
        }
    }

    fn close(
        &mut self,
        connection: Connection,
        stream: &TcpStream,
        end: End,
        now: Nanos,
    ) -> Vec<u8> {
        let mut answer = Vec::new();
        for report in self.runs.close(connection, end, tcp_info::of(stream), now) {
            // Plain numbers and text always are JSON.
            answer = serde_json::to_vec(&report).unwrap_or_default();
            answer.push(b'\n');
            self.tell(report, now);
        }
        answer
    }

    fn deadline(&self) -> Option<Nanos> {
        self.runs.deadline()
    }

    fn tick(&mut self, now: Nanos) {
        for report in self.runs.tick(now) {
            self.tell(report, now);
        }
    }

    fn document(&self, now: Nanos) -> Vec<u8> {
        self.reports.document(now)
    }
}
