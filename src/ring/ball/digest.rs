//! A ball's part of the state digest.

use std::time::Duration;

use super::holder::{Election, HeldBall, HolderState, Placement};
use super::state::Ball;
use super::voter::Voter;
use crate::ring::context::Context;
use crate::ring::cover::CoverDigest;
use crate::ring::digest::{StateDigest, motion, node_set, optional_moment, record};
use crate::ring::generation::{Generation, Stamp};
use crate::ring::lineage::{Lineage, Renewal};
use crate::ring::time::micros;

impl Context {
    /// The longest time that a candidate waits for the candidates of lower rank.
    pub(in crate::ring) fn longest_stagger(&self) -> Duration {
        let ranks = self.topology.nodes.len() + 1;
        self.topology.heartbeat() / 2 * u32::try_from(ranks).unwrap_or(u32::MAX)
    }
}

impl Ball {
    /// Shows everything that decides this ball's future at this node.
    pub(in crate::ring) fn digest(&self, context: &Context, to: &mut impl StateDigest) {
        let me = context.me;
        digest_voter(&self.voter, context, to);
        to.round(self.highest_known_round());
        to.moment(me, self.not_before, Duration::ZERO);
        self.digest_takeover(context, to);
        if self.is_guest() {
            let life = context.topology.external_balls.guest_life;
            optional_moment(to, me, self.voter.known_since(), life);
            to.number(self.newcomer.is_some().into());
            if let Some(newcomer) = &self.newcomer {
                to.number(newcomer.position.map(f64::to_bits)[0]);
                motion(to, newcomer);
            }
        }
        match &self.holding {
            HolderState::None => to.number(0),
            HolderState::Held(held) => {
                to.number(1);
                digest_held(held, context, to);
                self.digest_cover(held.cover, context, to);
                for renewal in held.pending_renewals() {
                    if to.awaits(renewal.seq) {
                        self.digest_cover(renewal.cover, context, to);
                    }
                }
            }
            HolderState::Passing(passing) => {
                to.number(2);
                record(to, Some(passing.record));
                to.number(passing.to.0.into());
                to.incarnation(passing.to, passing.to_incarnation);
                to.moment(me, passing.deadline, Duration::ZERO);
                let generation = passing.record.stamp.generation;
                digest_lineage(generation, &passing.lineage, to);
                self.digest_cover(passing.cover, context, to);
            }
            HolderState::Electing(election) => {
                to.number(3);
                digest_election(election, context, to);
                self.digest_cover(election.cover, context, to);
            }
        }
    }

    /// Shows what rule 13 needs.
    fn digest_takeover(&self, context: &Context, to: &mut impl StateDigest) {
        let me = context.me;
        for known in &self.known_covers {
            to.number(known.cover.lives().len() as u64);
            for life in known.cover.lives() {
                to.number(life.node.0.into());
                to.incarnation(life.node, life.incarnation);
            }
        }
        if !to.awaits_obituaries() && !context.peers.has_deaths && self.fence.is_none() {
            return;
        }
        let (lives, unlimited_until) = self.voter.covered.parts();
        let mut lives = lives.to_vec();
        lives.retain(|&(_, until)| until > context.now);
        lives.sort_unstable();
        for (life, until) in lives {
            to.number(life.node.0.into());
            to.incarnation(life.node, life.incarnation);
            to.moment(me, until, Duration::ZERO);
        }
        optional_moment(to, me, unlimited_until, Duration::ZERO);
        to.number(self.fence.is_some().into());
        if let Some(fence) = self.fence {
            to.generation(fence);
        }
        to.moment(me, self.takeover_not_before, Duration::ZERO);
        let is_sender = self.passed_on == self.voter.newest().map(|newest| newest.stamp);
        to.number(u64::from(self.tried) << 1 | u64::from(is_sender));
        if let Some(takeover) = &self.takeover {
            to.generation(takeover.generation);
            for life in &takeover.needed {
                to.incarnation(life.node, life.incarnation);
            }
            to.number(takeover.promise.into());
            node_set(to, takeover.answered);
            to.stamp(takeover.since);
            record(to, takeover.newest);
            to.number(
                takeover
                    .in_flight
                    .map_or(u64::MAX, |life| life.node.0.into()),
            );
            to.moment(me, takeover.until, Duration::ZERO);
        }
        if let Some(early) = &self.early {
            to.incarnation(early.from.node, early.from.incarnation);
            to.generation(early.request.generation);
            for life in &early.request.fenced {
                to.incarnation(life.node, life.incarnation);
            }
        }
    }

    /// Shows a cover by whom it names, if the node knows that.
    fn digest_cover(
        &self,
        cover: Option<CoverDigest>,
        context: &Context,
        to: &mut impl StateDigest,
    ) {
        let known = cover.and_then(|cover| self.cover_of(context, cover));
        match (cover, known) {
            (None, _) => to.number(0),
            (Some(cover), None) => to.number(cover.bits()),
            (Some(_), Some(cover)) => {
                to.number(1);
                for life in cover.lives() {
                    to.number(life.node.0.into());
                    to.incarnation(life.node, life.incarnation);
                }
            }
        }
    }
}

fn digest_voter(voter: &Voter, context: &Context, to: &mut impl StateDigest) {
    let (me, lease) = (context.me, context.topology.lease);
    let stagger = context.longest_stagger();
    to.number(voter.lease().is_some().into());
    if let Some(lease) = voter.lease() {
        to.generation(lease.generation);
        to.moment(me, lease.until, stagger);
        to.number(lease.renewal.is_some().into());
        if let Some(renewal) = lease.renewal {
            digest_renewal(lease.generation, renewal, to);
        }
    }
    record(to, voter.newest());
    to.number(voter.holder().map_or(u64::MAX, |holder| holder.0.into()));
    optional_moment(to, me, voter.heard_at(), lease + stagger);
    to.number(voter.tombstone().is_some().into());
    if let Some(tombstone) = voter.tombstone() {
        to.generation(tombstone);
    }
}

fn digest_held(held: &HeldBall, context: &Context, to: &mut impl StateDigest) {
    let me = context.me;
    to.stamp(held.stamp);
    to.number(held.is_frozen().into());
    match held.placement {
        Placement::OnScreen => to.number(0),
        Placement::Connecting(edge) => to.number(1 + edge as u64),
        Placement::Lent(loan) => {
            to.number(3 + loan.edge as u64);
            to.moment(me, loan.until, Duration::ZERO);
        }
        Placement::Returning(node) => to.number(5 + u64::from(node.0)),
        Placement::Retiring => to.number(u64::MAX),
    }
    // Where it stops unless it is renewed; with the time of its edge this tells the whole way.
    let stop = held.state(context.topology.screen, held.deadline);
    to.number(stop.position.map(f64::to_bits)[0]);
    motion(to, &stop);
    optional_moment(to, me, held.edge_at, Duration::ZERO);
    to.moment(me, held.deadline, Duration::ZERO);
    to.moment(me, held.renew_at, Duration::ZERO);
    let renewed = held.renewed_from.zip(held.edge_at);
    to.number(renewed.is_some_and(|(sent, edge)| sent >= edge).into());
    digest_lineage(held.stamp.generation, &held.lineage, to);
    digest_renewals(held, context, to);
}

fn digest_lineage(generation: Generation, lineage: &Lineage, to: &mut impl StateDigest) {
    let renewals = lineage.as_slice();
    to.number(renewals.len() as u64);
    for &renewal in renewals {
        digest_renewal(generation, renewal, to);
    }
}

fn digest_renewal(generation: Generation, renewal: Renewal, to: &mut impl StateDigest) {
    let hop = renewal.hop;
    to.stamp(Stamp { generation, hop });
    to.number(renewal.node.0.into());
}

/// Shows the renewals whose answers can still come.
fn digest_renewals(held: &HeldBall, context: &Context, to: &mut impl StateDigest) {
    for renewal in held.pending_renewals() {
        if !to.awaits(renewal.seq) {
            continue;
        }
        to.request(renewal.seq);
        to.moment(context.me, renewal.sent, context.topology.lease);
        digest_renewal(held.stamp.generation, renewal.renewal, to);
        node_set(to, renewal.asked);
        node_set(to, renewal.granted);
        for &(rival, nodes) in &renewal.denied {
            to.generation(rival);
            node_set(to, nodes);
        }
    }
}

fn digest_election(election: &Election, context: &Context, to: &mut impl StateDigest) {
    let me = context.me;
    to.generation(election.generation);
    to.request(election.seq);
    to.moment(me, election.sent, context.topology.lease);
    to.moment(me, election.closes, Duration::ZERO);
    node_set(to, election.asked);
    node_set(to, election.answered);
    node_set(to, election.granted);
    to.number(election.opposed.into());
    to.number(election.rivalry.map_or(9, |rivalry| rivalry as i8 as u64));
    for &wait in &election.quarantined {
        to.number(micros(wait));
    }
    record(to, election.newest);
    to.number(election.death.is_some().into());
}
