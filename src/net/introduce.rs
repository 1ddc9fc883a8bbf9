//! How a connection becomes a link: both sides prove that they have the key, if there is one, and say who
//! they are.

use std::cell::Cell;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use async_io::{Async, Timer};
use smol::future;
use socket2::{SockRef, TcpKeepalive};

use super::close_reason::CloseReason;
use super::hosts::Source;
use super::hub::Hub;
use super::introduced::{First, Hellos, Introduced};
use super::link_error::{HELLO_LIMIT, LinkError};
use super::wire::Wire;
use crate::accept::Standing;
use crate::obituary::Commitment;
use crate::ring::{Hello, Message, NodeId};

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
    pub(super) fn dialled(&self) -> Option<NodeId> {
        match self {
            Self::Dialled(peer) => Some(*peer),
            Self::Accepted(_) => None,
        }
    }
}

/// Lets both sides introduce themselves, or refuses the connection.
///
/// An obituary may come instead, also in a ring with a key: its secret is the proof, whoever brings it.
pub(super) async fn introduce(
    hub: &Hub,
    connection: PendingConnection,
) -> Result<First, LinkError> {
    let PendingConnection {
        stream,
        address,
        origin,
    } = connection;
    set_socket_options(&stream, hub.settings.topology.lease);
    let mut wire = Wire::new(stream);
    let late = async {
        Timer::after(HELLO_LIMIT).await;
        Err(LinkError::NoHello)
    };
    let dialled = origin.dialled();
    let hellos = async {
        if dialled.is_none()
            && let Some(obituary) = wire.obituary().await?
        {
            return Ok(Err(obituary));
        }
        exchange_hellos(hub, &mut wire, dialled).await.map(Ok)
    };
    let hellos = match future::or(hellos, late).await {
        Ok(Ok(hellos)) => hellos,
        Ok(Err(obituary)) => return Ok(First::Obituary(obituary, Box::new(wire))),
        Err(error) => {
            send_refusal(hub, &mut wire, &error).await;
            return Err(error);
        }
    };
    let dialled = dialled.is_some();
    if let Origin::Accepted(standing) = origin {
        standing.set(Standing::Exempt);
        hub.admission.borrow_mut().on_link(address);
    }
    Ok(First::Peer(Box::new(Introduced {
        wire,
        address,
        dialled,
        hellos,
    })))
}

/// Proves that both sides have the key, if there is one, and exchanges hellos: the side that dialled sends
/// first.
async fn exchange_hellos(
    hub: &Hub,
    wire: &mut Wire,
    dialled: Option<NodeId>,
) -> Result<Hellos, LinkError> {
    let keys = hub.keys.borrow().clone();
    if let Some(keys) = &keys {
        wire.secure(keys, dialled.is_some()).await?;
    }
    let offered =
        dialled.is_some_and(|peer| keys.is_some() && hub.table.borrow().can_continue(peer, None));
    if dialled.is_some() {
        check_resigned(hub)?;
        wire.send(&Message::Hello(hub.hello(offered))).await?;
    }
    let hello = match wire.first_message().await? {
        Ok(Message::Hello(hello)) => hello,
        Ok(Message::Refused { reason, duplicate }) => {
            // Believed only from a peer that this node dialled: anyone can connect and claim it.
            if duplicate && dialled.is_some() {
                hub.on_told_duplicate(&reason).await;
            }
            return Err(LinkError::Refused { reason, duplicate });
        }
        Ok(_) => return Err(LinkError::NotHello),
        Err(_) if dialled.is_none() => return Err(LinkError::NotHello),
        Err(error) => return Err(LinkError::NotMessage(error)),
    };
    let settings = &hub.settings;
    let introduced = hello.introduce(&hub.hello(false), &settings.topology);
    let incarnation = hello.incarnation;
    let commitment = hello.obituary.as_deref().and_then(Commitment::parse);
    let Some(expected) = dialled else {
        let peer = check_caller(hub, &wire.stream, &hello, introduced).await?;
        let continues = hello.continues && hub.table.borrow().can_continue(peer, Some(incarnation));
        // The answer is sent once the link is in use here: the peer may then end the connection that it continues.
        return Ok(Hellos {
            peer,
            incarnation,
            commitment,
            continues,
        });
    };
    let peer = introduced.map_err(LinkError::Mismatch)?;
    if expected != peer {
        let (expected, found) = (hub.name(expected), hub.name(peer));
        return Err(LinkError::Mismatch(format!(
            "{found} answers at the address of {expected}: check both hosts and ports in the ring file"
        )));
    }
    let address = wire.stream.get_ref().peer_addr()?.ip();
    check_duplicate(hub, peer, &hello, Some(address))?;
    // It may have left while the peer's hello was on its way.
    check_resigned(hub)?;
    let continues = offered && hello.continues;
    Ok(Hellos {
        peer,
        incarnation,
        commitment,
        continues,
    })
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
    let is_believed = hub.is_believed(peer, source).await;
    // A process whose name is taken must learn that wherever it runs, and it learns no more at an address that is not
    // believed.
    check_duplicate(hub, peer, hello, is_believed.then_some(address))?;
    if !is_believed {
        let node = hub.name(peer).to_owned();
        return Err(LinkError::NotBelieved { address, node });
    }
    if is_closed_by_peer(stream) || hub.lives.borrow().has_ended(peer, hello.incarnation) {
        return Err(LinkError::ClosedByPeer);
    }
    check_resigned(hub)?;
    Ok(peer)
}

/// Makes no link while this process leaves the ring to another one of its name.
fn check_resigned(hub: &Hub) -> Result<(), LinkError> {
    if hub.resigned_until().is_some() {
        return Err(LinkError::Closed(CloseReason::Resigned));
    }
    Ok(())
}

/// Refuses a process if another one of the peer's name is connected. Both places are told and noted only if the process
/// is at an address that is believed.
fn check_duplicate(
    hub: &Hub,
    peer: NodeId,
    hello: &Hello,
    believed: Option<IpAddr>,
) -> Result<(), LinkError> {
    let connected = hub.table.borrow().other_process(peer, hello.incarnation);
    let Some(connected) = connected else {
        return Ok(());
    };
    let places = believed.map(|address| (connected.to_canonical(), address.to_canonical()));
    if let Some(places) = places {
        hub.on_refused_duplicate(peer, places);
    }
    Err(LinkError::Duplicate {
        node: hub.name(peer).to_owned(),
        places,
    })
}

/// Whether the peer has closed already. It gives up after a while, and its connection may have
/// waited longer than that: the service manager holds the listener while no process accepts.
fn is_closed_by_peer(stream: &Async<TcpStream>) -> bool {
    matches!(stream.get_ref().peek(&mut [0]), Ok(0))
}

/// Sends the peer the reason, where it is one that the peer can do something about.
async fn send_refusal(hub: &Hub, wire: &mut Wire, error: &LinkError) {
    let Some(refused) = error.refused(hub.name(hub.settings.me)) else {
        return;
    };
    let late = async {
        Timer::after(HELLO_LIMIT).await;
        Ok(())
    };
    // The connection ends either way, and our log has the reason.
    let _ = future::or(wire.send(&refused), late).await;
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

#[cfg(test)]
mod tests;
