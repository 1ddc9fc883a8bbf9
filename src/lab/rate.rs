//! The rate endpoint: measures runs, and answers each run with its report.

use std::net::{SocketAddr, TcpStream};

use super::latest::Latest;
use super::limits::Limits;
use super::message::End;
use super::observer::Observer;
use super::open::OpenConnections;
use super::report::Report;
use super::runs::{RunConnection, Runs, Tail};
use super::service::{Progress, Service};
use super::tcp_info;
use super::time::Nanos;

/// The rate endpoint's state.
pub(super) struct RateService {
    runs: Runs,
    reports: Latest<Report>,
    observer: Observer<Report>,
}

impl RateService {
    pub(super) fn new(limits: Limits, observer: Observer<Report>) -> Self {
        Self {
            runs: Runs::default(),
            reports: Latest::new(limits.remembered),
            observer,
        }
    }

    fn record(&mut self, report: Report, now: Nanos) {
        (self.observer)(&report);
        self.reports.push(report, now);
    }
}

impl Service for RateService {
    const NAME: &'static str = "rate";
    type Connection = RunConnection;

    fn open(&mut self, peer: SocketAddr, now: Nanos) -> RunConnection {
        self.runs.open(peer, now)
    }

    fn read(&mut self, connection: &mut RunConnection, bytes: &[u8], now: Nanos) -> Progress {
        self.runs.read(connection, bytes, now);
        match connection.tail() {
            Tail::Open => Progress::More,
            Tail::Chunk => Progress::MayWaitForEnd,
            Tail::KeptRun | Tail::ReopenedRun => Progress::MayBeComplete,
        }
    }

    fn on_half_closed(&mut self, connection: &mut RunConnection) {
        connection.is_half_closed = true;
    }

    fn close(
        &mut self,
        connection: RunConnection,
        stream: &TcpStream,
        end: End,
        now: Nanos,
    ) -> Vec<u8> {
        let mut answer = Vec::new();
        let address = connection.address;
        for report in self.runs.close(connection, end, tcp_info::of(stream), now) {
            // A chunk can end the unfinished run of another address.
            if report.peer == address {
                // Numbers and text can always be written as JSON.
                answer = serde_json::to_vec(&report).unwrap_or_default();
                answer.push(b'\n');
            }
            self.record(report, now);
        }
        answer
    }

    fn deadline(&self) -> Option<Nanos> {
        self.runs.deadline()
    }

    fn expire(&mut self, now: Nanos) {
        for report in self.runs.expire_unfinished(now) {
            self.record(report, now);
        }
    }

    fn list_json(&self, now: Nanos) -> Vec<u8> {
        self.reports.to_json(now)
    }

    fn changes_json(&self, since: u64, open: OpenConnections, now: Nanos) -> (u64, Vec<u8>) {
        self.reports.changes(since, open, now)
    }
}
