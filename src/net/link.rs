//! One connection, from its hello to its end.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use async_io::{Async, Timer};
use smol::future;
use smol::io::AsyncWriteExt as _;
use socket2::{SockRef, TcpKeepalive};

use super::frame::{LONGEST_LINE, LineReader, ReadError, encode, parse};
use super::outbox::{Closing, Outbox};
use super::table::Seat;
use super::{Event, Hub};
use crate::escape::Escaped;
use crate::ring::{Hello, Message, NodeId};

/// How long the other end has for its hello.
pub(super) const HELLO_LIMIT: Duration = Duration::from_secs(2);

/// The longest hello, in bytes: before it, nobody is trusted with more memory.
const LONGEST_HELLO: usize = 4 * 1024;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum LinkError {
    /// The peer closed it.
    Gone,
    /// The network did.
    Io(io::Error),
    /// No hello in time.
    NoHello,
    /// The first line was no hello.
    NotHello,
    /// A line was no message of the protocol.
    Garbage(serde_json::Error),
    /// A line was longer than allowed.
    TooLong(usize),
    /// The peer's hello does not fit.
    Unfit(String),
    /// Another process of that name has the link.
    Duplicate(String),
    /// The peer refused us; `duplicate` if because another process has our name.
    Refused { reason: String, duplicate: bool },
    /// Our side ended it.
    Closed(Closing),
}

impl fmt::Display for LinkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => formatter.write_str("the peer closed the connection"),
            Self::Io(error) => error.fmt(formatter),
            Self::NoHello => write!(
                formatter,
                "no hello came within {HELLO_LIMIT:?}: this port is for carom's peers only"
            ),
            Self::NotHello => formatter
                .write_str("the first line was no hello: this port is for carom's peers only"),
            Self::Garbage(error) => write!(
                formatter,
                "a line was no message of the ring protocol ({error})"
            ),
            Self::TooLong(longest) => write!(formatter, "a line was longer than {longest} bytes"),
            Self::Unfit(sentence) => Escaped(sentence).fmt(formatter),
            Self::Duplicate(name) => write!(
                formatter,
                "another process named {name} is in the ring: stop one of the two, or name them differently"
            ),
            Self::Refused { reason, .. } => {
                write!(formatter, "the peer refused: {}", Escaped(reason))
            }
            Self::Closed(Closing::Silent) => {
                formatter.write_str("nothing was heard for three heartbeats")
            }
            Self::Closed(Closing::Overflow) => {
                formatter.write_str("the peer does not read what it is sent")
            }
            Self::Closed(Closing::Superseded) => {
                formatter.write_str("the peer opened a newer connection")
            }
            Self::Closed(Closing::Moved) => {
                formatter.write_str("the ring file gives it another address")
            }
        }
    }
}

impl From<ReadError> for LinkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Gone,
            ReadError::TooLong(longest) => Self::TooLong(longest),
            ReadError::Io(error) => Self::Io(error),
        }
    }
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A connection on its way to be a link.
pub(super) struct Connection {
    pub(super) stream: Async<TcpStream>,
    pub(super) address: IpAddr,
    /// Whom we dialled; `None` where the peer did.
    pub(super) dialled: Option<NodeId>,
    /// Set once the peer has introduced itself.
    pub(super) introduced: Rc<Cell<bool>>,
}

/// Serves a connection until it ends. Logs why, and says so.
pub(super) async fn serve(hub: &Hub, connection: Connection) -> LinkError {
    let Connection {
        address, dialled, ..
    } = connection;
    let introduced = Rc::clone(&connection.introduced);
    let Err(error) = run(hub, connection).await;
    if matches!(error, LinkError::Garbage(_) | LinkError::TooLong(_)) {
        hub.bad_lines.set(hub.bad_lines.get() + 1);
    }
    if !introduced.get() {
        match dialled {
            Some(peer) => {
                hub.peer_log.warn(&format!(
                    "{} at {address} is not connected: {error}",
                    hub.name(peer)
                ));
            }
            None => {
                hub.stranger_log
                    .warn(&format!("a connection from {address} was closed: {error}"));
            }
        }
    }
    error
}

async fn run(hub: &Hub, connection: Connection) -> Result<Infallible, LinkError> {
    let Connection {
        stream,
        address,
        dialled,
        introduced,
    } = connection;
    tune(&stream, hub.settings.topology.lease);
    let mut reader = LineReader::new(LONGEST_HELLO);
    let late = async {
        Timer::after(HELLO_LIMIT).await;
        Err(LinkError::NoHello)
    };
    let met = future::or(meet(hub, &stream, &mut reader, dialled), late).await;
    let (peer, hello) = match met {
        Ok(met) => met,
        Err(error) => {
            decline(hub, &stream, &error).await;
            return Err(error);
        }
    };
    reader.allow(LONGEST_LINE);
    let stream = Rc::new(stream);
    let outbox = Rc::new(Outbox::new(Rc::clone(&stream)));
    let seat = hub.table.seat(peer, hello.incarnation, &outbox);
    let Seat::Taken { link, again } = seat else {
        let error = LinkError::Duplicate(hub.name(peer).to_owned());
        decline(hub, &stream, &error).await;
        return Err(error);
    };
    introduced.set(true);
    hub.reconnects.set(hub.reconnects.get() + u64::from(again));
    let name = hub.name(peer);
    hub.peer_log
        .info(&format!("{name} at {address} is connected"));
    let incarnation = hello.incarnation;
    let up = Event::Up {
        peer,
        incarnation,
        link,
    };
    tell(hub, up).await;
    let listening = async {
        loop {
            let message = listen(&stream, &mut reader, &outbox).await?;
            let from = peer;
            tell(
                hub,
                Event::Line {
                    from,
                    link,
                    message,
                },
            )
            .await;
            // The loop hears the line before this task asks for more: a quick ball flies on sooner,
            // and a peer that never stops talking cannot fill the queue before others get a word in.
            future::yield_now().await;
        }
    };
    let Err(error) = future::or(listening, flush(&outbox)).await;
    if matches!(error, LinkError::Garbage(_) | LinkError::TooLong(_)) {
        decline(hub, &stream, &error).await;
    }
    hub.table.leave(peer, link);
    tell(hub, Event::Down { peer, link }).await;
    hub.peer_log.warn(&format!(
        "{name} at {address} is no longer connected: {error}"
    ));
    Err(error)
}

async fn flush(outbox: &Outbox) -> Result<Infallible, LinkError> {
    Err(LinkError::Closed(outbox.flush().await?))
}

/// Exchanges hellos: the dialling side speaks first.
async fn meet(
    hub: &Hub,
    stream: &Async<TcpStream>,
    reader: &mut LineReader,
    dialled: Option<NodeId>,
) -> Result<(NodeId, Hello), LinkError> {
    if dialled.is_some() {
        say(stream, &hub.hello()).await?;
    }
    let hello = match parse(reader.next(stream).await?) {
        Ok(Message::Hello(hello)) => hello,
        Ok(Message::Refused { reason, duplicate }) => {
            // Only the answer to our own call counts: anyone may call us and say so.
            if duplicate && dialled.is_some() {
                tell(hub, Event::Duplicate).await;
            }
            return Err(LinkError::Refused { reason, duplicate });
        }
        Ok(_) => return Err(LinkError::NotHello),
        Err(_) if dialled.is_none() => return Err(LinkError::NotHello),
        Err(error) => return Err(LinkError::Garbage(error)),
    };
    let settings = &hub.settings;
    let peer = hello
        .introduce(&settings.topology, settings.me)
        .map_err(LinkError::Unfit)?;
    if let Some(expected) = dialled.filter(|&expected| expected != peer) {
        let (expected, found) = (hub.name(expected), hub.name(peer));
        return Err(LinkError::Unfit(format!(
            "{found} answers at the address of {expected}: check both hosts and ports in the ring file"
        )));
    }
    if dialled.is_none() && has_hung_up(stream) {
        return Err(LinkError::Gone);
    }
    if hub.table.is_duplicate(peer, hello.incarnation) {
        return Err(LinkError::Duplicate(hub.name(peer).to_owned()));
    }
    if dialled.is_none() {
        say(stream, &hub.hello()).await?;
    }
    Ok((peer, hello))
}

/// Whether the caller has closed already: its call may have waited for longer than its patience,
/// while the service manager held the listener and no process answered.
fn has_hung_up(stream: &Async<TcpStream>) -> bool {
    matches!(stream.get_ref().peek(&mut [0]), Ok(0))
}

/// Tells the peer why, as far as it still listens.
async fn decline(hub: &Hub, stream: &Async<TcpStream>, error: &LinkError) {
    let told = matches!(
        error,
        LinkError::Unfit(_)
            | LinkError::Duplicate(_)
            | LinkError::NotHello
            | LinkError::Garbage(_)
            | LinkError::TooLong(_)
    );
    if told {
        let name = hub.name(hub.settings.me);
        let reason = format!("{name} says: {error}");
        let duplicate = matches!(error, LinkError::Duplicate(_));
        let late = async {
            Timer::after(HELLO_LIMIT).await;
            Ok(())
        };
        // The connection ends either way, and our log has the reason.
        let _ = future::or(say(stream, &Message::Refused { reason, duplicate }), late).await;
    }
}

async fn say(mut stream: &Async<TcpStream>, message: &Message) -> Result<(), LinkError> {
    let mut line = Vec::new();
    encode(message, &mut line);
    stream.write_all(&line).await.map_err(LinkError::Io)
}

/// The next message of a link.
async fn listen(
    stream: &Async<TcpStream>,
    reader: &mut LineReader,
    outbox: &Outbox,
) -> Result<Message, LinkError> {
    let line = reader.next(stream).await?;
    if let Some(why) = outbox.closing() {
        return Err(LinkError::Closed(why));
    }
    outbox.silent.set(0);
    let message = parse(line).map_err(LinkError::Garbage)?;
    if let Message::Refused { reason, duplicate } = message {
        return Err(LinkError::Refused { reason, duplicate });
    }
    Ok(message)
}

async fn tell(hub: &Hub, event: Event) {
    // Fails only when the daemon has stopped listening, and then this task is about to be dropped.
    let _ = hub.events.send(event).await;
}

/// Small lines at once; a dead peer noticed even when nothing is said.
fn tune(stream: &Async<TcpStream>, lease: Duration) {
    let socket = SockRef::from(stream.get_ref());
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(5))
        .with_retries(3);
    let tuned = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&keepalive))
        .and_then(|()| socket.set_tcp_user_timeout(Some(lease * 2)));
    if let Err(error) = tuned {
        // The link works without; heartbeats notice a dead peer all the same.
        tracing::debug!("a socket option of a peer link could not be set: {error}");
    }
}
