//! What the simulator calls of this module, as `fuzzing.rs` has what the fuzz targets call.

use super::connection::Connection;
use super::frame::LONGEST_LINE;
use super::incoming::Incoming;
use crate::ring::Message;

/// One end of a connection that is not encrypted, as a link has it, without a socket.
pub struct PlainEnd(Connection);

impl Default for PlainEnd {
    fn default() -> Self {
        Self(Connection::new(Incoming::new(LONGEST_LINE), None))
    }
}

impl PlainEnd {
    /// Queues a message to be sent.
    ///
    /// # Errors
    /// When the peer is too slow.
    pub fn queue(&mut self, message: &Message) -> Result<(), String> {
        let queued = self.0.queue(message);
        queued.map_err(|reason| reason.to_string())
    }

    /// What is to be sent.
    pub fn unsent(&self) -> &[u8] {
        self.0.unsent()
    }

    /// So many bytes of [`Self::unsent`] have been sent.
    pub fn on_sent(&mut self, count: usize) {
        self.0.on_sent(count);
    }

    /// Where received bytes are to be put; not empty after [`Self::next_message`] has found none.
    pub fn room(&mut self) -> &mut [u8] {
        self.0.room()
    }

    /// The next message, after so many bytes have been put into [`Self::room`].
    ///
    /// # Errors
    /// When the next line is none of the protocol, or the peer refuses this node.
    pub fn next_message(&mut self, count: usize) -> Result<Option<Message>, String> {
        let added = self.0.add(count).and_then(|()| self.0.next_message());
        added.map_err(|error| error.to_string())
    }

    /// One heartbeat interval has passed; whether the peer has been silent for too many of them.
    pub fn on_heartbeat(&mut self, all_near: bool) -> bool {
        self.0.on_heartbeat(all_near)
    }

    /// Whether the peer has been silent for as long as a link is kept.
    pub fn is_silent(&self) -> bool {
        self.0.is_silent()
    }
}
