//! The canonical form of a message.

use std::time::Duration;

use carom::ring::digest::StateDigest;
use carom::ring::message::{LeaseRequest, Pass};
use carom::ring::{Cover, CoverDigest, Message, Stamp, Time};

use crate::canonical::CanonicalHasher;
use crate::model::node_id;

impl CanonicalHasher<'_> {
    pub(crate) fn message(&mut self, to: usize, message: &Message) {
        match message {
            Message::Pass(pass) => {
                self.number(2);
                self.pass(to, pass);
            }
            Message::PassAck {
                generation, hop, ..
            } => {
                self.number(3);
                self.stamp(Stamp {
                    generation: *generation,
                    hop: *hop,
                });
            }
            Message::Acquire { seq, balls } => {
                self.number(4);
                self.request(*seq);
                balls.iter().for_each(|claim| self.claim(claim));
            }
            Message::Granted { seq, balls } => {
                self.number(5);
                self.request(*seq);
                balls.iter().for_each(|grant| self.record(grant.newest));
            }
            Message::Denied { seq, balls } => {
                self.number(6);
                self.request(*seq);
                for denial in balls {
                    self.maybe_generation(denial.lease_generation);
                    // Only the rest of a quarantine is used by the receiver.
                    let waits = denial.lease_generation.is_none();
                    self.number(if waits { denial.lease_left } else { 0 });
                    self.record(denial.newest);
                    self.maybe_generation(denial.gone);
                }
            }
            Message::Release { generation, .. } => {
                self.number(7);
                self.generation(*generation);
            }
            Message::Leaving => self.number(8),
            Message::LeaveAck => self.number(9),
            Message::LoanQuery { seq, edge, .. } => {
                self.number(11);
                self.request(*seq);
                self.number(*edge as u64);
            }
            Message::LoanUnknown { seq } => {
                self.number(12);
                self.request(*seq);
            }
            Message::Remove { generation, .. } => {
                self.number(13);
                self.generation(*generation);
            }
            Message::Fence { .. } | Message::Fenced { .. } => self.takeover(message),
            Message::Hello(_)
            | Message::Refused { .. }
            | Message::Heartbeat { .. }
            | Message::Unknown => self.number(10),
        }
    }

    fn takeover(&mut self, message: &Message) {
        match message {
            Message::Fence {
                generation,
                promise,
                ..
            } => {
                self.number(14 + u64::from(*promise));
                self.generation(*generation);
            }
            Message::Fenced {
                generation,
                promise,
                newest,
                passing,
                ..
            } => {
                self.number(passing.map_or(u64::MAX, |life| life.node.0.into()));
                self.number(16 + u64::from(*promise));
                self.generation(*generation);
                self.record(*newest);
            }
            _ => {}
        }
    }

    /// The deadline that a pass brings is computed as the core does it; all expired ones are equal.
    fn pass(&mut self, to: usize, pass: &Pass) {
        self.record(Some(pass.record));
        let span = Duration::from_micros(pass.since + pass.left);
        let worth = pass
            .echo
            .map(|echo| Time::from_micros(echo) + (span - span / 100));
        self.number(worth.is_some().into());
        if let Some(worth) = worth {
            self.moment(node_id(to), worth, Duration::ZERO);
        }
        self.cover_digest(pass.cover);
    }

    /// By the nodes that would name that cover now, if there are any: restarts have changed its bits, and nothing else.
    fn cover_digest(&mut self, digest: Option<CoverDigest>) {
        let Some(digest) = digest else {
            self.number(0);
            return;
        };
        let nodes = self
            .state
            .hosts
            .iter()
            .filter_map(|host| host.node.as_ref());
        let mut covers = nodes.filter_map(|node| node.named_cover());
        match covers.find(|cover| cover.digest() == digest) {
            Some(cover) => {
                for life in cover.lives() {
                    self.incarnation(life.node, life.incarnation);
                }
            }
            None => self.number(digest.bits()),
        }
    }

    fn claim(&mut self, claim: &LeaseRequest) {
        self.generation(claim.generation);
        self.record(claim.record());
        self.number(claim.leaves.into());
        self.maybe_generation(claim.after);
        for lives in [
            claim.cover.as_ref().map(Cover::lives),
            Some(&claim.fenced[..]),
        ] {
            self.number(lives.map_or(u64::MAX, |lives| lives.len() as u64));
            for life in lives.into_iter().flatten() {
                self.number(life.node.0.into());
                self.incarnation(life.node, life.incarnation);
            }
        }
    }
}
