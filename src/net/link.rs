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
use super::outbox::{CloseReason, Outbox};
use super::table::Registration;
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
    ClosedByPeer,
    /// The network did.
    Io(io::Error),
    /// No hello in time.
    NoHello,
    /// The first line was no hello.
    NotHello,
    /// A line was no message of the protocol.
    NotMessage(serde_json::Error),
    /// A line was longer than allowed.
    TooLong(usize),
    /// The peer's hello does not fit.
    Mismatch(String),
    /// Another process of that name has the link.
    Duplicate(String),
    /// The peer refused us; `duplicate` if because another process has our name.
    Refused { reason: String, duplicate: bool },
    /// Our side ended it.
    Closed(CloseReason),
}

impl fmt::Display for LinkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedByPeer => formatter.write_str("the peer closed the connection"),
            Self::Io(error) => error.fmt(formatter),
            Self::NoHello => write!(
                formatter,
                "no hello came within {HELLO_LIMIT:?}: this port is for carom's peers only"
            ),
            Self::NotHello => formatter
                .write_str("the first line was no hello: this port is for carom's peers only"),
            Self::NotMessage(error) => write!(
                formatter,
                "a line was no message of the ring protocol ({error})"
            ),
            Self::TooLong(longest) => write!(formatter, "a line was longer than {longest} bytes"),
            Self::Mismatch(sentence) => Escaped(sentence).fmt(formatter),
            Self::Duplicate(name) => write!(
                formatter,
                "another process named {name} is in the ring: stop one of the two, or name them differently"
            ),
            Self::Refused { reason, .. } => {
                write!(formatter, "the peer refused: {}", Escaped(reason))
            }
            Self::Closed(CloseReason::Silent) => {
                formatter.write_str("nothing was heard for three heartbeats")
            }
            Self::Closed(CloseReason::Overflow) => {
                formatter.write_str("the peer does not read what it is sent")
            }
            Self::Closed(CloseReason::Superseded) => {
                formatter.write_str("the peer opened a newer connection")
            }
            Self::Closed(CloseReason::Moved) => {
                formatter.write_str("the ring file gives it another address")
            }
        }
    }
}

impl From<ReadError> for LinkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::ClosedByPeer,
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
    let Err(error) = run_link(hub, connection).await;
    if matches!(error, LinkError::NotMessage(_) | LinkError::TooLong(_)) {
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
                hub.unknown_log
                    .warn(&format!("a connection from {address} was closed: {error}"));
            }
        }
    }
    error
}

async fn run_link(hub: &Hub, connection: Connection) -> Result<Infallible, LinkError> {
    let Connection {
        stream,
        address,
        dialled,
        introduced,
    } = connection;
    set_socket_options(&stream, hub.settings.topology.lease);
    let mut reader = LineReader::new(LONGEST_HELLO);
    let late = async {
        Timer::after(HELLO_LIMIT).await;
        Err(LinkError::NoHello)
    };
    let introduced_peer =
        future::or(exchange_hellos(hub, &stream, &mut reader, dialled), late).await;
    let (peer, hello) = match introduced_peer {
        Ok(introduced_peer) => introduced_peer,
        Err(error) => {
            send_refusal(hub, &stream, &error).await;
            return Err(error);
        }
    };
    reader.allow(LONGEST_LINE);
    let stream = Rc::new(stream);
    let outbox = Rc::new(Outbox::new(Rc::clone(&stream)));
    let registration = hub.table.register(peer, hello.incarnation, &outbox);
    let Registration::Accepted { link, reconnect } = registration else {
        let error = LinkError::Duplicate(hub.name(peer).to_owned());
        send_refusal(hub, &stream, &error).await;
        return Err(error);
    };
    introduced.set(true);
    hub.reconnects
        .set(hub.reconnects.get() + u64::from(reconnect));
    let name = hub.name(peer);
    hub.peer_log
        .info(&format!("{name} at {address} is connected"));
    let incarnation = hello.incarnation;
    let up = Event::Up {
        peer,
        incarnation,
        link,
    };
    send_event(hub, up).await;
    let receiving = async {
        loop {
            let message = next_message(&stream, &mut reader, &outbox).await?;
            let from = peer;
            send_event(
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
    let Err(error) = future::or(receiving, flush(&outbox)).await;
    if matches!(error, LinkError::NotMessage(_) | LinkError::TooLong(_)) {
        send_refusal(hub, &stream, &error).await;
    }
    hub.table.release(peer, link);
    send_event(hub, Event::Down { peer, link }).await;
    hub.peer_log.warn(&format!(
        "{name} at {address} is no longer connected: {error}"
    ));
    Err(error)
}

async fn flush(outbox: &Outbox) -> Result<Infallible, LinkError> {
    Err(LinkError::Closed(outbox.flush().await?))
}

/// Exchanges hellos: the dialling side speaks first.
async fn exchange_hellos(
    hub: &Hub,
    stream: &Async<TcpStream>,
    reader: &mut LineReader,
    dialled: Option<NodeId>,
) -> Result<(NodeId, Hello), LinkError> {
    if dialled.is_some() {
        send_message(stream, &hub.hello()).await?;
    }
    let hello = match parse(reader.next(stream).await?) {
        Ok(Message::Hello(hello)) => hello,
        Ok(Message::Refused { reason, duplicate }) => {
            // Only the answer to our own call counts: anyone may call us and say so.
            if duplicate && dialled.is_some() {
                send_event(hub, Event::Duplicate).await;
            }
            return Err(LinkError::Refused { reason, duplicate });
        }
        Ok(_) => return Err(LinkError::NotHello),
        Err(_) if dialled.is_none() => return Err(LinkError::NotHello),
        Err(error) => return Err(LinkError::NotMessage(error)),
    };
    let settings = &hub.settings;
    let peer = hello
        .introduce(&settings.topology, settings.me)
        .map_err(LinkError::Mismatch)?;
    if let Some(expected) = dialled.filter(|&expected| expected != peer) {
        let (expected, found) = (hub.name(expected), hub.name(peer));
        return Err(LinkError::Mismatch(format!(
            "{found} answers at the address of {expected}: check both hosts and ports in the ring file"
        )));
    }
    if dialled.is_none() && is_closed_by_peer(stream) {
        return Err(LinkError::ClosedByPeer);
    }
    if hub.table.is_duplicate(peer, hello.incarnation) {
        return Err(LinkError::Duplicate(hub.name(peer).to_owned()));
    }
    if dialled.is_none() {
        send_message(stream, &hub.hello()).await?;
    }
    Ok((peer, hello))
}

/// Whether the caller has closed already: its call may have waited for longer than its patience,
/// while the service manager held the listener and no process answered.
fn is_closed_by_peer(stream: &Async<TcpStream>) -> bool {
    matches!(stream.get_ref().peek(&mut [0]), Ok(0))
}

/// Tells the peer why, as far as it still listens.
async fn send_refusal(hub: &Hub, stream: &Async<TcpStream>, error: &LinkError) {
    let is_told = matches!(
        error,
        LinkError::Mismatch(_)
            | LinkError::Duplicate(_)
            | LinkError::NotHello
            | LinkError::NotMessage(_)
            | LinkError::TooLong(_)
    );
    if is_told {
        let name = hub.name(hub.settings.me);
        let reason = format!("{name} says: {error}");
        let duplicate = matches!(error, LinkError::Duplicate(_));
        let late = async {
            Timer::after(HELLO_LIMIT).await;
            Ok(())
        };
        // The connection ends either way, and our log has the reason.
        let _ = future::or(
            send_message(stream, &Message::Refused { reason, duplicate }),
            late,
        )
        .await;
    }
}

async fn send_message(mut stream: &Async<TcpStream>, message: &Message) -> Result<(), LinkError> {
    let mut line = Vec::new();
    encode(message, &mut line);
    stream.write_all(&line).await.map_err(LinkError::Io)
}

/// The next message of a link.
async fn next_message(
    stream: &Async<TcpStream>,
    reader: &mut LineReader,
    outbox: &Outbox,
) -> Result<Message, LinkError> {
    let line = reader.next(stream).await?;
    if let Some(reason) = outbox.close_reason() {
        return Err(LinkError::Closed(reason));
    }
    outbox.silent.set(0);
    let message = parse(line).map_err(LinkError::NotMessage)?;
    if let Message::Refused { reason, duplicate } = message {
        return Err(LinkError::Refused { reason, duplicate });
    }
    Ok(message)
}

async fn send_event(hub: &Hub, event: Event) {
    // Fails only when the daemon has stopped receiving, and then this task is about to be dropped.
    let _ = hub.events.send(event).await;
}

/// Small lines at once; a dead peer noticed even when nothing is said.
fn set_socket_options(stream: &Async<TcpStream>, lease: Duration) {
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
