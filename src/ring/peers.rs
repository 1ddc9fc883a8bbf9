//! What this node knows of its peers: who is connected, when each was heard, and what its clock said.

use std::time::Duration;

use super::message::Incarnation;
use super::node_id::{NodeId, NodeSet};
use super::time::Time;

/// A peer that has been silent for more than this many heartbeat intervals is not live.
pub const SILENT_HEARTBEATS: u32 = 3;

/// Every other node.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    peers: Vec<Peer>,
    silence: Duration,
    /// The nodes that vote.
    voters: NodeSet,
    /// How many other voters make a quorum, together with this node if it votes.
    needed: usize,
    quorum_since: Option<Time>,
}

/// One other node.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) link: Option<Link>,
    /// Since when it has been connected or not.
    pub(super) since: Time,
    /// Whether it was ever connected.
    pub(super) met: bool,
}

/// An open connection.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) incarnation: Incarnation,
    pub(super) heard: Time,
    /// The peer's latest heartbeat time, and when it was heard.
    pub(super) echo: Option<(u64, Time)>,
    pub(super) round_trip: Option<Duration>,
    /// Whether it said that it is about to leave.
    pub(super) leaving: bool,
}

impl Link {
    /// Whether a line came in within `silence`.
    fn is_live(&self, now: Time, silence: Duration) -> bool {
        now.since(self.heard) <= silence
    }
}

impl Peers {
    pub(super) fn new(
        count: usize,
        voters: NodeSet,
        needed: usize,
        now: Time,
        heartbeat: Duration,
    ) -> Self {
        let peer = Peer {
            link: None,
            since: now,
            met: false,
        };
        let quorum_since = (needed == 0).then_some(now);
        Self {
            peers: vec![peer; count],
            silence: heartbeat * SILENT_HEARTBEATS,
            voters,
            needed,
            quorum_since,
        }
    }

    /// Rule 11: nothing was heard in the future.
    pub(super) fn limit_moments(&mut self, now: Time) {
        self.quorum_since = self.quorum_since.map(|since| since.min(now));
        for link in self.peers.iter_mut().filter_map(|peer| peer.link.as_mut()) {
            link.heard = link.heard.min(now);
            if let Some((_, heard)) = &mut link.echo {
                *heard = (*heard).min(now);
            }
        }
    }

    pub(super) fn up(&mut self, peer: NodeId, incarnation: Incarnation, now: Time) {
        if let Some(peer) = self.peers.get_mut(peer.index()) {
            let link = Link {
                incarnation,
                heard: now,
                echo: None,
                round_trip: None,
                leaving: false,
            };
            *peer = Peer {
                link: Some(link),
                since: now,
                met: true,
            };
        }
        self.update_quorum(now);
    }

    pub(super) fn down(&mut self, peer: NodeId, now: Time) {
        if let Some(peer) = self.peers.get_mut(peer.index())
            && peer.link.take().is_some()
        {
            peer.since = now;
        }
        self.update_quorum(now);
    }

    fn update_quorum(&mut self, now: Time) {
        let enough = self.connected().and(self.voters).len() >= self.needed;
        self.quorum_since = enough.then(|| self.quorum_since.unwrap_or(now));
    }

    /// Since when enough voters for a quorum have been connected without a break.
    pub(super) fn quorum_since(&self) -> Option<Time> {
        self.quorum_since
    }

    pub(super) fn get(&self, peer: NodeId) -> Option<&Peer> {
        self.peers.get(peer.index())
    }

    pub(super) fn link(&self, peer: NodeId) -> Option<&Link> {
        self.get(peer)?.link.as_ref()
    }

    pub(super) fn link_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        self.peers.get_mut(peer.index())?.link.as_mut()
    }

    /// Whether a line came in on the peer's connection within the last heartbeats.
    pub(super) fn is_live(&self, peer: NodeId, now: Time) -> bool {
        self.link(peer)
            .is_some_and(|link| link.is_live(now, self.silence))
    }

    /// Whether a ball can be passed to the peer.
    pub(super) fn accepts_balls(&self, peer: NodeId, now: Time) -> bool {
        self.is_live(peer, now) && self.link(peer).is_some_and(|link| !link.leaving)
    }

    pub(super) fn connected(&self) -> NodeSet {
        self.ids(|peer| peer.link.is_some())
    }

    pub(super) fn live(&self, now: Time) -> NodeSet {
        self.ids(|peer| {
            let link = peer.link.as_ref();
            link.is_some_and(|link| link.is_live(now, self.silence))
        })
    }

    /// The longest round trip to a live peer, as far as known.
    pub(super) fn longest_round_trip(&self, now: Time) -> Duration {
        let links = self.peers.iter().filter_map(|peer| peer.link.as_ref());
        links
            .filter(|link| link.is_live(now, self.silence))
            .filter_map(|link| link.round_trip)
            .max()
            .unwrap_or_default()
    }

    fn ids(&self, wanted: impl Fn(&Peer) -> bool) -> NodeSet {
        let numbered = self.peers.iter().zip(0..=u8::MAX);
        numbered
            .filter(|(peer, _)| wanted(peer))
            .map(|(_, id)| NodeId(id))
            .collect()
    }
}
