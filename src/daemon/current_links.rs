//! Turns events of the links into inputs for the core; drops those of a replaced connection.

use std::collections::BTreeMap;

use crate::net;
use crate::ring::{Input, NodeId};

/// For every peer, the number of its latest connection.
#[derive(Debug, Default)]
pub(super) struct CurrentLinks(BTreeMap<NodeId, u64>);

impl CurrentLinks {
    /// The input for the core; `None` for an event of a connection that a later one has replaced.
    ///
    /// Each connection has a task of its own, and their events may arrive in any order.
    pub(super) fn on_event(&mut self, event: net::Event) -> Option<Input> {
        match event {
            net::Event::Up {
                peer,
                incarnation,
                link,
                ..
            } => {
                let is_newest = self.0.get(&peer).is_none_or(|&earlier| earlier < link);
                is_newest.then(|| {
                    self.0.insert(peer, link);
                    Input::LinkUp { peer, incarnation }
                })
            }
            net::Event::Down { peer, link } => self
                .is_current(peer, link)
                .then_some(Input::LinkDown { peer }),
            net::Event::Line {
                from,
                link,
                message,
            } => self
                .is_current(from, link)
                .then_some(Input::Received { from, message }),
            net::Event::Duplicate => Some(Input::Duplicate),
        }
    }

    fn is_current(&self, peer: NodeId, link: u64) -> bool {
        self.0.get(&peer) == Some(&link)
    }
}
