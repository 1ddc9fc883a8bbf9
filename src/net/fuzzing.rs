//! What the fuzz targets in `fuzz/` call of this module.

use crate::ring::{Message, NodeId, Topology};

use super::frame::parse;
use super::lines::LineBuffer;
use super::link_error::LinkError;
use super::wire::LONGEST_HELLO;

/// The lines of a stream that comes in reads of these sizes: at most `longest` bytes each, with the newline.
pub struct Lines {
    buffer: LineBuffer,
    longest: usize,
}

impl Lines {
    /// As for a connection that has said no hello.
    pub fn before_hello() -> Self {
        Self::new(LONGEST_HELLO)
    }

    /// As for a link.
    pub fn of_link() -> Self {
        Self::new(super::LONGEST_LINE)
    }

    fn new(longest: usize) -> Self {
        let buffer = LineBuffer::new(longest);
        Self { buffer, longest }
    }

    /// The longest line, with its newline.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The memory that it has, in bytes.
    pub fn memory(&self) -> usize {
        self.buffer.size()
    }

    /// Reads up to `most` bytes of `rest`, and calls `on_line` with every line that is whole then.
    ///
    /// # Errors
    /// The sentence of the log when a line is too long.
    pub fn read(
        &mut self,
        rest: &mut &[u8],
        most: usize,
        mut on_line: impl FnMut(&[u8]),
    ) -> Result<(), String> {
        let room = self.buffer.room();
        let count = room.len().min(most).min(rest.len());
        let (now, later) = rest.split_at(count);
        if let Some(room) = room.get_mut(..count) {
            room.copy_from_slice(now);
        }
        *rest = later;
        self.buffer.add(count);
        loop {
            match self.buffer.take_line() {
                Ok(Some(line)) => on_line(self.buffer.line(line)),
                Ok(None) => return Ok(()),
                Err(error) => return Err(LinkError::TooLong(error.0).to_string()),
            }
        }
    }
}

/// The message in a line, or the sentence of the log.
///
/// # Errors
/// When the line is no message.
pub fn message_in(line: &[u8]) -> Result<Message, String> {
    parse(line).map_err(|error| LinkError::NotMessage(error).to_string())
}

/// The peer that the first line of a connection introduces, or the sentence of the log.
///
/// # Errors
/// When the line is no hello of another node of this ring.
pub fn peer_in(line: &[u8], topology: &Topology, me: NodeId) -> Result<NodeId, String> {
    let introduced = match parse(line) {
        Ok(Message::Hello(hello)) => hello.introduce(topology, me).map_err(LinkError::Mismatch),
        Ok(Message::Refused { reason, duplicate }) => Err(LinkError::Refused { reason, duplicate }),
        Ok(_) | Err(_) => Err(LinkError::NotHello),
    };
    introduced.map_err(|error| error.to_string())
}
