//! One connection of a link, once both sides know each other. Bytes in, messages out; messages in, bytes out:
//! it knows no socket.

use super::close_reason::CloseReason;
use super::frame::{encode, parse};
use super::incoming::Incoming;
use super::link_error::LinkError;
use super::session::Sealer;
use crate::ring::Message;
use crate::ring::peers::SILENT_HEARTBEATS;

/// How much may wait to be sent to a slow peer, in bytes; beyond it the connection is closed.
const MOST_QUEUED: usize = 256 * 1024;

/// A queue that has grown beyond this many bytes gives its memory back once it is empty.
const KEPT_QUEUE: usize = 8 * 1024;

/// The state of an established connection.
pub(super) struct Connection {
    incoming: Incoming,
    /// Encrypts what is sent, unless the connection is plain.
    sealer: Option<Sealer>,
    /// The line that is being encrypted; kept to reuse its memory.
    plain: Vec<u8>,
    /// What is to be sent, and how much of it has been sent.
    queued: Vec<u8>,
    sent: usize,
    /// Heartbeat intervals since the last line came in, of those in which the peer was sent a heartbeat.
    silent: u32,
    /// A heartbeat was queued since [`Self::on_heartbeat`] was called last.
    has_asked: bool,
}

impl Connection {
    /// A connection whose hellos have been exchanged. `incoming` may hold lines that came after the hello.
    pub(super) fn new(incoming: Incoming, sealer: Option<Sealer>) -> Self {
        Self {
            incoming,
            sealer,
            plain: Vec::new(),
            queued: Vec::new(),
            sent: 0,
            silent: 0,
            has_asked: false,
        }
    }

    /// Where received bytes are to be put; not empty after [`Self::next_message`] has found none.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.incoming.room()
    }

    /// So many bytes have been put into [`Self::room`].
    ///
    /// # Errors
    /// When they are no records of this connection.
    pub(super) fn add(&mut self, count: usize) -> Result<(), LinkError> {
        self.incoming.add(count).map_err(|_| LinkError::BadRecord)
    }

    /// The next message that has come whole.
    ///
    /// # Errors
    /// When the next line is none of the protocol, or the peer refuses this node: then the connection is to be closed.
    pub(super) fn next_message(&mut self) -> Result<Option<Message>, LinkError> {
        let line = self.incoming.take_line();
        let Some(line) = line.map_err(|error| LinkError::TooLong(error.0))? else {
            return Ok(None);
        };
        self.silent = 0;
        let message = parse(self.incoming.line(line)).map_err(LinkError::NotMessage)?;
        if let Message::Refused { reason, duplicate } = message {
            return Err(LinkError::Refused { reason, duplicate });
        }
        Ok(Some(message))
    }

    /// Queues a message to be sent.
    ///
    /// # Errors
    /// When the peer is too slow: then the connection is to be closed.
    pub(super) fn queue(&mut self, message: &Message) -> Result<(), CloseReason> {
        self.has_asked |= matches!(message, Message::Heartbeat { .. });
        match &mut self.sealer {
            None => encode(message, &mut self.queued),
            Some(sealer) => {
                self.plain.clear();
                encode(message, &mut self.plain);
                // Fails after 2^64 records: the peer then finds that nothing comes.
                let _ = sealer.seal(&self.plain, &mut self.queued);
            }
        }
        if self.unsent().len() > MOST_QUEUED {
            return Err(CloseReason::Overflow);
        }
        Ok(())
    }

    /// What is to be sent.
    pub(super) fn unsent(&self) -> &[u8] {
        self.queued.get(self.sent..).unwrap_or_default()
    }

    /// So many bytes of [`Self::unsent`] have been sent.
    pub(super) fn on_sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent < self.queued.len() {
            return;
        }
        self.sent = 0;
        self.queued.clear();
        self.queued.shrink_to(KEPT_QUEUE);
    }

    /// One heartbeat interval has passed; whether the peer has been silent for too many of them. All count if `all_near`,
    /// otherwise only those in which the peer was sent a heartbeat: a far peer may be silent for as long as nobody asks it.
    ///
    /// Silence is counted in this process's own heartbeats, not by the clock: after the process was
    /// paused, the lines that arrived meanwhile are read before any peer counts as silent.
    pub(super) fn on_heartbeat(&mut self, all_near: bool) -> bool {
        let has_asked = std::mem::take(&mut self.has_asked);
        self.silent += u32::from(all_near || has_asked);
        self.silent > SILENT_HEARTBEATS
    }

    /// Whether the peer has been silent for as long as a link is kept.
    pub(super) fn is_silent(&self) -> bool {
        self.silent >= SILENT_HEARTBEATS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::LONGEST_LINE;
    use crate::net::handshake::connect;
    use crate::net::test_keys::keys;

    fn heartbeat(at: u64) -> Message {
        Message::Heartbeat {
            at,
            echo: None,
            since: 0,
            near: false,
        }
    }

    /// Two ends of a connection: plain, or encrypted.
    fn pair(encrypted: bool) -> [Connection; 2] {
        let plain = || Connection::new(Incoming::new(LONGEST_LINE), None);
        if !encrypted {
            return [plain(), plain()];
        }
        let (dials, answers) = connect(&keys(&[7]), &keys(&[7])).unwrap();
        [dials, answers].map(|channel| {
            let mut incoming = Incoming::new(LONGEST_LINE);
            incoming.decrypt(channel.opener).unwrap();
            Connection::new(incoming, Some(channel.sealer))
        })
    }

    /// Carries up to `most` bytes from one end to the other; how many there were.
    fn carry(from: &mut Connection, to: &mut Connection, most: usize) -> usize {
        let room = to.room();
        let count = from.unsent().len().min(room.len()).min(most);
        room[..count].copy_from_slice(&from.unsent()[..count]);
        from.on_sent(count);
        to.add(count).unwrap();
        count
    }

    #[test]
    fn messages_come_out_as_they_went_in_however_the_bytes_are_cut() {
        for encrypted in [false, true] {
            for most in [1, 7, 100, 100_000] {
                let [mut one, mut other] = pair(encrypted);
                for at in 0..50 {
                    one.queue(&heartbeat(at)).unwrap();
                }
                let mut received = Vec::new();
                while carry(&mut one, &mut other, most) > 0 {
                    while let Some(message) = other.next_message().unwrap() {
                        received.push(message);
                    }
                }
                let expected: Vec<_> = (0..50).map(heartbeat).collect();
                assert_eq!(received, expected, "{most} bytes at a time");
            }
        }
    }

    #[test]
    fn a_peer_that_does_not_read_ends_its_connection_and_the_queue_has_a_bound() {
        let [mut one, _] = pair(true);
        let mut queued = 0;
        let reason = loop {
            match one.queue(&heartbeat(queued)) {
                Ok(()) => queued += 1,
                Err(reason) => break reason,
            }
        };
        assert_eq!(reason, CloseReason::Overflow);
        assert!(one.unsent().len() <= MOST_QUEUED + 200 && queued > 1_000);
    }

    #[test]
    fn the_memory_of_a_long_queue_is_given_back() {
        let [mut one, _] = pair(false);
        for at in 0..1_000 {
            one.queue(&heartbeat(at)).unwrap();
        }
        one.on_sent(10);
        let rest = one.unsent().len();
        assert!(rest > KEPT_QUEUE && one.unsent().starts_with(b"eartbeat"));
        one.on_sent(rest);
        assert!(one.unsent().is_empty() && one.queued.capacity() <= KEPT_QUEUE);
    }

    #[test]
    fn silence_is_counted_in_heartbeats_and_any_line_ends_it() {
        let [mut one, mut other] = pair(false);
        assert!((0..SILENT_HEARTBEATS).all(|_| !other.on_heartbeat(true)));
        one.queue(&heartbeat(1)).unwrap();
        carry(&mut one, &mut other, 1_000);
        other.next_message().unwrap();
        assert!((0..SILENT_HEARTBEATS).all(|_| !other.on_heartbeat(true)));
        assert!(other.on_heartbeat(true));
    }

    #[test]
    fn a_far_peer_that_was_sent_nothing_may_be_silent() {
        let [_, mut other] = pair(false);
        for sent in 0..=SILENT_HEARTBEATS {
            assert!((0..100).all(|_| !other.on_heartbeat(false)));
            other.queue(&heartbeat(1)).unwrap();
            other.queue(&heartbeat(2)).unwrap();
            assert_eq!(other.on_heartbeat(false), sent == SILENT_HEARTBEATS);
        }
    }

    #[test]
    fn a_line_that_is_no_message_and_a_refusal_are_errors() {
        let [_, mut other] = pair(false);
        other.room()[..8].copy_from_slice(b"garbage\n");
        other.add(8).unwrap();
        assert!(matches!(
            other.next_message(),
            Err(LinkError::NotMessage(_))
        ));
        let [mut one, mut other] = pair(true);
        let (reason, duplicate) = ("no".to_owned(), true);
        one.queue(&Message::Refused { reason, duplicate }).unwrap();
        carry(&mut one, &mut other, 1_000);
        let refused = other.next_message();
        assert!(matches!(
            refused,
            Err(LinkError::Refused {
                duplicate: true,
                ..
            })
        ));
    }
}
