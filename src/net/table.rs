//! The table of links: at most one to every node.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::outbox::{CloseReason, Outbox};
use crate::ring::peers::SILENT_HEARTBEATS;
use crate::ring::{Incarnation, NodeId};

/// A slot for the link to every node.
pub(super) struct Table {
    slots: RefCell<Vec<Option<Slot>>>,
    /// Which nodes have been connected before.
    known: RefCell<Vec<bool>>,
    last_link: Cell<u64>,
}

struct Slot {
    link: u64,
    incarnation: Incarnation,
    outbox: Rc<Outbox>,
}

/// Whether a new link was entered in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registration {
    /// It was, under a number of its own; `reconnect` if the peer had been connected before.
    Accepted { link: u64, reconnect: bool },
    /// It was not: another process with that node's name is connected and alive.
    Duplicate,
}

impl Table {
    pub(super) fn new(count: usize) -> Self {
        Self {
            slots: RefCell::new((0..count).map(|_| None).collect()),
            known: RefCell::new(vec![false; count]),
            last_link: Cell::new(0),
        }
    }

    /// Whether another process with the peer's name is connected and alive.
    pub(super) fn is_duplicate(&self, peer: NodeId, incarnation: Incarnation) -> bool {
        let slots = self.slots.borrow();
        slots
            .get(peer.index())
            .and_then(Option::as_ref)
            .is_some_and(|slot| {
                slot.incarnation != incarnation && slot.outbox.silent.get() < SILENT_HEARTBEATS
            })
    }

    /// Enters a new link in place of any earlier one, unless another process with that node's name is
    /// connected and alive.
    pub(super) fn register(
        &self,
        peer: NodeId,
        incarnation: Incarnation,
        outbox: &Rc<Outbox>,
    ) -> Registration {
        if self.is_duplicate(peer, incarnation) {
            return Registration::Duplicate;
        }
        let link = self.last_link.get() + 1;
        self.last_link.set(link);
        let occupant = Slot {
            link,
            incarnation,
            outbox: Rc::clone(outbox),
        };
        let mut slots = self.slots.borrow_mut();
        let earlier = slots
            .get_mut(peer.index())
            .and_then(|slot| slot.replace(occupant));
        if let Some(earlier) = earlier {
            earlier.outbox.close(CloseReason::Superseded);
        }
        let reconnect = self
            .known
            .borrow_mut()
            .get_mut(peer.index())
            .is_some_and(|known| std::mem::replace(known, true));
        Registration::Accepted { link, reconnect }
    }

    /// Empties the slot, unless a newer link has taken it.
    pub(super) fn release(&self, peer: NodeId, link: u64) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(peer.index()) {
            slot.take_if(|slot| slot.link == link);
        }
    }

    /// Closes the peer's link, if there is one.
    pub(super) fn close(&self, peer: NodeId, reason: CloseReason) {
        if let Some(Some(slot)) = self.slots.borrow().get(peer.index()) {
            slot.outbox.close(reason);
        }
    }

    /// Sends a line to that incarnation of the peer, if it is the one that is connected.
    pub(super) fn send(&self, to: NodeId, recipient: Incarnation, line: &[u8]) {
        if let Some(Some(slot)) = self.slots.borrow().get(to.index())
            && slot.incarnation == recipient
        {
            slot.outbox.send(line);
        }
    }

    /// Counts one heartbeat without a line for every link, and closes the silent ones.
    ///
    /// Silence is counted in this process's own heartbeats, not by the clock: after the process was
    /// paused, the lines that arrived meanwhile are read before any peer counts as silent.
    pub(super) fn sweep(&self) {
        for slot in self.slots.borrow().iter().flatten() {
            let silent = slot.outbox.silent.get() + 1;
            slot.outbox.silent.set(silent);
            if silent > SILENT_HEARTBEATS {
                slot.outbox.close(CloseReason::Silent);
            }
        }
    }
}
