//! Arbitrary memory of one ball, for tests of rule 11.

use super::holder::{Election, HeldBall, HolderState, Passing};
use super::state::Ball;
use crate::ring::cover::CoverDigest;
use crate::ring::generation::{Generation, Record, Stamp};
use crate::ring::incarnation::Life;
use crate::ring::lineage::{Lineage, Renewal};
use crate::ring::message::Incarnation;
use crate::ring::node_id::{NodeId, NodeSet};
use crate::ring::time::Time;

/// What is put in place of a ball's memory.
pub(in crate::ring) struct Corruption {
    pub(in crate::ring) lease: Option<(Generation, Time, Option<Renewal>)>,
    pub(in crate::ring) newest: Option<Record>,
    pub(in crate::ring) holder: Option<NodeId>,
    pub(in crate::ring) heard_at: Option<Time>,
    pub(in crate::ring) tombstone: Option<Generation>,
    pub(in crate::ring) highest_round: u64,
    pub(in crate::ring) not_before: Time,
    pub(in crate::ring) pending_ack: Option<(NodeId, Stamp)>,
    /// 0 to 3: nothing, holder, passing, candidate.
    pub(in crate::ring) role: u8,
    pub(in crate::ring) record: Record,
    pub(in crate::ring) deadline: Time,
    pub(in crate::ring) since: Time,
    pub(in crate::ring) renew_at: Time,
    pub(in crate::ring) lineage: Lineage,
    pub(in crate::ring) peer: NodeId,
    pub(in crate::ring) seq: u64,
    pub(in crate::ring) nodes: NodeSet,
    pub(in crate::ring) covered: (Vec<(Life, Time)>, Option<Time>),
    pub(in crate::ring) cover: Option<CoverDigest>,
    pub(in crate::ring) fence: Option<Generation>,
}

impl Ball {
    /// Replaces the memory of this ball.
    pub(in crate::ring) fn corrupt(&mut self, with: Corruption) {
        let Record { stamp, state } = with.record;
        self.voter.corrupt(
            with.lease,
            with.newest,
            with.holder,
            with.heard_at,
            with.tombstone,
        );
        let (covered, unlimited_until) = with.covered;
        self.voter.covered.corrupt(covered, unlimited_until);
        self.fence = with.fence;
        self.takeover = None;
        self.takeover_not_before = with.not_before;
        self.highest_round = with.highest_round;
        self.not_before = with.not_before;
        self.pending_ack = with.pending_ack;
        self.holding = match with.role {
            0 => HolderState::None,
            1 => {
                let mut held =
                    HeldBall::new(stamp, state, with.deadline, with.renew_at, with.lineage);
                held.cover = with.cover;
                held.moving_since = Some(with.since).filter(|_| with.seq.is_multiple_of(2));
                HolderState::Held(held)
            }
            2 => HolderState::Passing(Passing {
                record: with.record,
                to: with.peer,
                to_incarnation: Incarnation(with.seq),
                deadline: with.deadline,
                lineage: with.lineage,
                cover: with.cover,
            }),
            _ => HolderState::Electing(Election {
                generation: stamp.generation,
                seq: with.seq,
                sent: with.since,
                closes: with.deadline,
                asked: with.nodes,
                answered: NodeSet::default(),
                granted: with.nodes,
                opposed: false,
                rivalry: None,
                quarantined: Vec::new(),
                newest: with.newest,
                cover: with.cover,
                death: Some(with.since).filter(|_| with.seq.is_multiple_of(2)),
            }),
        };
    }
}
