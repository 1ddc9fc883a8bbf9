//! Links: one persistent connection to every other node.
//!
//! Knows the messages, not the rules: it carries lines, and says who is connected. The node
//! listed first dials, so that a pair has one connection. Whatever a peer sends, at worst its own
//! connection is closed, with one log line here and its reason sent there.

mod accept;
mod dial;
mod frame;
mod link;
mod outbox;
mod table;

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use async_io::Async;
use smol::channel::Sender;
use smol::{LocalExecutor, Task};

use crate::endpoint::Endpoint;
use crate::ring::{Hello, Incarnation, Message, NodeId, Topology, message};
use crate::throttle::DedupLog;
use outbox::CloseReason;
use table::Table;

pub use frame::{LONGEST_LINE, encode};

/// What the links tell the node's owner.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A connection to that process of the peer is open.
    Up {
        /// Who.
        peer: NodeId,
        /// Which life of it.
        incarnation: Incarnation,
        /// Which connection: later ones have higher numbers.
        link: u64,
    },
    /// It is gone.
    Down {
        /// Who.
        peer: NodeId,
        /// Which connection.
        link: u64,
    },
    /// A line came in.
    Line {
        /// From whom.
        from: NodeId,
        /// On which connection.
        link: u64,
        /// What it says.
        message: Message,
    },
    /// A peer says that another process of our name is in the ring.
    Duplicate,
}

/// So many strangers' sentences a minute reach the log.
const MOST_UNKNOWN_LOGGED: usize = 16;

/// Who this node is, and where the others are.
#[derive(Debug)]
pub struct Settings {
    /// The ring.
    pub topology: Arc<Topology>,
    /// This node.
    pub me: NodeId,
    /// This process.
    pub incarnation: Incarnation,
    /// Every node's address, in ring order.
    pub addresses: Vec<Endpoint>,
}

/// What the links counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that took the place of an earlier one to the same node.
    pub reconnects: u64,
    /// Lines that were no message.
    pub bad_lines: u64,
}

/// The open links, and the tasks that keep them open. All stop when this is dropped.
pub struct Links {
    hub: Rc<Hub>,
    _tasks: Vec<Task<()>>,
}

/// What all tasks of the links share.
struct Hub {
    settings: Settings,
    /// Where every node listens, in ring order.
    addresses: RefCell<Vec<Endpoint>>,
    table: Table,
    /// What is said of peers, by name.
    peer_log: DedupLog,
    /// What is said of strangers, by address.
    unknown_log: DedupLog,
    reconnects: Cell<u64>,
    bad_lines: Cell<u64>,
    events: Sender<Event>,
}

impl Hub {
    fn hello(&self) -> Message {
        let Settings {
            topology,
            me,
            incarnation,
            ..
        } = &self.settings;
        Message::Hello(Hello {
            version: message::VERSION,
            ring: topology.ring.clone(),
            node: topology.name(*me).to_owned(),
            incarnation: *incarnation,
            topology: topology.fingerprint(),
        })
    }

    fn name(&self, node: NodeId) -> &str {
        self.settings.topology.name(node)
    }
}

impl Links {
    /// Accepts on `listener` and dials every node listed after this one, from now on.
    pub fn start(
        executor: &Rc<LocalExecutor<'static>>,
        mut settings: Settings,
        listener: Async<TcpListener>,
        events: Sender<Event>,
    ) -> Self {
        let me = settings.me;
        let later = settings.topology.node_ids().filter(|&node| node > me);
        let later: Vec<NodeId> = later.collect();
        let hub = Rc::new(Hub {
            table: Table::new(settings.topology.nodes.len()),
            peer_log: DedupLog::new(4 * settings.topology.nodes.len()),
            addresses: RefCell::new(std::mem::take(&mut settings.addresses)),
            settings,
            unknown_log: DedupLog::new(MOST_UNKNOWN_LOGGED),
            reconnects: Cell::new(0),
            bad_lines: Cell::new(0),
            events,
        });
        let mut tasks: Vec<Task<()>> = later
            .into_iter()
            .map(|peer| executor.spawn(dial::keep_connected(Rc::clone(&hub), peer)))
            .collect();
        let accepting = accept::accept(Rc::clone(&hub), listener, Rc::downgrade(executor));
        tasks.push(executor.spawn(accepting));
        Self { hub, _tasks: tasks }
    }

    /// Sends one encoded line to that process of the peer; nothing happens if it is not connected.
    ///
    /// A peer may be reborn between the decision to send and this: what was meant for its last
    /// life never reaches the next.
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
            // Who is listed before this node dials by itself.
            if node > self.hub.settings.me && old != new {
                self.hub.table.close(node, CloseReason::Moved);
            }
        }
        *current = addresses;
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        Counters {
            reconnects: self.hub.reconnects.get(),
            bad_lines: self.hub.bad_lines.get(),
        }
    }
}
