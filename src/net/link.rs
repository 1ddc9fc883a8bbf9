//! One connection, from its hello to its end.

use std::io::Write as _;

use super::hub::Hub;
use super::introduce::{PendingConnection, introduce};
use super::introduced::First;
use super::link_error::LinkError;
use super::obituaries::on_obituary;
use super::table::{Ended, State};
use crate::obituary::NOTED;
use crate::ring::NodeId;

/// Serves a connection until it ends, and logs why it ended.
pub(super) async fn serve(hub: &Hub, connection: PendingConnection) -> Ended {
    let (address, dialled) = (connection.address, connection.origin.dialled());
    let ended = match introduce(hub, connection).await {
        Ok(First::Peer(introduced)) => hub.hand_over(*introduced).await,
        Ok(First::Obituary(obituary, wire)) => match on_obituary(hub, &obituary).await {
            Ok(()) => {
                // A new connection has room for the small answer. If it is lost, the obituary comes again.
                let _ = wire.stream.get_ref().write(NOTED);
                return not_a_link(LinkError::ClosedByPeer);
            }
            Err(error) => not_a_link(error),
        },
        Err(error) => {
            if error.is_bad_line() {
                hub.count_bad_line();
            }
            not_a_link(error)
        }
    };
    let Ended { error, was_link } = &ended;
    if *was_link {
        return ended;
    }
    match dialled {
        Some(peer) if is_other_kept(hub, peer, error) => {
            tracing::debug!("a second connection to {} is not used", hub.name(peer));
        }
        None if matches!(error, LinkError::AlreadyConnected) => {
            tracing::debug!("a second connection from {address} is not used");
        }
        Some(peer) => hub.peer_log.warn(&format!(
            "{} at {address} is not connected: {error}",
            hub.name(peer)
        )),
        None => hub
            .unknown_log
            .warn(&format!("a connection from {address} was closed: {error}")),
    }
    ended
}

fn not_a_link(error: LinkError) -> Ended {
    let was_link = false;
    Ended { error, was_link }
}

/// Whether both sides have dialled, and the other connection is kept.
fn is_other_kept(hub: &Hub, peer: NodeId, error: &LinkError) -> bool {
    let is_closed = matches!(
        error,
        LinkError::AlreadyConnected | LinkError::ClosedByPeer | LinkError::Closed(_)
    );
    is_closed && matches!(hub.state(peer), State::Linked { .. })
}
