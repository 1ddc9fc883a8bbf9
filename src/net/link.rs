//! One connection, from its hello to its end.

use std::convert::Infallible;
use std::net::TcpStream;

use async_io::Async;
use smol::future;

use super::frame::parse;
use super::hub::{Event, Hub};
use super::introduce::{Link, PendingConnection, introduce, refuse};
use super::link_error::LinkError;
use super::outbox::Outbox;
use super::reader::LineReader;
use crate::ring::Message;

/// How a connection ended.
pub(super) struct Ended {
    pub(super) error: LinkError,
    /// Whether it had become a link before.
    pub(super) was_link: bool,
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
        predecessor,
    } = link;
    let name = hub.name(peer);
    // One heartbeat: then the peer reads the new connection, too.
    let handover_limit = hub.settings.topology.heartbeat();
    if let Some(predecessor) = predecessor {
        tracing::debug!("{name} at {address} is connected anew, with another key");
        predecessor.ended(handover_limit).await;
    } else {
        hub.peer_log
            .info(&format!("{name} at {address} is connected"));
        hub.send_event(Event::Up {
            peer,
            incarnation,
            link: number,
            address,
        })
        .await;
    }
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
        let reason = outbox.flush(handover_limit).await?;
        Err::<Infallible, _>(LinkError::Closed(reason))
    };
    let Err(error) = future::or(receiving, flushing).await;
    outbox.end();
    if outbox.is_retired() {
        // The connection that has taken over is this link now.
        outbox.flush_rest(handover_limit).await;
        return error;
    }
    refuse(hub, &outbox, &error);
    hub.table.release(peer, &outbox);
    hub.send_event(Event::Down { peer, link: number }).await;
    hub.peer_log.warn(&format!(
        "{name} at {address} is no longer connected: {error}"
    ));
    error
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
