//! A node's part of the state digest.

use std::time::Duration;

use super::context::Context;
use super::digest::{StateDigest, motion, node_set, optional_moment};
use super::generation::BallId;
use super::node::Node;
use super::node_id::NodeId;
use super::time::{Time, micros};

impl Node {
    /// The number of this node's latest request; the next one is numbered one higher.
    pub fn last_request(&self) -> u64 {
        self.context.last_seq
    }

    /// Shows everything that decides this node's future.
    pub fn digest(&self, to: &mut impl StateDigest) {
        let context = &self.context;
        let (me, lease) = (context.me, context.topology.lease);
        to.incarnation(me, self.incarnation);
        to.random(context.random.get_seed());
        // Its time never goes back, so this matters to a run that would wake it at an earlier moment.
        to.moment(me, context.now, Duration::ZERO);
        to.request(context.last_seq);
        to.moment(me, context.quarantine_until, Duration::ZERO);
        to.moment(me, context.next_heartbeat, Duration::ZERO);
        // Both only delay an election, together.
        let quorum_since = context.peers.quorum_since();
        let ready = quorum_since.map(|since| (since + lease / 2).max(context.quarantine_until));
        optional_moment(to, me, ready, context.longest_stagger());
        for peer in context.topology.node_ids() {
            self.digest_link(peer, to);
        }
        if let Some(drain) = &context.drain {
            to.moment(me, drain.until, Duration::ZERO);
            node_set(to, drain.awaited);
            to.number(drain.done.into());
        }
        self.digest_windows_and_guests(to);
        for ball in self.balls.values() {
            if let Some((peer, stamp)) = ball.pending_ack {
                let BallId(number) = ball.id;
                to.number(number.into());
                to.number(peer.0.into());
                to.stamp(stamp);
            }
        }
        for ball in self.balls.values() {
            ball.digest(context, to);
        }
    }

    /// Shows what only rings with windows or guests have.
    fn digest_windows_and_guests(&self, to: &mut impl StateDigest) {
        let context = &self.context;
        if context.topology.external_balls.guests > 0 {
            to.moment(context.me, self.guest_rate.full_at(), Duration::ZERO);
        }
        for query in self.loan_queries.iter() {
            to.request(query.seq);
            to.number(query.to.0.into());
            to.number(query.edge as u64);
            motion(to, &query.state);
        }
    }

    fn digest_link(&self, peer: NodeId, to: &mut impl StateDigest) {
        let Context { me, peers, .. } = &self.context;
        let link = peers.link(peer);
        for death in peers.deaths(peer) {
            to.incarnation(peer, death.incarnation);
            to.moment(*me, death.known_at, self.context.longest_stagger());
        }
        to.number(link.is_some().into());
        let Some(link) = link else { return };
        let silence = self.context.topology.lease;
        to.incarnation(peer, link.incarnation);
        to.number(link.leaving.into());
        to.moment(*me, link.heard, silence);
        to.number(link.round_trip.map_or(u64::MAX, micros));
        to.number(link.echo.is_some().into());
        if let Some((at, heard)) = link.echo {
            // A ball is passed only to a peer that was heard within the last heartbeats.
            to.moment(peer, Time::from_micros(at), silence);
            to.moment(*me, heard, silence);
        }
    }
}
