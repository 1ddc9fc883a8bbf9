//! The receiver: reports every message of every connection.

use std::net::{SocketAddr, TcpStream};

use super::latest::Latest;
use super::limits::Limits;
use super::message::{Assembly, End, Message};
use super::observer::Observer;
use super::open::OpenConnections;
use super::service::{Progress, Service};
use super::time::Nanos;

/// The receiver's state.
pub(super) struct ReceiverService {
    messages: Latest<Message>,
    observer: Observer<Message>,
}

impl ReceiverService {
    pub(super) fn new(limits: Limits, observer: Observer<Message>) -> Self {
        Self {
            messages: Latest::new(limits.remembered),
            observer,
        }
    }

    fn record(&mut self, message: Message, now: Nanos) {
        (self.observer)(&message);
        self.messages.push(message, now);
    }
}

impl Service for ReceiverService {
    const NAME: &'static str = "receiver";
    type Connection = Assembly;

    fn open(&mut self, peer: SocketAddr, _now: Nanos) -> Assembly {
        Assembly::new(peer)
    }

    fn read(&mut self, assembly: &mut Assembly, bytes: &[u8], now: Nanos) -> Progress {
        assembly.feed(bytes, now, |message| self.record(message, now));
        Progress::More
    }

    fn close(
        &mut self,
        mut assembly: Assembly,
        _stream: &TcpStream,
        end: End,
        now: Nanos,
    ) -> Vec<u8> {
        if let Some(message) = assembly.end(end, now) {
            self.record(message, now);
        }
        Vec::new()
    }

    fn deadline(&self) -> Option<Nanos> {
        None
    }

    fn expire(&mut self, _now: Nanos) {}

    fn list_json(&self, now: Nanos) -> Vec<u8> {
        self.messages.to_json(now)
    }

    fn changes_json(&self, since: u64, open: OpenConnections, now: Nanos) -> (u64, Vec<u8>) {
        self.messages.changes(since, open, now)
    }
}
