//! A connection's lines as the daemon's own links write and read them, in a part of the seeds.
//!
//! The messages of the simulated network are values. Here they go through [`PlainEnd`] at both ends, as bytes that come
//! in pieces; and it decides, not the simulator, when a peer has been silent for too long.

use carom::net::simulation::PlainEnd;
use carom::ring::Message;

use crate::clock::Nanos;

/// One seed in this many has its lines written and read.
const EVERY: u64 = 8;

/// At most this many reads bring one line.
const MOST_PIECES: usize = 3;

/// Both ends of one connection.
pub(crate) struct Wire {
    ends: [PlainEnd; 2],
    /// When the process at each end next counts a heartbeat.
    next_heartbeat: [Nanos; 2],
    random: fastrand::Rng,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Wire")
    }
}

impl Wire {
    /// For the connection of that number, if the seed is one of those with wires.
    pub(crate) fn new(seed: u64, connection: usize) -> Option<Box<Self>> {
        let wire = || Self {
            ends: Default::default(),
            next_heartbeat: [0; 2],
            random: fastrand::Rng::with_seed(seed ^ connection as u64),
        };
        seed.is_multiple_of(EVERY).then(|| Box::new(wire()))
    }

    /// The bytes that `end` sends for a message.
    pub(crate) fn write(&mut self, end: usize, message: &Message) -> Vec<u8> {
        let writer = &mut self.ends[end];
        let queued = writer.queue(message);
        assert_eq!(queued, Ok(()), "the queue is empty before each message");
        let mut bytes = Vec::new();
        // The socket takes some of it at a time.
        while !writer.unsent().is_empty() {
            let count = self.random.usize(1..=writer.unsent().len());
            bytes.extend_from_slice(&writer.unsent()[..count]);
            writer.on_sent(count);
        }
        bytes
    }

    /// The message that `end` reads from these bytes.
    pub(crate) fn read(&mut self, end: usize, mut bytes: &[u8]) -> Message {
        let reader = &mut self.ends[end];
        let mut pieces = self.random.usize(1..=MOST_PIECES);
        loop {
            let room = reader.room();
            let most = bytes.len().min(room.len());
            let count = if pieces > 1 {
                self.random.usize(1..=most)
            } else {
                most
            };
            pieces = pieces.saturating_sub(1);
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            let message = reader.next_message(count);
            let message = message.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(message.is_some(), bytes.is_empty(), "one line, one message");
            if let Some(message) = message {
                return message;
            }
        }
    }

    /// The process at `end` may have sent a heartbeat: whether its link counts the peer as silent now. `None` if
    /// the next heartbeat is still to come.
    pub(crate) fn heartbeat(
        &mut self,
        end: usize,
        now: Nanos,
        interval: Nanos,
        all_near: bool,
    ) -> Option<bool> {
        if now < self.next_heartbeat[end] {
            return None;
        }
        self.next_heartbeat[end] = now + interval;
        Some(self.ends[end].on_heartbeat(all_near))
    }

    /// Whether `end` has heard its peer lately.
    pub(crate) fn is_alive(&self, end: usize) -> bool {
        !self.ends[end].is_silent()
    }
}
