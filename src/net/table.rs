//! Which link leads to which node: one each.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::outbox::{Closing, Outbox};
use crate::ring::peers::SILENT_HEARTBEATS;
use crate::ring::{Incarnation, NodeId};

/// One place for every node's link.
pub(super) struct Table {
    places: RefCell<Vec<Option<Place>>>,
    met: RefCell<Vec<bool>>,
    last_link: Cell<u64>,
}

struct Place {
    link: u64,
    incarnation: Incarnation,
    outbox: Rc<Outbox>,
}

/// What became of a link that wanted a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// It has the place, under a number of its own; `again` if the peer was ever met before.
    Taken { link: u64, again: bool },
    /// Another process of that name has it and is well.
    Duplicate,
}

impl Table {
    pub(super) fn new(count: usize) -> Self {
        Self {
            places: RefCell::new((0..count).map(|_| None).collect()),
            met: RefCell::new(vec![false; count]),
            last_link: Cell::new(0),
        }
    }

    /// Whether another, living process of the peer's name is connected.
    pub(super) fn is_duplicate(&self, peer: NodeId, incarnation: Incarnation) -> bool {
        let places = self.places.borrow();
        places
            .get(peer.index())
            .and_then(Option::as_ref)
            .is_some_and(|place| {
                place.incarnation != incarnation && place.outbox.silent.get() < SILENT_HEARTBEATS
            })
    }

    /// Gives the peer's place to a new link, unless another process of that name has it.
    pub(super) fn seat(&self, peer: NodeId, incarnation: Incarnation, outbox: &Rc<Outbox>) -> Seat {
        if self.is_duplicate(peer, incarnation) {
            return Seat::Duplicate;
        }
        let link = self.last_link.get() + 1;
        self.last_link.set(link);
        let place = Place {
            link,
            incarnation,
            outbox: Rc::clone(outbox),
        };
        let mut places = self.places.borrow_mut();
        let earlier = places
            .get_mut(peer.index())
            .and_then(|seat| seat.replace(place));
        if let Some(earlier) = earlier {
            earlier.outbox.close(Closing::Superseded);
        }
        let again = self
            .met
            .borrow_mut()
            .get_mut(peer.index())
            .is_some_and(|met| std::mem::replace(met, true));
        Seat::Taken { link, again }
    }

    /// Empties the place if that link still has it.
    pub(super) fn leave(&self, peer: NodeId, link: u64) {
        if let Some(seat) = self.places.borrow_mut().get_mut(peer.index()) {
            seat.take_if(|place| place.link == link);
        }
    }

    /// Closes the peer's link, if there is one.
    pub(super) fn close(&self, peer: NodeId, why: Closing) {
        if let Some(Some(place)) = self.places.borrow().get(peer.index()) {
            place.outbox.close(why);
        }
    }

    /// Sends a line to that process of the peer, if it is the one that is connected.
    pub(super) fn send(&self, to: NodeId, recipient: Incarnation, line: &[u8]) {
        if let Some(Some(place)) = self.places.borrow().get(to.index())
            && place.incarnation == recipient
        {
            place.outbox.send(line);
        }
    }

    /// Counts one heartbeat without a line for every link, and closes the silent ones.
    ///
    /// Counted in heartbeats of this process, not by the clock: after a pause of its own, the
    /// lines that came meanwhile are read before anyone is called silent.
    pub(super) fn sweep(&self) {
        for place in self.places.borrow().iter().flatten() {
            let silent = place.outbox.silent.get() + 1;
            place.outbox.silent.set(silent);
            if silent > SILENT_HEARTBEATS {
                place.outbox.close(Closing::Silent);
            }
        }
    }
}
