//! What all tasks of the links share: the settings, the table of links, the way to the node's owner.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::sync::Arc;

use smol::channel::{Sender, TrySendError, bounded};

use super::admission::Admission;
use super::close_reason::CloseReason;
use super::counters::Counters;
use super::hosts::{Belief, Hosts, Source};
use super::introduced::{Hellos, Introduced};
use super::link_change::LinkChange;
use super::link_error::LinkError;
use super::link_set::LinkReport;
use super::lives::Lives;
use super::new_link::NewLink;
use super::rivals::{Duplicate, Rivals};
use super::table::{Change, Ended, Entry, State, Table};
use super::wakes::Wakes;
use crate::clock;
use crate::endpoint::Endpoint;
use crate::escape::Escaped;
use crate::key::{Fingerprint, Key, Keys};
use crate::obituary::Commitment;
use crate::resolve::Resolver;
use crate::ring::{Hello, Incarnation, NodeId, Time, Topology, message};
use crate::throttle::DedupLog;

/// So many different log lines a minute about connections that have not introduced themselves.
const MOST_UNKNOWN_LOGGED: usize = 16;

/// So many different log lines a minute about each peer.
const MOST_LOGGED_PER_PEER: usize = 4;

/// What those who make connections have for the thread that owns the node.
pub enum Event {
    /// Both sides of a connection have introduced themselves.
    Link(Box<NewLink>),
    /// The link to that peer is to be closed.
    Close(NodeId, CloseReason),
    /// Links that were made with none of these keys are to be closed.
    Accept(Vec<Fingerprint>),
    /// A peer reports that another process with this node's name is in the ring.
    Duplicate,
    /// That process of the peer has ended, by proof of its LED keeper.
    Died(NodeId, Incarnation),
}

/// Which node this is, and where the others listen.
#[derive(Debug)]
pub struct Settings {
    /// The ring that all nodes agree on.
    pub topology: Arc<Topology>,
    /// The node that this process plays.
    pub me: NodeId,
    /// The number of this process, drawn at its start.
    pub incarnation: Incarnation,
    /// Where every node listens for its peers, in ring order.
    pub addresses: Vec<Endpoint>,
    /// The keys of the ring; without them, whoever reaches the ring port can be any node.
    pub keys: Option<Keys>,
    /// What the end of this process is proved by, if it has a keeper that tells it.
    pub commitment: Option<Commitment>,
}

/// The shared state.
pub(super) struct Hub {
    pub(super) settings: Settings,
    /// Where every node listens now, in ring order; a reload may change it.
    pub(super) addresses: RefCell<Vec<Endpoint>>,
    /// The keys of the ring now; a reload may change them.
    pub(super) keys: RefCell<Option<Keys>>,
    /// Wakes the task that dials a peer, in ring order, when its link, its address or the keys have changed.
    pub(super) wakes: Wakes,
    pub(super) table: RefCell<Table>,
    /// How many connections each address may still open to the ring port.
    pub(super) admission: RefCell<Admission>,
    /// What the hosts of the ring file stand for.
    hosts: Hosts,
    /// Which processes of the peers have ended, by proof.
    pub(super) lives: RefCell<Lives>,
    /// What is known of processes that have the same name.
    rivals: RefCell<Rivals>,
    /// For lines about peers, which name the peer.
    pub(super) peer_log: DedupLog,
    /// For lines about connections that have not introduced themselves, which name the address.
    pub(super) unknown_log: DedupLog,
    reconnects: Cell<u64>,
    bad_lines: Cell<u64>,
    obituaries: Cell<u64>,
    events: Sender<Event>,
}

impl Hub {
    pub(super) fn new(mut settings: Settings, events: Sender<Event>) -> Self {
        let nodes = settings.topology.nodes.len();
        Self {
            table: RefCell::new(Table::new(nodes, clock::now())),
            admission: RefCell::new(Admission::new(settings.topology.lease)),
            rivals: RefCell::new(Rivals::new(
                nodes,
                settings.topology.lease,
                settings.incarnation.0,
            )),
            lives: RefCell::new(Lives::new(nodes)),
            hosts: Hosts::new(Resolver::of_process().clone()),
            peer_log: DedupLog::new(MOST_LOGGED_PER_PEER * nodes),
            unknown_log: DedupLog::new(MOST_UNKNOWN_LOGGED),
            addresses: RefCell::new(std::mem::take(&mut settings.addresses)),
            keys: RefCell::new(settings.keys.take()),
            wakes: Wakes::new(nodes),
            settings,
            reconnects: Cell::new(0),
            bad_lines: Cell::new(0),
            obituaries: Cell::new(0),
            events,
        }
    }

    /// The hello of this node; `continues` if the connection takes the place of another one.
    pub(super) fn hello(&self, continues: bool) -> Hello {
        let Settings {
            topology,
            me,
            incarnation,
            commitment,
            ..
        } = &self.settings;
        Hello {
            version: message::VERSION,
            ring: topology.ring.clone(),
            node: topology.name(*me).to_owned(),
            incarnation: *incarnation,
            topology: topology.fingerprint(),
            continues,
            obituary: commitment.map(|commitment| commitment.to_string()),
        }
    }

    /// The name of the key that this node dials with.
    pub(super) fn used_key(&self) -> Option<Fingerprint> {
        let keys = self.keys.borrow();
        keys.as_ref().map(|keys| keys.used().fingerprint())
    }

    /// Takes over other keys: links are made anew with the one that is used, and those that were made with
    /// one that is no longer accepted are closed.
    pub(super) fn set_keys(&self, keys: Keys) {
        let accepted = keys.accepted().map(Key::fingerprint).collect();
        self.post(Event::Accept(accepted));
        *self.keys.borrow_mut() = Some(keys);
        for peer in self.settings.topology.node_ids() {
            self.wakes.wake(peer);
        }
    }

    /// Whether that peer is connected.
    pub(super) fn state(&self, peer: NodeId) -> State {
        self.table.borrow().state(peer, self.used_key())
    }

    /// Where that node listens for its peers, by the ring file.
    pub(super) fn endpoint(&self, node: NodeId) -> Option<Endpoint> {
        self.addresses.borrow().get(node.index()).cloned()
    }

    /// Where the last link to the peer was, if it has proved there that it has the ring's key, and the ring has one.
    pub(super) fn last_address(&self, peer: NodeId) -> Option<IpAddr> {
        self.keys.borrow().as_ref()?;
        self.table.borrow().last_address(peer)
    }

    /// Something else than the peer is at that address.
    pub(super) fn forget_address(&self, peer: NodeId, address: IpAddr) {
        let mut table = self.table.borrow_mut();
        if table.last_address(peer) == Some(address) {
            table.forget_address(peer);
        }
    }

    pub(super) fn name(&self, node: NodeId) -> &str {
        self.settings.topology.name(node)
    }

    /// Whether a hello as that node is believed on a connection that this node has accepted.
    ///
    /// Only a ring without a key depends on this: with a key, a peer has proved that it belongs to
    /// the ring before it says hello, and its address does not matter.
    pub(super) async fn is_believed(&self, peer: NodeId, source: Source) -> bool {
        if self.keys.borrow().is_some() {
            return true;
        }
        let Some(endpoint) = self.endpoint(peer) else {
            return false;
        };
        let belief = self.hosts.belief(&endpoint, source).await;
        if belief == Belief::Unknown {
            self.unknown_log.warn(&format!(
                "the host of {}, {}, cannot be looked up here: its address is not checked",
                self.name(peer),
                Escaped(&endpoint.host)
            ));
        }
        belief != Belief::No
    }

    /// Whether the ring file has the address of that connection, as far as names have been looked up, or the
    /// peer has proved that it belongs to the ring.
    pub(super) fn is_listed(&self, source: Source) -> bool {
        self.keys.borrow().is_some() || self.hosts.any_fits(&self.addresses.borrow(), source)
    }

    /// A peer refuses this process, as it is connected to another one of this node's name.
    pub(super) async fn on_told_duplicate(&self, sentence: &str) {
        self.send_event(Event::Duplicate).await;
        let links = self.table.borrow().count();
        let peers = self.settings.topology.nodes.len().saturating_sub(1);
        let mut rivals = self.rivals.borrow_mut();
        if !rivals.on_told(clock::now(), sentence, (links, peers)) {
            return;
        }
        tracing::warn!(
            "another process of this node's name is in the ring, and each of the two is connected to some nodes: \
             this one ends its links, so that all nodes have the same one"
        );
        for peer in self.settings.topology.node_ids() {
            self.post(Event::Close(peer, CloseReason::Resigned));
            self.wakes.wake(peer);
        }
    }

    /// Until when this process makes no links, if it has left the ring to another one of its name.
    pub(super) fn resigned_until(&self) -> Option<Time> {
        self.rivals.borrow().resigned_until(clock::now())
    }

    /// This node refuses a process of that peer, as it is connected to another one.
    pub(super) fn on_refused_duplicate(&self, peer: NodeId, places: (IpAddr, IpAddr)) {
        let mut rivals = self.rivals.borrow_mut();
        rivals.on_refused(clock::now(), peer, places);
    }

    /// Whether another process has the name of that node, as far as was noticed a moment ago.
    pub(super) fn duplicate(&self, node: NodeId) -> Option<Duplicate> {
        let rivals = self.rivals.borrow();
        rivals.duplicate(clock::now(), node, self.settings.me)
    }

    /// Hands a connection over to the thread that owns the node, and waits for its end.
    pub(super) async fn hand_over(&self, introduced: Introduced) -> Ended {
        let Introduced {
            wire,
            address,
            dialled,
            hellos,
        } = introduced;
        let Hellos {
            peer,
            incarnation,
            commitment,
            continues,
        } = hellos;
        let broken = |error| Ended {
            error,
            was_link: false,
        };
        let stream = match wire.stream.into_inner() {
            Ok(stream) => stream,
            Err(error) => return broken(LinkError::Io(error)),
        };
        let mut place = match stream.peer_addr() {
            Ok(place) => place,
            Err(error) => return broken(LinkError::Io(error)),
        };
        if let Some(endpoint) = self.endpoint(peer) {
            place.set_port(endpoint.port);
        }
        self.lives
            .borrow_mut()
            .on_hello(peer, incarnation, commitment);
        let (ended, end) = bounded(1);
        let id = self.table.borrow_mut().enter(Entry {
            peer,
            incarnation,
            key: wire.key,
            address,
            place,
            dialled,
            ended,
        });
        let new = NewLink {
            id,
            peer,
            incarnation,
            key: wire.key,
            continues,
            dialled,
            hello: (!dialled).then(|| self.hello(continues)),
            stream,
            incoming: wire.reader.into_incoming(),
            sealer: wire.sealer,
        };
        self.send_event(Event::Link(Box::new(new))).await;
        // Fails only when the daemon has stopped listening, and then this task is about to be dropped.
        let ended = end.recv().await;
        ended.unwrap_or_else(|_| broken(LinkError::ClosedByPeer))
    }

    /// Takes note of what has become of a connection, and logs it. Returns what that means for the link to a peer.
    pub(super) fn on_report(&self, report: LinkReport) -> Option<LinkChange> {
        let LinkReport { id, news } = report;
        let now = clock::now();
        let change = self.table.borrow_mut().on_report(now, id, news)?;
        let (peer, opened) = match change {
            Change::Opened {
                peer,
                address,
                reconnect,
            } => {
                self.reconnects
                    .set(self.reconnects.get() + u64::from(reconnect));
                let name = self.name(peer);
                self.peer_log
                    .info(&format!("{name} at {address} is connected"));
                (peer, Some(address))
            }
            Change::Continued { peer, address } => {
                let name = self.name(peer);
                tracing::debug!("{name} at {address} is connected anew, with another key");
                (peer, None)
            }
            Change::Down {
                peer,
                address,
                ended,
                inform,
            } => {
                self.peer_log.warn(&format!(
                    "{} at {address} is no longer connected: {}",
                    self.name(peer),
                    ended.error
                ));
                self.inform(ended, &inform);
                (peer, None)
            }
            Change::Unused { ended, inform } => {
                self.inform(ended, &inform);
                return None;
            }
        };
        self.wakes.wake(peer);
        let place = self.table.borrow().place(peer);
        Some(LinkChange {
            peer,
            opened,
            place,
        })
    }

    /// Tells the task that made a connection why it ended.
    fn inform(&self, ended: Ended, inform: &Sender<Ended>) {
        if ended.error.is_bad_line() {
            self.count_bad_line();
        }
        // Fails only if the task is gone.
        let _ = inform.try_send(ended);
    }

    pub(super) async fn send_event(&self, event: Event) {
        // Fails only when the daemon has stopped listening, and then this task is about to be dropped.
        let _ = self.events.send(event).await;
    }

    /// The same from where nothing may wait; the channel has room for what the ring file can ask for.
    pub(super) fn post(&self, event: Event) {
        // When the daemon has stopped listening, nobody needs it.
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::error!("the services hang: what is to become of a link is lost");
        }
    }

    pub(super) fn count_bad_line(&self) {
        self.bad_lines.set(self.bad_lines.get() + 1);
    }

    pub(super) fn count_obituary(&self) {
        self.obituaries.set(self.obituaries.get() + 1);
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            reconnects: self.reconnects.get(),
            bad_lines: self.bad_lines.get(),
            obituaries: self.obituaries.get(),
        }
    }
}
