//! The receiver: shows every message of every connection.

use std::net::{SocketAddr, TcpStream};

use super::Sink;
use super::limits::{Limits, Nanos};
use super::lists::Latest;
use super::message::{Assembly, End, Message};
use super::serve::{Endpoint, Next};

/// The endpoint's state.
pub(super) struct Receiver {
    messages: Latest<Message>,
    sink: Sink<Message>,
}

impl Receiver {
    pub(super) fn new(limits: Limits, sink: Sink<Message>) -> Self {
        Self {
            messages: Latest::new(limits.remembered),
            sink,
        }
    }

    fn tell(&mut self, message: Message, now: Nanos) {
        (self.sink)(&message);
        self.messages.push(message, now);
    }
}

impl Endpoint for Receiver {
    const NAME: &'static str = "receiver";
    type Connection = Assembly;

    fn open(&mut self, peer: SocketAddr, _now: Nanos) -> Assembly {
        Assembly::new(peer)
    }

    fn read(&mut self, assembly: &mut Assembly, bytes: &[u8], now: Nanos) -> Next {
        assembly.feed(bytes, now, |message| self.tell(message, now));
        Next::More
    }

    fn close(
        &mut self,
        mut assembly: Assembly,
        _stream: &TcpStream,
        end: End,
        now: Nanos,
    ) -> Vec<u8> {
        if let Some(message) = assembly.end(end, now) {
            self.tell(message, now);
        }
        Vec::new()
    }

    fn deadline(&self) -> Option<Nanos> {
        None
    }

    fn tick(&mut self, _now: Nanos) {}

    fn document(&self, now: Nanos) -> Vec<u8> {
        self.messages.document(now)
    }
}
