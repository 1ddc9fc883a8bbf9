//! One connection, from its hello to its end.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use async_io::{Async, Timer};
use smol::future;
use smol::io::AsyncWriteExt as _;
use socket2::{SockRef, TcpKeepalive};

use super::frame::{LONGEST_LINE, LineReader, encode, parse};
use super::hosts::Source;
use super::hub::{Event, Hub};
use super::link_error::{HELLO_LIMIT, LinkError};
use super::outbox::Outbox;
use super::table::Registration;
use crate::accept::Standing;
use crate::ring::{Hello, Incarnation, Message, NodeId};

/// The longest hello, in bytes: before it, nobody is trusted with more memory.
pub(super) const LONGEST_HELLO: usize = 4 * 1024;

/// A connection whose peer has not introduced itself yet.
pub(super) struct PendingConnection {
    pub(super) stream: Async<TcpStream>,
    pub(super) address: IpAddr,
    pub(super) origin: Origin,
}

/// Which side opened a connection.
pub(super) enum Origin {
    /// This node dialled that peer.
    Dialled(NodeId),
    /// The peer dialled. Once it has introduced itself, its connection is no longer evicted.
    Accepted(Rc<Cell<Standing>>),
}

impl Origin {
    fn dialled(&self) -> Option<NodeId> {
        match self {
            Self::Dialled(peer) => Some(*peer),
            Self::Accepted(_) => None,
        }
    }
}

/// How a connection ended.
pub(super) struct Ended {
    pub(super) error: LinkError,
    /// Whether it had become a link before.
    pub(super) was_link: bool,
}

/// A connection on which both sides know each other.
struct Link {
    peer: NodeId,
    incarnation: Incarnation,
    number: u64,
    address: IpAddr,
    stream: Rc<Async<TcpStream>>,
    reader: LineReader,
    outbox: Rc<Outbox>,
}

/// Serves a connection until it ends, and logs why it ended.
pub(super) async fn serve(hub: &Hub, connection: PendingConnection) -> Ended {
    let (address, dialled) = (connection.address, connection.origin.dialled());
    let ended = match introduce(hub, connection).await {
        Ok(link) => Ended {
            error: run(hub, link).await,
            was_link: true,
        },
        Err(error) => Ended {
            error,
            was_link: false,
        },
    };
    let Ended { error, was_link } = &ended;
    if error.is_bad_line() {
        hub.count_bad_line();
    }
    if !was_link {
        match dialled {
            Some(peer) => hub.peer_log.warn(&format!(
                "{} at {address} is not connected: {error}",
                hub.name(peer)
            )),
            None => hub
                .unknown_log
                .warn(&format!("a connection from {address} was closed: {error}")),
        }
    }
    ended
}

/// Makes a link of a connection, or refuses it.
async fn introduce(hub: &Hub, connection: PendingConnection) -> Result<Link, LinkError> {
    let PendingConnection {
        stream,
        address,
        origin,
    } = connection;
    set_socket_options(&stream, hub.settings.topology.lease);
    let mut reader = LineReader::new(LONGEST_HELLO);
    let late = async {
        Timer::after(HELLO_LIMIT).await;
        Err(LinkError::NoHello)
    };
    let hellos = exchange_hellos(hub, &stream, &mut reader, origin.dialled());
    let (peer, hello) = match future::or(hellos, late).await {
        Ok(known) => known,
        Err(error) => {
            send_refusal(hub, &stream, &error).await;
            return Err(error);
        }
    };
    reader.allow(LONGEST_LINE);
    let stream = Rc::new(stream);
    let outbox = Rc::new(Outbox::new(Rc::clone(&stream)));
    let incarnation = hello.incarnation;
    let registration = hub.table.register(peer, incarnation, &outbox);
    let Registration::Accepted { link, reconnect } = registration else {
        let error = LinkError::Duplicate(hub.name(peer).to_owned());
        send_refusal(hub, &stream, &error).await;
        return Err(error);
    };
    if let Origin::Accepted(standing) = origin {
        standing.set(Standing::Exempt);
        hub.admission.borrow_mut().on_link(address);
    }
    if reconnect {
        hub.count_reconnect();
    }
    Ok(Link {
        peer,
        incarnation,
        number: link,
        address,
        stream,
        reader,
        outbox,
    })
}

/// Carries messages both ways until the link ends.
async fn run(hub: &Hub, link: Link) -> LinkError {
    let Link {
        peer,
        incarnation,
        number,
        address,
        stream,
        mut reader,
        outbox,
    } = link;
    let name = hub.name(peer);
    hub.peer_log
        .info(&format!("{name} at {address} is connected"));
    hub.send_event(Event::Up {
        peer,
        incarnation,
        link: number,
        address,
    })
    .await;
    let receiving = async {
        loop {
            let message = next_message(&stream, &mut reader, &outbox).await?;
            hub.send_event(Event::Line {
                from: peer,
                link: number,
                message,
            })
            .await;
            // Let the loop handle the line before this task reads on: a fast ball is passed on
            // sooner, and a peer that sends without pause cannot fill the queue before others.
            future::yield_now().await;
        }
    };
    let flushing = async {
        let reason = outbox.flush().await?;
        Err::<Infallible, _>(LinkError::Closed(reason))
    };
    let Err(error) = future::or(receiving, flushing).await;
    if error.is_bad_line() {
        send_refusal(hub, &stream, &error).await;
    }
    hub.table.release(peer, number);
    hub.send_event(Event::Down { peer, link: number }).await;
    hub.peer_log.warn(&format!(
        "{name} at {address} is no longer connected: {error}"
    ));
    error
}

/// Exchanges hellos: the side that dialled sends first.
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
            // Believed only from a peer that this node dialled: anyone can connect and claim it.
            if duplicate && dialled.is_some() {
                hub.send_event(Event::Duplicate).await;
            }
            return Err(LinkError::Refused { reason, duplicate });
        }
        Ok(_) => return Err(LinkError::NotHello),
        Err(_) if dialled.is_none() => return Err(LinkError::NotHello),
        Err(error) => return Err(LinkError::NotMessage(error)),
    };
    let settings = &hub.settings;
    let introduced = hello.introduce(&settings.topology, settings.me);
    let Some(expected) = dialled else {
        let peer = check_caller(hub, stream, &hello, introduced).await?;
        send_message(stream, &hub.hello()).await?;
        return Ok((peer, hello));
    };
    let peer = introduced.map_err(LinkError::Mismatch)?;
    if expected != peer {
        let (expected, found) = (hub.name(expected), hub.name(peer));
        return Err(LinkError::Mismatch(format!(
            "{found} answers at the address of {expected}: check both hosts and ports in the ring file"
        )));
    }
    check_duplicate(hub, peer, &hello)?;
    Ok((peer, hello))
}

/// Checks the hello of a peer that has dialled; returns the peer.
async fn check_caller(
    hub: &Hub,
    stream: &Async<TcpStream>,
    hello: &Hello,
    introduced: Result<NodeId, String>,
) -> Result<NodeId, LinkError> {
    let socket = stream.get_ref();
    let source = Source::new(socket.peer_addr()?.ip(), socket.local_addr()?.ip());
    let address = source.peer();
    let peer = match introduced {
        Ok(peer) => peer,
        Err(reason) => {
            // Only a node of the ring file learns what its mistake is.
            let is_node = match hub.settings.topology.find(&hello.node) {
                Some(claimed) => hub.is_believed(claimed, source).await,
                None => hub.is_listed(source),
            };
            return Err(if is_node {
                LinkError::Mismatch(reason)
            } else {
                LinkError::Unlisted { address, reason }
            });
        }
    };
    // Before the address: a process whose name is taken must learn that wherever it runs.
    check_duplicate(hub, peer, hello)?;
    if !hub.is_believed(peer, source).await {
        let node = hub.name(peer).to_owned();
        return Err(LinkError::NotBelieved { address, node });
    }
    if is_closed_by_peer(stream) {
        return Err(LinkError::ClosedByPeer);
    }
    Ok(peer)
}

fn check_duplicate(hub: &Hub, peer: NodeId, hello: &Hello) -> Result<(), LinkError> {
    if hub.table.is_duplicate(peer, hello.incarnation) {
        return Err(LinkError::Duplicate(hub.name(peer).to_owned()));
    }
    Ok(())
}

/// Whether the peer has closed already. It gives up after a while, and its connection may have
/// waited longer than that: the service manager holds the listener while no process accepts.
fn is_closed_by_peer(stream: &Async<TcpStream>) -> bool {
    matches!(stream.get_ref().peek(&mut [0]), Ok(0))
}

/// Sends the peer the reason, where it is one that the peer can do something about.
async fn send_refusal(hub: &Hub, stream: &Async<TcpStream>, error: &LinkError) {
    let Some(reason) = error.refusal(hub.name(hub.settings.me)) else {
        return;
    };
    let duplicate = matches!(error, LinkError::Duplicate(_));
    let late = async {
        Timer::after(HELLO_LIMIT).await;
        Ok(())
    };
    let refusal = Message::Refused { reason, duplicate };
    // The connection ends either way, and our log has the reason.
    let _ = future::or(send_message(stream, &refusal), late).await;
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

/// Sends small lines without delay, and finds a dead peer even while nothing is sent.
fn set_socket_options(stream: &Async<TcpStream>, lease: Duration) {
    let socket = SockRef::from(stream.get_ref());
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(5))
        .with_retries(3);
    let set = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&keepalive))
        .and_then(|()| socket.set_tcp_user_timeout(Some(lease * 2)));
    if let Err(error) = set {
        // The link works without; missing heartbeats reveal a dead peer, too.
        tracing::debug!("a socket option of a peer link could not be set: {error}");
    }
}
