//! Links: one persistent connection to every other node.
//!
//! Knows the messages, not the rules. [`Links`] makes connections and lets both sides introduce themselves;
//! it waits for the world, and runs on the executor. [`LinkSet`] carries the messages of those that are made; it never
//! waits, and belongs to the thread that owns the node. Of two nodes, the one listed first in the ring file dials, and the
//! other one if there is no link for a while; one connection of a pair is kept.
//! Whatever a peer sends, at worst its own connection is closed: the reason is sent to the peer and
//! logged here in one line.

mod accept;
mod active;
mod admission;
mod byte_buffer;
mod close_reason;
mod connection;
mod counters;
mod dial;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod hosts;
mod hub;
mod incoming;
mod introduce;
mod introduced;
mod lines;
mod link;
mod link_change;
mod link_error;
mod link_set;
mod lives;
mod new_link;
mod obituaries;
mod pass_line;
mod reader;
mod rivals;
mod session;
#[doc(hidden)]
pub mod simulation;
mod table;
#[cfg(test)]
mod test_keys;
mod wakes;
mod wire;

use std::net::TcpListener;
use std::rc::Rc;

use async_io::Async;
use smol::channel::Sender;
use smol::{LocalExecutor, Task};

use crate::endpoint::Endpoint;
use crate::key::{Fingerprint, Keys};
use crate::ring::NodeId;
use hub::Hub;

pub use close_reason::CloseReason;
pub use counters::Counters;
pub use frame::{LONGEST_LINE, encode};
pub use hub::{Event, Settings};
pub use link_change::LinkChange;
pub use link_set::{LinkReport, LinkSet};
pub use new_link::NewLink;
pub use rivals::Duplicate;

/// The links, and the tasks that keep them open. All stop when this is dropped.
pub struct Links {
    hub: Rc<Hub>,
    _tasks: Vec<Task<()>>,
}

impl Links {
    /// Accepts on `listener` and keeps a link to every other node, from now on.
    pub fn start(
        executor: &Rc<LocalExecutor<'static>>,
        settings: Settings,
        listener: Async<TcpListener>,
        events: Sender<Event>,
    ) -> Self {
        let me = settings.me;
        let others = settings.topology.node_ids().filter(|&node| node != me);
        let others: Vec<NodeId> = others.collect();
        let hub = Rc::new(Hub::new(settings, events));
        let mut tasks: Vec<Task<()>> = others
            .into_iter()
            .map(|peer| {
                let weak = Rc::downgrade(executor);
                executor.spawn(dial::keep_connected(weak, Rc::clone(&hub), peer))
            })
            .collect();
        let accepting = accept::run(Rc::downgrade(executor), listener, Rc::clone(&hub));
        tasks.push(executor.spawn(accepting));
        Self { hub, _tasks: tasks }
    }

    /// Takes note of what has become of a connection. Returns what that means for the link to a peer, if it means anything.
    pub fn on_report(&self, report: LinkReport) -> Option<LinkChange> {
        self.hub.on_report(report)
    }

    /// Takes over new addresses: links to nodes that have moved are closed and dialled anew, all
    /// others stay.
    pub fn move_to(&self, addresses: Vec<Endpoint>) {
        let mut current = self.hub.addresses.borrow_mut();
        let topology = &self.hub.settings.topology;
        for (node, (old, new)) in topology.node_ids().zip(current.iter().zip(&addresses)) {
            if old == new {
                continue;
            }
            self.hub.table.borrow_mut().forget_address(node);
            // Either side may have dialled the link, and the peer may not have the new file yet.
            if node != self.hub.settings.me {
                self.hub.post(Event::Close(node, CloseReason::Moved));
            }
            self.hub.wakes.wake(node);
        }
        *current = addresses;
    }

    /// Takes over other keys. Links are made anew with the key that is used, before the old ones end, and
    /// those that were made with a key that is no longer accepted are closed.
    ///
    /// To begin or to cease to use a key, a node has to restart.
    pub fn set_keys(&self, keys: Keys) {
        self.hub.set_keys(keys);
    }

    /// How many links were made with that key.
    pub fn count_with(&self, key: Fingerprint) -> usize {
        self.hub.table.borrow().count_with(key)
    }

    /// Whether another process has the name of that node, this one included, as far as was noticed a moment ago.
    pub fn duplicate(&self, node: NodeId) -> Option<Duplicate> {
        self.hub.duplicate(node)
    }

    /// What the links have counted since the start.
    pub fn counters(&self) -> Counters {
        self.hub.counters()
    }
}
