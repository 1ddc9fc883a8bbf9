//! One connection, from its hello to its end.

use super::hub::Hub;
use super::introduce::{PendingConnection, introduce};
use super::table::Ended;

/// Serves a connection until it ends, and logs why it ended.
pub(super) async fn serve(hub: &Hub, connection: PendingConnection) -> Ended {
    let (address, dialled) = (connection.address, connection.origin.dialled());
    let ended = match introduce(hub, connection).await {
        Ok(introduced) => hub.hand_over(introduced).await,
        Err(error) => {
            if error.is_bad_line() {
                hub.count_bad_line();
            }
            let was_link = false;
            Ended { error, was_link }
        }
    };
    let Ended { error, was_link } = &ended;
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
