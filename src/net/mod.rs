//! Links: one persistent connection to every other node.
//!
//! Knows the messages, not the rules: it carries lines and reports which peers are connected. Of
//! two nodes, the one listed first in the ring file dials, so that a pair has one connection.
//! Whatever a peer sends, at worst its own connection is closed: the reason is sent to the peer and
//! logged here in one line.

mod accept;
mod admission;
mod byte_buffer;
mod dial;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod hosts;
mod hub;
mod incoming;
mod introduce;
mod lines;
mod link;
mod link_error;
mod outbox;
mod reader;
mod session;
mod table;
#[cfg(test)]
mod test_keys;
mod wire;

use std::net::TcpListener;
use std::rc::Rc;

use async_io::Async;
use smol::channel::Sender;
use smol::{LocalExecutor, Task};

use crate::endpoint::Endpoint;
use crate::key::{Fingerprint, Keys};
use crate::ring::{Incarnation, NodeId};
use hub::Hub;
use outbox::CloseReason;

pub use frame::{LONGEST_LINE, encode};
pub use hub::{Counters, Event, Settings};

/// The links, and the tasks that keep them open. All stop when this is dropped.
pub struct Links {
    hub: Rc<Hub>,
    _tasks: Vec<Task<()>>,
}

impl Links {
    /// Accepts on `listener` and dials every node listed after this one, from now on.
    pub fn start(
        executor: &Rc<LocalExecutor<'static>>,
        settings: Settings,
        listener: Async<TcpListener>,
        events: Sender<Event>,
    ) -> Self {
        let me = settings.me;
        let later = settings.topology.node_ids().filter(|&node| node > me);
        let later: Vec<NodeId> = later.collect();
        let hub = Rc::new(Hub::new(settings, events));
        let mut tasks: Vec<Task<()>> = later
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

    /// Sends one encoded line to that process of the peer; nothing happens if it is not connected.
    ///
    /// The peer may have restarted since the decision to send: a line meant for its last
    /// incarnation never reaches the next.
    pub fn send(&self, to: NodeId, recipient: Incarnation, line: &[u8]) {
        self.hub.table.send(to, recipient, line);
    }

    /// To be called once a heartbeat: closes the links that have been silent for too many of them.
    pub fn sweep(&self) {
        self.hub.table.sweep();
    }

    /// Takes over new addresses: links to nodes that have moved are closed and dialled anew, all
    /// others stay.
    pub fn move_to(&self, addresses: Vec<Endpoint>) {
        let mut current = self.hub.addresses.borrow_mut();
        let topology = &self.hub.settings.topology;
        for (node, (old, new)) in topology.node_ids().zip(current.iter().zip(&addresses)) {
            // A node listed before this one dials this node, and has the same file.
            if node > self.hub.settings.me && old != new {
                self.hub.table.close(node, CloseReason::Moved);
            }
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
        self.hub.table.count_with(key)
    }

    /// What the links have counted since the start.
    pub fn counters(&self) -> Counters {
        self.hub.counters()
    }
}
