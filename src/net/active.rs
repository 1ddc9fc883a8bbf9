//! One connection of a link, with its socket. Nothing in here waits.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::connection::Connection;
use super::link_error::LinkError;
use super::new_link::NewLink;
use crate::key::Fingerprint;
use crate::poller::{Poller, Token};
use crate::ring::{Hello, Message, NodeId};

/// The bits of a token that hold the number of the peer.
const PEER_BITS: u32 = 16;

/// A connection whose place another one has taken is closed after so many heartbeats of this node, if the peer does not close it.
const RETIRED_HEARTBEATS: u32 = 2;

/// A connection and its socket.
pub(super) struct Active {
    id: u32,
    peer: NodeId,
    key: Option<Fingerprint>,
    stream: TcpStream,
    connection: Connection,
    /// The socket is watched for room to write.
    is_waiting_for_room: bool,
    /// The socket is broken for writing. The reader notices it, too, and reports why.
    is_broken: bool,
    /// More waits to be sent than may.
    is_overfull: bool,
    retired: Option<Retired>,
}

/// Another connection has taken the place of this one. Nothing more is queued here.
///
/// The side that dialled ends its half first: by then it knows of the connection that has taken over, so the
/// end of the other half does not look like the end of the link.
#[derive(Clone, Copy, Debug)]
struct Retired {
    ends_half: bool,
    /// Heartbeats of this node since all was sent.
    heartbeats: u32,
}

impl Active {
    pub(super) fn new(new: NewLink) -> Self {
        Self {
            id: new.id,
            peer: new.peer,
            key: new.key,
            stream: new.stream,
            connection: Connection::new(new.incoming, new.sealer),
            is_waiting_for_room: false,
            is_broken: false,
            is_overfull: false,
            retired: None,
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn peer(&self) -> NodeId {
        self.peer
    }

    pub(super) fn key(&self) -> Option<Fingerprint> {
        self.key
    }

    /// Names the socket to the poller.
    pub(super) fn token(&self) -> Token {
        Token(u64::from(self.id) << PEER_BITS | self.peer.index() as u64)
    }

    /// The place of the peer in the ring whose connection has that token.
    pub(super) fn peer_of(token: Token) -> usize {
        (token.0 & ((1 << PEER_BITS) - 1)) as usize
    }

    /// Begins to watch the socket.
    pub(super) fn watch(&self, poller: &Poller) -> io::Result<()> {
        match poller.watch(&self.stream, self.token()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            watched => watched,
        }
    }

    /// Reads once. If there may be more, the socket is reported again, after the others that are ready.
    pub(super) fn read(&mut self, poller: &Poller) -> Result<(), LinkError> {
        let room = self.connection.room();
        let size = room.len();
        let received = retry_on_intr(|| recv(&self.stream, &mut *room, RecvFlags::empty()));
        match received {
            Ok((_, 0)) => Err(LinkError::ClosedByPeer),
            Ok((count, _)) => {
                self.connection.add(count)?;
                if count < size {
                    return Ok(());
                }
                let watched =
                    poller.watch_room(&self.stream, self.token(), self.is_waiting_for_room);
                watched.map_err(LinkError::Io)
            }
            Err(Errno::WOULDBLOCK) => Ok(()),
            Err(error) => Err(LinkError::Io(error.into())),
        }
    }

    /// The next message that has come whole.
    pub(super) fn next_message(&mut self) -> Result<Option<Message>, LinkError> {
        self.connection.next_message()
    }

    /// Queues a message; whether [`Self::flush`] has to be called.
    pub(super) fn queue(&mut self, message: &Message) -> bool {
        self.is_overfull = self.connection.queue(message).is_err();
        !self.is_waiting_for_room || self.is_overfull
    }

    pub(super) fn is_overfull(&self) -> bool {
        self.is_overfull
    }

    /// Sends what is queued, as far as the socket takes it.
    pub(super) fn flush(&mut self, poller: &Poller) {
        self.write();
        let is_full = !self.connection.unsent().is_empty() && !self.is_broken;
        if is_full != self.is_waiting_for_room {
            // Fails only where the socket is not watched yet: then it is tried again with the next message.
            let watched = poller.watch_room(&self.stream, self.token(), is_full);
            self.is_waiting_for_room = is_full && watched.is_ok();
        }
        self.end_half();
    }

    fn write(&mut self) {
        while !self.connection.unsent().is_empty() && !self.is_broken {
            match send(&self.stream, self.connection.unsent(), SendFlags::NOSIGNAL) {
                Ok(count) => self.connection.on_sent(count),
                Err(Errno::WOULDBLOCK) => return,
                Err(Errno::INTR) => {}
                Err(_) => self.is_broken = true,
            }
        }
    }

    /// Answers the peer's hello, if it has not been answered: the answer says whether the link goes on.
    pub(super) fn greet(&mut self, hello: Option<Hello>, continues: bool) {
        if let Some(hello) = hello {
            self.queue(&Message::Hello(Hello { continues, ..hello }));
            self.write();
        }
    }

    /// Sends the peer the last line of the connection, if the socket takes it at once.
    pub(super) fn refuse(&mut self, refused: &Message) {
        self.queue(refused);
        self.write();
    }

    /// Another connection takes the place of this one.
    pub(super) fn retire(&mut self, poller: &Poller, dialled: bool) {
        self.retired = Some(Retired {
            ends_half: dialled,
            heartbeats: 0,
        });
        self.flush(poller);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.is_some()
    }

    /// Ends this half of a retired connection, once everything is sent.
    fn end_half(&mut self) {
        if let Some(retired) = &mut self.retired
            && retired.ends_half
            && self.connection.unsent().is_empty()
        {
            retired.ends_half = false;
            // Fails only if the peer has closed already.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    /// One heartbeat of this node has passed; whether the connection is to be closed.
    pub(super) fn on_heartbeat(&mut self, all_near: bool) -> bool {
        match &mut self.retired {
            None => self.connection.on_heartbeat(all_near),
            Some(_) if !self.connection.unsent().is_empty() && !self.is_broken => false,
            Some(retired) => {
                retired.heartbeats += 1;
                retired.heartbeats >= RETIRED_HEARTBEATS
            }
        }
    }

    /// Whether the peer has been silent for as long as a link is kept.
    pub(super) fn is_silent(&self) -> bool {
        self.connection.is_silent()
    }
}
