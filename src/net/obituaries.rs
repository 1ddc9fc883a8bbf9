//! What comes of the obituaries that connections bring.

use super::hub::{Event, Hub};
use super::link_error::LinkError;
use super::lives::Judgement;
use crate::obituary::Obituary;

/// Tells the thread that owns the node that a process of a peer has ended, if the obituary proves it.
pub(super) async fn on_obituary(hub: &Hub, obituary: &Obituary) -> Result<(), LinkError> {
    let Some(peer) = hub.settings.topology.find(&obituary.node) else {
        let sentence = "of a node that is not in the ring file";
        return Err(LinkError::FalseObituary(sentence));
    };
    let incarnation = obituary.incarnation;
    let judgement = hub
        .lives
        .borrow_mut()
        .on_secret(peer, incarnation, &obituary.secret);
    match judgement {
        Judgement::Ended => {
            hub.send_event(Event::Died(peer, incarnation)).await;
            hub.count_obituary();
            hub.peer_log.info(&format!(
                "{} has ended: its LED keeper has proved it",
                hub.name(peer)
            ));
            Ok(())
        }
        Judgement::KnownToHaveEnded => Ok(()),
        Judgement::False(why) => Err(LinkError::FalseObituary(why)),
    }
}
