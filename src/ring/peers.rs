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
    /// Whether the ring has far peers: see `near.rs`.
    pub(super) has_far: bool,
    /// The nodes that this node comes to on its walk along the ring before it has counted two good ones on a side.
    pub(super) near: NodeSet,
    /// A link was made since the near peers were last looked up.
    pub(super) is_near_outdated: bool,
    /// Whether the end of any process is known.
    pub(super) has_deaths: bool,
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
    /// Its latest process, and since when that one has been known.
    process: Option<(Incarnation, Time)>,
    /// When the last line came in on its links before the open one.
    heard_before: Time,
    /// Its processes that are known to have ended, the latest news first, and since when that is known.
    died: [Option<Death>; KNOWN_DEATHS],
}

/// So many ended processes of a peer are remembered: a restarted node may end again before the first obituary has come everywhere.
const KNOWN_DEATHS: usize = 2;

/// The end of a process, by proof of the computer on which it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) incarnation: Incarnation,
    /// When this node learned of it.
    pub(super) known_at: Time,
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
    /// Whether its process is known to have ended: only what it sent before may still come.
    is_dead: bool,
    pub(super) pace: Pace,
}

/// How often the two nodes of a link send each other heartbeats. It matters only in a ring with far peers.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Since when the peer has been near, and has been asked for heartbeats at the near pace.
    pub(super) near_since: Option<Time>,
    /// Since when the peer has not answered a request for a lease.
    pub(super) owes_since: Option<Time>,
    /// Until then the peer is asked, as somebody else has claimed to be the peer.
    pub(super) contested_until: Option<Time>,
    /// Whether this node's latest heartbeat asked for the near pace.
    pub(super) has_asked: bool,
    /// Whether the peer's latest heartbeat asked for the near pace.
    pub(super) is_asked: bool,
    /// When the next heartbeat is due that nobody asked for.
    pub(super) far_due: Time,
}

impl Pace {
    fn new(now: Time) -> Self {
        Self {
            near_since: None,
            owes_since: None,
            contested_until: None,
            has_asked: false,
            is_asked: false,
            far_due: now,
        }
    }

    /// Whether a heartbeat that is sent now asks for the near pace.
    pub(super) fn asks(&self, now: Time) -> bool {
        // A request of this very moment cannot have been answered.
        let owes = self.owes_since.is_some_and(|since| since < now);
        let is_contested = self.contested_until.is_some_and(|until| now <= until);
        self.near_since.is_some() || owes || is_contested
    }
}

/// Whether a ball can be passed to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// No: it is not connected, is leaving, or has not answered.
    Gone,
    /// It has been asked whether it is there, and has until this moment to answer.
    Asked(Time),
    /// Yes.
    Live,
}

impl Peer {
    fn death_of(&self, incarnation: Incarnation) -> Option<Death> {
        let mut died = self.died.into_iter().flatten();
        died.find(|death| death.incarnation == incarnation)
    }
}

impl Link {
    /// Whether a line came in within `silence`.
    fn is_live(&self, now: Time, silence: Duration) -> bool {
        !self.is_dead && now.since(self.heard) <= silence
    }
}

impl Peers {
    pub(super) fn new(
        count: usize,
        voters: NodeSet,
        needed: usize,
        now: Time,
        heartbeat: Duration,
        has_far: bool,
    ) -> Self {
        let peer = Peer {
            link: None,
            since: now,
            met: false,
            process: None,
            heard_before: Time::default(),
            died: [None; KNOWN_DEATHS],
        };
        let quorum_since = (needed == 0).then_some(now);
        Self {
            peers: vec![peer; count],
            silence: heartbeat * SILENT_HEARTBEATS,
            has_far,
            near: NodeSet::default(),
            is_near_outdated: true,
            has_deaths: false,
            voters,
            needed,
            quorum_since,
        }
    }

    /// Rule 11: nothing was heard in the future.
    pub(super) fn limit_moments(&mut self, now: Time) {
        self.quorum_since = self.quorum_since.map(|since| since.min(now));
        let died = self.peers.iter_mut().flat_map(|peer| &mut peer.died);
        for death in died.flatten() {
            death.known_at = death.known_at.min(now);
        }
        for link in self.peers.iter_mut().filter_map(|peer| peer.link.as_mut()) {
            link.heard = link.heard.min(now);
            if let Some((_, heard)) = &mut link.echo {
                *heard = (*heard).min(now);
            }
            let pace = &mut link.pace;
            for moment in [&mut pace.near_since, &mut pace.owes_since]
                .into_iter()
                .flatten()
            {
                *moment = (*moment).min(now);
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
                is_dead: peer.death_of(incarnation).is_some(),
                pace: Pace::new(now),
            };
            let known = peer.process.filter(|(known, _)| *known == incarnation);
            let before = peer.link.as_ref().map(|before| before.heard);
            *peer = Peer {
                link: Some(link),
                since: now,
                met: true,
                process: known.or(Some((incarnation, now))),
                heard_before: before.unwrap_or(peer.heard_before),
                died: peer.died,
            };
        }
        self.is_near_outdated = true;
        self.update_quorum(now);
    }

    pub(super) fn down(&mut self, peer: NodeId, now: Time) {
        if let Some(peer) = self.peers.get_mut(peer.index())
            && let Some(link) = peer.link.take()
        {
            peer.since = now;
            peer.heard_before = link.heard;
        }
        self.update_quorum(now);
    }

    /// A process of the peer has ended; whether that is news.
    pub(super) fn note_death(&mut self, peer: NodeId, incarnation: Incarnation, now: Time) -> bool {
        let Some(peer) = self.peers.get_mut(peer.index()) else {
            return false;
        };
        if peer.death_of(incarnation).is_some() {
            return false;
        }
        self.has_deaths = true;
        let [latest, _] = peer.died;
        let known_at = now;
        let death = Death {
            incarnation,
            known_at,
        };
        peer.died = [Some(death), latest];
        if let Some(link) = &mut peer.link {
            link.is_dead |= link.incarnation == incarnation;
        }
        true
    }

    /// The end of that process, if it is known to have ended.
    pub(super) fn death_of(&self, peer: NodeId, incarnation: Incarnation) -> Option<Death> {
        self.get(peer)?.death_of(incarnation)
    }

    /// The processes of the peer that are known to have ended.
    pub(super) fn deaths(&self, peer: NodeId) -> impl Iterator<Item = Death> + use<> {
        let died = self.get(peer).map(|peer| peer.died);
        died.into_iter().flatten().flatten()
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
        self.reach(peer, now) == Reach::Live
    }

    /// Whether a ball can be passed to the peer, now or soon.
    ///
    /// In a ring with far peers it takes a heartbeat to know: other lines show that the peer is there, but only a heartbeat
    /// brings the time that a pass carries.
    pub(super) fn reach(&self, peer: NodeId, now: Time) -> Reach {
        let link = self.link(peer);
        let Some(link) = link.filter(|link| !link.leaving && !link.is_dead) else {
            return Reach::Gone;
        };
        let is_fresh = |heard: Time| now.since(heard) <= self.silence;
        let heard = link.echo.map(|(_, heard)| heard);
        let is_live = if self.has_far {
            heard.is_some_and(is_fresh)
        } else {
            is_fresh(link.heard)
        };
        let until = link.pace.near_since.unwrap_or(now) + self.silence;
        match is_live {
            true => Reach::Live,
            false if self.has_far && now < until => Reach::Asked(until),
            false => Reach::Gone,
        }
    }

    /// Whether the peer may be taken to be there: it is live, or it is far, connected, and was asked nothing that it has not answered in time.
    pub(super) fn is_up(&self, peer: NodeId, now: Time) -> bool {
        self.link(peer)
            .is_some_and(|link| self.is_link_up(link, now))
    }

    fn is_link_up(&self, link: &Link, now: Time) -> bool {
        let asked = [link.pace.near_since, link.pace.owes_since];
        let in_vain = |since: Time| now.since(since) >= self.silence;
        let was_in_vain = asked.into_iter().flatten().any(in_vain);
        link.is_live(now, self.silence) || (self.has_far && !was_in_vain && !link.is_dead)
    }

    /// The peers that may be taken to be there.
    pub(super) fn up_peers(&self, now: Time) -> NodeSet {
        self.ids(|peer| {
            let link = peer.link.as_ref();
            link.is_some_and(|link| self.is_link_up(link, now))
        })
    }

    /// When the peer's process that spoke at `report` was heard last; `None` while it is live.
    pub(super) fn silent_since(&self, peer: NodeId, report: Time, now: Time) -> Option<Time> {
        let peer = self.get(peer)?;
        let is_same = peer.process.is_some_and(|(_, since)| since <= report);
        match &peer.link {
            Some(link) if is_same => (!link.is_live(now, self.silence)).then_some(link.heard),
            Some(_) | None => Some(peer.heard_before),
        }
    }

    /// The connected peers that have asked this node for the near pace.
    pub(super) fn asking(&self) -> NodeSet {
        self.ids(|peer| peer.link.as_ref().is_some_and(|link| link.pace.is_asked))
    }

    pub(super) fn connected(&self) -> NodeSet {
        self.ids(|peer| peer.link.is_some())
    }

    /// The longest round trip to one of these peers, as far as known, if it may be taken to be there.
    pub(super) fn longest_round_trip(&self, now: Time, among: NodeSet) -> Duration {
        let links = among.and(self.up_peers(now));
        let links = links.iter().filter_map(|peer| self.link(peer));
        links
            .filter_map(|link| link.round_trip)
            .max()
            .unwrap_or_default()
    }

    fn ids(&self, wanted: impl Fn(&Peer) -> bool) -> NodeSet {
        let numbered = self.peers.iter().zip(0..=u16::MAX);
        numbered
            .filter(|(peer, _)| wanted(peer))
            .map(|(_, id)| NodeId(id))
            .collect()
    }
}
