//! Heartbeats: to near peers four times a lease, to far ones seldom, and at once to one that asks.

use std::time::Duration;

use super::node::Node;
use super::node_id::NodeId;
use super::time::Time;

/// A peer that is contested is asked for so many heartbeat intervals.
const CONTESTED_HEARTBEATS: u32 = 5;

impl Node {
    pub(super) fn on_heartbeat(
        &mut self,
        from: NodeId,
        at: u64,
        (echo, since): (Option<u64>, u64),
        near: bool,
    ) {
        let now = self.context.now;
        let Some(link) = self.context.peers.link_mut(from) else {
            return;
        };
        // One that was overtaken no longer says what the peer asks for.
        let is_latest = link.echo.is_none_or(|(latest, _)| at >= latest);
        link.echo = Some((at, now));
        // `echo` is a moment of this node's clock that the peer sends back.
        let since_sent = echo.map(|echo| now.since(Time::from_micros(echo)));
        link.round_trip = since_sent
            .and_then(|span| span.checked_sub(Duration::from_micros(since)))
            .or(link.round_trip);
        let asks_first = near && !link.pace.is_asked;
        if !is_latest {
            return;
        }
        link.pace.is_asked = near;
        if asks_first && self.context.peers.has_far {
            // A ball may be waiting for this.
            self.context.send_heartbeat(from);
        }
    }

    /// One heartbeat to every connected peer that is to get one, four times a lease.
    pub(super) fn send_heartbeats(&mut self) {
        if self.context.now < self.context.next_heartbeat {
            return;
        }
        self.context.next_heartbeat = self.context.now + self.context.topology.heartbeat();
        for peer in self.context.topology.node_ids() {
            if self.context.is_heartbeat_due(peer) {
                self.context.send_heartbeat(peer);
            }
        }
    }

    /// Somebody claims to be a peer whose link is open. A far peer would show only after a long time which of the two is there.
    pub(super) fn on_contested(&mut self, peer: NodeId) {
        let until = self.context.now + self.context.topology.heartbeat() * CONTESTED_HEARTBEATS;
        let has_far = self.context.peers.has_far;
        let link = self.context.peers.link_mut(peer);
        let Some(link) = link.filter(|_| has_far) else {
            return;
        };
        let is_first = !link.pace.asks(self.context.now);
        link.pace.contested_until = Some(until);
        if is_first {
            self.context.send_heartbeat(peer);
        }
    }
}
