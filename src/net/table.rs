//! The table of links: at most one to every node.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::outbox::{CloseReason, Outbox};
use crate::key::{Fingerprint, Keys};
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
    /// The key that the link was made with.
    key: Option<Fingerprint>,
    outbox: Rc<Outbox>,
}

/// What a new link is entered in the table with.
pub(super) struct NewLink {
    pub(super) peer: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) key: Option<Fingerprint>,
    /// Both sides agree that it continues the link that is open.
    pub(super) continues: bool,
    /// This side opened the connection.
    pub(super) dialled: bool,
    pub(super) outbox: Rc<Outbox>,
}

/// Whether a new link was entered in the table.
pub(super) enum Registration {
    /// It was, under a number of its own; `reconnect` if the peer had been connected before.
    Accepted { link: u64, reconnect: bool },
    /// It was, in place of the `predecessor` and under its number: what was sent there comes first.
    Continued { link: u64, predecessor: Rc<Outbox> },
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

    /// Whether a link to that process of the peer is open and can be continued by another connection.
    pub(super) fn can_continue(&self, peer: NodeId, incarnation: Option<Incarnation>) -> bool {
        let slots = self.slots.borrow();
        let slot = slots.get(peer.index()).and_then(Option::as_ref);
        slot.is_some_and(|slot| {
            slot.outbox.close_reason().is_none()
                && incarnation.is_none_or(|incarnation| incarnation == slot.incarnation)
        })
    }

    /// Whether the peer is connected by a link that was made with that key.
    pub(super) fn is_linked_with(&self, peer: NodeId, key: Option<Fingerprint>) -> bool {
        let slots = self.slots.borrow();
        let slot = slots.get(peer.index()).and_then(Option::as_ref);
        slot.is_some_and(|slot| slot.key == key)
    }

    /// How many links were made with that key.
    pub(super) fn count_with(&self, key: Fingerprint) -> usize {
        let slots = self.slots.borrow();
        slots
            .iter()
            .flatten()
            .filter(|slot| slot.key == Some(key))
            .count()
    }

    /// Closes the links that were made with a key that is no longer accepted.
    pub(super) fn close_other_keys(&self, keys: &Keys) {
        for slot in self.slots.borrow().iter().flatten() {
            let is_accepted = |key: Fingerprint| keys.accepted().any(|it| it.fingerprint() == key);
            if !slot.key.is_some_and(is_accepted) {
                slot.outbox.close(CloseReason::KeyForgotten);
            }
        }
    }

    /// Enters a new link in place of any earlier one, unless another process with that node's name is
    /// connected and alive.
    pub(super) fn register(&self, new: NewLink) -> Registration {
        let peer = new.peer;
        if self.is_duplicate(peer, new.incarnation) {
            return Registration::Duplicate;
        }
        let continues = new.continues && self.can_continue(peer, Some(new.incarnation));
        let mut occupant = Slot {
            link: self.last_link.get() + 1,
            incarnation: new.incarnation,
            key: new.key,
            outbox: new.outbox,
        };
        if continues && let Some(Some(slot)) = self.slots.borrow_mut().get_mut(peer.index()) {
            occupant.link = slot.link;
            let link = slot.link;
            let predecessor = std::mem::replace(slot, occupant).outbox;
            predecessor.retire(new.dialled);
            return Registration::Continued { link, predecessor };
        }
        let link = occupant.link;
        self.last_link.set(link);
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
    pub(super) fn release(&self, peer: NodeId, outbox: &Rc<Outbox>) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(peer.index()) {
            slot.take_if(|slot| Rc::ptr_eq(&slot.outbox, outbox));
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
