//! The established links of a node, with their sockets: at most one link to every other node.
//!
//! The thread that owns the node owns this, too, and nothing in here waits.

use std::collections::VecDeque;
use std::sync::Arc;

use super::active::Active;
use super::close_reason::CloseReason;
use super::link_error::LinkError;
use super::new_link::NewLink;
use crate::key::Fingerprint;
use crate::poller::{Poller, Ready, Token};
use crate::ring::{Incarnation, Input, Message, NodeId, Topology};

/// A connection is continued by so many others at a time at most: each waits until the one before it has ended.
const MOST_CONTINUED: usize = 2;

/// What has become of a connection that was handed over.
#[derive(Debug)]
pub struct LinkReport {
    pub(super) id: u32,
    pub(super) news: LinkNews,
}

/// What is new about a connection.
#[derive(Debug)]
pub(super) enum LinkNews {
    /// It is a new link.
    Opened,
    /// It continues the link that was open.
    Continues,
    /// It has ended.
    Ended(LinkError),
}

/// The sockets and the states of all links.
pub struct LinkSet {
    topology: Arc<Topology>,
    me: NodeId,
    /// By node, in ring order.
    links: Vec<Option<Link>>,
    /// The keys that are accepted since the last reload; `None` before the first one, when none was forgotten.
    accepted: Option<Vec<Fingerprint>>,
    /// The peers to which something was queued since the last [`Self::flush`].
    dirty: Vec<NodeId>,
    /// Connections whose turn to be read has come: they are not watched yet, and may have lines already.
    resumed: VecDeque<Token>,
    /// Peers whose link has ended and whom the node still thinks connected.
    down: VecDeque<NodeId>,
    reports: VecDeque<LinkReport>,
}

/// The link to one process of a peer. What is sent goes to the last connection, what comes in is read from the first: a
/// connection that continues another one is read only once that one has ended, so that everything arrives in order.
struct Link {
    incarnation: Incarnation,
    /// The last connection was dialled by the node that is listed first of the two.
    by_first: bool,
    connections: VecDeque<Active>,
}

impl LinkSet {
    /// No links yet, for the node `me`.
    pub fn new(topology: Arc<Topology>, me: NodeId) -> Self {
        Self {
            links: topology.nodes.iter().map(|_| None).collect(),
            topology,
            me,
            accepted: None,
            dirty: Vec::new(),
            resumed: VecDeque::new(),
            down: VecDeque::new(),
            reports: VecDeque::new(),
        }
    }

    /// Takes over a connection. Returns what the node is to be told.
    pub fn add(&mut self, poller: &Poller, mut new: NewLink) -> Option<Input> {
        let (id, peer, incarnation) = (new.id, new.peer, new.incarnation);
        let (continues, dialled) = (new.continues, new.dialled);
        let by_first = dialled == (self.me < peer);
        let hello = new.hello.take();
        let mut active = Active::new(new);
        if self.is_forgotten(active.key()) {
            self.end(active, LinkError::Closed(CloseReason::KeyForgotten));
            return None;
        }
        let link = self.links.get_mut(peer.index())?;
        if let Some(link) = link.as_mut() {
            let is_same = link.incarnation == incarnation;
            if is_same && continues {
                if link.connections.len() > MOST_CONTINUED {
                    self.end(active, LinkError::Closed(CloseReason::Superseded));
                    return None;
                }
                if let Some(last) = link.connections.back_mut() {
                    last.retire(poller, dialled);
                }
                active.greet(hello, true);
                link.connections.push_back(active);
                link.by_first = by_first;
                self.report(id, LinkNews::Continues);
                return None;
            }
            if is_same && link.by_first && !by_first && !link.is_silent() {
                // Both have dialled. The peer finds the same, so both keep the same connection.
                self.end(active, LinkError::AlreadyConnected);
                return Some(Input::Contested { peer });
            }
            if !is_same && !link.is_silent() {
                let node = self.topology.name(peer).to_owned();
                let places = None;
                self.end(active, LinkError::Duplicate { node, places });
                return Some(Input::Contested { peer });
            }
        }
        active.greet(hello, false);
        let earlier = link.take();
        let token = active.token();
        let connections = VecDeque::from([active]);
        *link = Some(Link {
            incarnation,
            by_first,
            connections,
        });
        if let Some(earlier) = earlier {
            self.end_all(earlier, CloseReason::Superseded);
        }
        self.report(id, LinkNews::Opened);
        // Lines may have come right after the hello.
        self.resumed.push_back(token);
        Some(Input::LinkUp { peer, incarnation })
    }

    /// Reads from a socket that is ready, or writes what waits for it: see [`Self::next_input`].
    pub fn on_ready(&mut self, poller: &Poller, ready: Ready) {
        let Some(active) = self.find(ready.token) else {
            return;
        };
        if ready.has_room {
            active.flush(poller);
        }
        if let Err(error) = active.read(poller) {
            self.on_error(ready.token, error);
        }
    }

    /// The next message that has come on that connection, for the node.
    pub fn next_input(&mut self, token: Token) -> Option<Input> {
        let active = self.find(token)?;
        match active.next_message() {
            Ok(message) => {
                let from = active.peer();
                message.map(|message| Input::Received { from, message })
            }
            Err(error) => {
                self.on_error(token, error);
                None
            }
        }
    }

    /// A connection that may have messages without being ready.
    pub fn next_resumed(&mut self, poller: &Poller) -> Option<Token> {
        let token = self.resumed.pop_front()?;
        if let Some(active) = self.find(token) {
            if let Err(error) = active.watch(poller) {
                self.on_error(token, LinkError::Io(error));
            } else {
                // What was queued before the socket was watched.
                active.flush(poller);
            }
        }
        Some(token)
    }

    /// A peer whose link has ended, for the node.
    pub fn next_down(&mut self) -> Option<Input> {
        let peer = self.down.pop_front()?;
        Some(Input::LinkDown { peer })
    }

    /// What has become of a connection, for those who made it.
    pub fn next_report(&mut self) -> Option<LinkReport> {
        self.reports.pop_front()
    }

    /// Queues a message for that process of the peer; nothing happens if it is not connected. See [`Self::flush`].
    ///
    /// The peer may have restarted since the decision to send: a line meant for its last
    /// incarnation never reaches the next.
    pub fn queue(&mut self, to: NodeId, recipient: Incarnation, message: &Message) {
        let Some(Some(link)) = self.links.get_mut(to.index()) else {
            return;
        };
        let Some(last) = link.connections.back_mut() else {
            return;
        };
        if link.incarnation != recipient {
            return;
        }
        if last.queue(message) {
            self.dirty.push(to);
        }
    }

    /// Sends what is queued, as far as the sockets take it.
    pub fn flush(&mut self, poller: &Poller) {
        while let Some(peer) = self.dirty.pop() {
            let Some(Some(link)) = self.links.get_mut(peer.index()) else {
                continue;
            };
            let Some(last) = link.connections.back_mut() else {
                continue;
            };
            last.flush(poller);
            if last.is_overfull() {
                self.close(peer, CloseReason::Overflow);
            }
        }
    }

    /// Once a heartbeat: closes the links that have been silent for too many of them, and connections whose place
    /// another one has taken and which their peer does not close.
    pub fn on_heartbeat(&mut self) {
        let all_near = !self.topology.has_far_peers();
        for index in 0..self.links.len() {
            let Some(Some(link)) = self.links.get_mut(index) else {
                continue;
            };
            let Some(first) = link.connections.front_mut() else {
                continue;
            };
            if first.on_heartbeat(all_near) {
                let (token, peer) = (first.token(), first.peer());
                if first.is_retired() {
                    self.on_error(token, LinkError::Closed(CloseReason::Superseded));
                } else {
                    self.close(peer, CloseReason::Silent);
                }
            }
        }
    }

    /// Closes the link to that peer, if there is one.
    pub fn close(&mut self, peer: NodeId, reason: CloseReason) {
        if let Some(link) = self.links.get_mut(peer.index()).and_then(Option::take) {
            self.end_all(link, reason);
            self.down.push_back(peer);
        }
    }

    /// Closes the links that were made with none of these keys.
    pub fn close_other_keys(&mut self, accepted: &[Fingerprint]) {
        self.accepted = Some(accepted.to_vec());
        let nodes: Vec<NodeId> = self.topology.node_ids().collect();
        for peer in nodes {
            let link = self.links.get(peer.index()).and_then(Option::as_ref);
            let last = link.and_then(|link| link.connections.back());
            if last.is_some_and(|last| self.is_forgotten(last.key())) {
                self.close(peer, CloseReason::KeyForgotten);
            }
        }
    }

    /// Whether a connection with that key is to be closed: its handshake may have begun before the key was forgotten.
    fn is_forgotten(&self, key: Option<Fingerprint>) -> bool {
        let is_other = |accepted: &Vec<Fingerprint>| key.is_none_or(|key| !accepted.contains(&key));
        self.accepted.as_ref().is_some_and(is_other)
    }

    fn find(&mut self, token: Token) -> Option<&mut Active> {
        let peer = Active::peer_of(token);
        let link = self.links.get_mut(peer)?.as_mut()?;
        let mut connections = link.connections.iter_mut();
        connections.find(|active| active.token() == token)
    }

    /// A connection has failed: the link ends, unless another connection has taken its place.
    fn on_error(&mut self, token: Token, error: LinkError) {
        let Some(slot) = self.links.get_mut(Active::peer_of(token)) else {
            return;
        };
        let Some(link) = slot else { return };
        let is_it = |active: &Active| active.token() == token;
        let Some(index) = link.connections.iter().position(is_it) else {
            return;
        };
        let Some(active) = link.connections.remove(index) else {
            return;
        };
        if active.is_retired() {
            if index == 0
                && let Some(next) = link.connections.front()
            {
                self.resumed.push_back(next.token());
            }
            self.report(active.id(), LinkNews::Ended(error));
            return;
        }
        let peer = active.peer();
        let rest = slot.take();
        self.end(active, error);
        if let Some(rest) = rest {
            self.end_all(rest, CloseReason::Superseded);
        }
        self.down.push_back(peer);
    }

    /// Tells the peer why, where it can do something about it, and closes the connection.
    fn end(&mut self, mut active: Active, error: LinkError) {
        if !active.is_retired()
            && let Some(refused) = error.refused(self.topology.name(self.me))
        {
            active.refuse(&refused);
        }
        self.report(active.id(), LinkNews::Ended(error));
    }

    fn end_all(&mut self, link: Link, reason: CloseReason) {
        for active in link.connections {
            self.end(active, LinkError::Closed(reason));
        }
    }

    fn report(&mut self, id: u32, news: LinkNews) {
        self.reports.push_back(LinkReport { id, news });
    }
}

impl Link {
    fn is_silent(&self) -> bool {
        self.connections.front().is_some_and(Active::is_silent)
    }
}

#[cfg(test)]
mod tests;
