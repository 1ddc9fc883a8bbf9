//! What those who make connections know of the links: which connection is the link to which peer. The thread
//! that owns the links reports it, so it may be a moment old.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use smol::channel::Sender;

use super::link_error::LinkError;
use super::link_set::LinkNews;
use crate::key::Fingerprint;
use crate::ring::{Incarnation, NodeId, Time};

/// Every connection that was handed over and has not ended.
pub(super) struct Table {
    connections: BTreeMap<u32, Entry>,
    last_id: u32,
    /// By node, in ring order.
    peers: Vec<Peer>,
}

#[derive(Clone, Debug)]
struct Peer {
    /// The connection that messages to the peer are sent on.
    current: Option<u32>,
    /// Since when it has been connected, or not.
    since: Time,
    /// It has been connected before.
    is_known: bool,
    /// Where its last link was, if it has proved there that it has the ring's key.
    last_address: Option<IpAddr>,
}

/// Whether a peer is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not.
    Down { since: Time },
    /// It is.
    Linked { since: Time },
    /// It is, but this node has dialled with a key that is no longer used.
    Outdated,
}

/// One connection.
pub(super) struct Entry {
    pub(super) peer: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) key: Option<Fingerprint>,
    pub(super) address: IpAddr,
    /// Where the peer accepts connections.
    pub(super) place: SocketAddr,
    /// Whether this side opened it.
    pub(super) dialled: bool,
    /// Told why the connection ended.
    pub(super) ended: Sender<Ended>,
}

/// How a connection ended.
pub(super) struct Ended {
    pub(super) error: LinkError,
    /// Whether it had become a link before.
    pub(super) was_link: bool,
}

/// What a report means.
pub(super) enum Change {
    /// The peer is connected; `reconnect` if it had been connected before.
    Opened {
        peer: NodeId,
        address: IpAddr,
        reconnect: bool,
    },
    /// The link to the peer goes on on another connection.
    Continued { peer: NodeId, address: IpAddr },
    /// The peer is no longer connected.
    Down {
        peer: NodeId,
        address: IpAddr,
        ended: Ended,
        inform: Sender<Ended>,
    },
    /// A connection has ended that was not the link to the peer, or no longer.
    Unused { ended: Ended, inform: Sender<Ended> },
}

impl Table {
    pub(super) fn new(count: usize, now: Time) -> Self {
        let peer = Peer {
            current: None,
            since: now,
            is_known: false,
            last_address: None,
        };
        Self {
            connections: BTreeMap::new(),
            last_id: 0,
            peers: vec![peer; count],
        }
    }

    /// Enters a connection that is about to be handed over; returns its number.
    pub(super) fn enter(&mut self, entry: Entry) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.connections.insert(self.last_id, entry);
        self.last_id
    }

    /// Takes note of a report.
    pub(super) fn on_report(&mut self, now: Time, id: u32, news: LinkNews) -> Option<Change> {
        let entry = self.connections.get(&id)?;
        let (peer, address) = (entry.peer, entry.address);
        let state = self.peers.get_mut(peer.index())?;
        if !matches!(news, LinkNews::Ended(_)) && entry.key.is_some() {
            state.last_address = Some(address);
        }
        match news {
            LinkNews::Opened => {
                state.current = Some(id);
                state.since = now;
                let reconnect = std::mem::replace(&mut state.is_known, true);
                Some(Change::Opened {
                    peer,
                    address,
                    reconnect,
                })
            }
            LinkNews::Continues => {
                state.current = Some(id);
                Some(Change::Continued { peer, address })
            }
            LinkNews::Ended(error) => {
                let entry = self.connections.remove(&id)?;
                let was_link = state.current == Some(id);
                let ended = Ended { error, was_link };
                let inform = entry.ended;
                if was_link {
                    state.current = None;
                    state.since = now;
                    Some(Change::Down {
                        peer,
                        address,
                        ended,
                        inform,
                    })
                } else {
                    Some(Change::Unused { ended, inform })
                }
            }
        }
    }

    /// Where another process with the peer's name is connected from, if one is.
    pub(super) fn other_process(&self, peer: NodeId, incarnation: Incarnation) -> Option<IpAddr> {
        let current = self.current(peer);
        let other = current.filter(|entry| entry.incarnation != incarnation);
        other.map(|entry| entry.address)
    }

    /// Where the peer accepts connections, if it is connected.
    pub(super) fn place(&self, peer: NodeId) -> Option<SocketAddr> {
        self.current(peer).map(|entry| entry.place)
    }

    /// How many peers are connected.
    pub(super) fn count(&self) -> usize {
        let linked = self.peers.iter().filter(|peer| peer.current.is_some());
        linked.count()
    }

    /// Whether a link to that process of the peer is open and can be continued by another connection.
    pub(super) fn can_continue(&self, peer: NodeId, incarnation: Option<Incarnation>) -> bool {
        self.current(peer).is_some_and(|entry| {
            incarnation.is_none_or(|incarnation| incarnation == entry.incarnation)
        })
    }

    /// Whether the peer is connected, when `used` is the key that this node dials with.
    pub(super) fn state(&self, peer: NodeId, used: Option<Fingerprint>) -> State {
        let since = self.peers.get(peer.index()).map(|peer| peer.since);
        let since = since.unwrap_or_default();
        match self.current(peer) {
            None => State::Down { since },
            // Of a link that the peer has dialled, the peer takes care.
            Some(entry) if entry.dialled && entry.key != used => State::Outdated,
            Some(_) => State::Linked { since },
        }
    }

    /// Where the last link of the peer was, if it has proved there that it has the ring's key.
    pub(super) fn last_address(&self, peer: NodeId) -> Option<IpAddr> {
        self.peers.get(peer.index())?.last_address
    }

    /// The peer is no longer there.
    pub(super) fn forget_address(&mut self, peer: NodeId) {
        if let Some(peer) = self.peers.get_mut(peer.index()) {
            peer.last_address = None;
        }
    }

    /// How many links were made with that key.
    pub(super) fn count_with(&self, key: Fingerprint) -> usize {
        let current = self.peers.iter().filter_map(|peer| peer.current);
        let entries = current.filter_map(|id| self.connections.get(&id));
        entries.filter(|entry| entry.key == Some(key)).count()
    }

    fn current(&self, peer: NodeId) -> Option<&Entry> {
        let current = self.peers.get(peer.index())?.current?;
        self.connections.get(&current)
    }
}
