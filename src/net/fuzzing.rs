//! What the fuzz targets in `fuzz/` call of this module.

use crate::key::{Key, Keys};
use crate::ring::message::VERSION;
use crate::ring::{Hello, Incarnation, Message, NodeId, Topology};

use super::frame::parse;
use super::handshake::{Opening, answer, connect};
use super::incoming::Incoming;
use super::link_error::LinkError;
use super::session::Sealer;
use super::wire::LONGEST_HELLO;

/// The lines of a stream that comes in reads of these sizes: at most `longest` bytes each, with the newline.
pub struct Lines {
    incoming: Incoming,
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
        let incoming = Incoming::new(longest);
        Self { incoming, longest }
    }

    /// The longest line, with its newline.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The memory that it has, in bytes.
    pub fn memory(&self) -> usize {
        self.incoming.size()
    }

    /// Reads up to `most` bytes of `rest`, and calls `on_line` with every line that is whole then.
    ///
    /// # Errors
    /// The sentence of the log when a line is too long, or a record is not the next one.
    pub fn read(
        &mut self,
        rest: &mut &[u8],
        most: usize,
        mut on_line: impl FnMut(&[u8]),
    ) -> Result<(), String> {
        let room = self.incoming.room();
        let count = room.len().min(most).min(rest.len());
        let (now, later) = rest.split_at(count);
        if let Some(room) = room.get_mut(..count) {
            room.copy_from_slice(now);
        }
        *rest = later;
        self.incoming
            .add(count)
            .map_err(|error| error.to_string())?;
        loop {
            match self.incoming.take_line() {
                Ok(Some(line)) => on_line(self.incoming.line(line)),
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
    let own = Hello {
        version: VERSION,
        ring: topology.ring.clone(),
        node: topology.name(me).to_owned(),
        incarnation: Incarnation(0),
        topology: topology.fingerprint(),
        continues: false,
        obituary: None,
    };
    let introduced = match parse(line) {
        Ok(Message::Hello(hello)) => hello.introduce(&own, topology).map_err(LinkError::Mismatch),
        Ok(Message::Refused { reason, duplicate }) => Err(LinkError::Refused { reason, duplicate }),
        Ok(_) | Err(_) => Err(LinkError::NotHello),
    };
    introduced.map_err(|error| error.to_string())
}

/// The two ends of an encrypted connection: what one sends, and what the other makes of it.
pub struct Encrypted {
    sealer: Sealer,
    /// What the other end receives.
    pub received: Lines,
}

/// A key that the input does not know.
fn keys() -> Keys {
    Keys::new(Key::from_bytes([0x5a; 32]), None)
}

impl Encrypted {
    /// A connection after its handshake.
    ///
    /// # Errors
    /// When the system gives no random bits.
    pub fn connect() -> Result<Self, String> {
        let channels = connect(&keys(), &keys()).map_err(|error| error.to_string());
        let (dials, answers) = channels?;
        let mut received = Lines::of_link();
        let decrypts = received.incoming.decrypt(answers.opener);
        decrypts.map_err(|error| error.to_string())?;
        let sealer = dials.sealer;
        Ok(Self { sealer, received })
    }

    /// The records that carry `plain`.
    ///
    /// # Errors
    /// When there have been too many records.
    pub fn seal(&mut self, plain: &[u8]) -> Result<Vec<u8>, String> {
        let mut records = Vec::new();
        let sealed = self.sealer.seal(plain, &mut records);
        sealed.map_err(|error| error.to_string())?;
        Ok(records)
    }
}

/// Whether a node with a key accepts this as the first line of a peer, or the sentence of the log.
///
/// # Errors
/// When the line is no handshake of a peer with the same key.
pub fn handshake_in(line: &[u8]) -> Result<(), String> {
    match serde_json::from_slice(line) {
        Ok(Opening::Key(line)) => {
            let answered = answer(&keys(), &line);
            answered.map(drop).map_err(|error| error.to_string())
        }
        Ok(other) => Err(format!("{other:?}")),
        Err(_) => Err(LinkError::NotHello.to_string()),
    }
}
