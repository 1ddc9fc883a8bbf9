//! The state of one ball at this node: both parts that the node plays for it.

use std::collections::VecDeque;

use super::attempt::{EarlyRequest, Takeover};
use super::holder::{HeldBall, HolderState};
use super::voter::Voter;
use crate::ring::context::{Context, NamedCover};
use crate::ring::cover::{Cover, CoverDigest};
use crate::ring::generation::{BallId, Generation, Stamp};
use crate::ring::motion::BallState;
use crate::ring::node_id::NodeId;
use crate::ring::time::Time;
use crate::ring::topology::InitialBall;

/// One ball of the ring file, or one number kept for a guest.
#[derive(Clone, Debug)]
pub(in crate::ring) struct Ball {
    pub(in crate::ring) id: BallId,
    /// As the ring file has it; `None` for a guest.
    pub(in crate::ring) initial: Option<InitialBall>,
    /// The guest for which this node is a candidate, as it is to begin.
    pub(in crate::ring) newcomer: Option<BallState>,
    pub(in crate::ring) voter: Voter,
    pub(in crate::ring) holding: HolderState,
    /// The highest round in anyone's messages.
    pub(in crate::ring) highest_round: u64,
    /// No election before this.
    pub(in crate::ring) not_before: Time,
    /// The newest stamp of which this node has heard only as the answer to an election that it lost.
    pub(in crate::ring) elsewhere: Option<Stamp>,
    /// A pass that is not acknowledged yet, and its sender.
    pub(in crate::ring) pending_ack: Option<(NodeId, Stamp)>,
    /// The latest pass of this node.
    pub(in crate::ring) passed_on: Option<Stamp>,
    /// The covers that holders and candidates have named lately (rule 13).
    pub(in crate::ring) known_covers: VecDeque<NamedCover>,
    /// This process has promised to hold no generation below this one.
    pub(in crate::ring) fence: Option<Generation>,
    /// This node's attempt to take the ball over.
    pub(in crate::ring) takeover: Option<Takeover>,
    /// No attempt before this.
    pub(in crate::ring) takeover_not_before: Time,
    /// Whether this node has made an attempt since the last obituary.
    pub(in crate::ring) tried: bool,
    /// A request that may be granted when an obituary comes.
    pub(in crate::ring) early: Option<EarlyRequest>,
}

/// So many covers are known at a time: one or two, except while nodes come and go.
const MOST_KNOWN_COVERS: usize = 4;

impl Ball {
    /// A ball of which nothing is known yet.
    pub(in crate::ring) fn new(id: BallId, initial: Option<InitialBall>, now: Time) -> Self {
        Self {
            id,
            initial,
            newcomer: None,
            voter: Voter::default(),
            holding: HolderState::None,
            highest_round: 0,
            not_before: now,
            elsewhere: None,
            pending_ack: None,
            passed_on: None,
            known_covers: VecDeque::new(),
            fence: None,
            takeover: None,
            takeover_not_before: now,
            tried: false,
            early: None,
        }
    }

    /// A holder or a candidate has named that cover.
    pub(in crate::ring) fn note_known_cover(&mut self, cover: Option<&Cover>) {
        let Some(cover) = cover else { return };
        if self.known_covers.iter().any(|known| known.cover == *cover) {
            return;
        }
        if self.known_covers.len() >= MOST_KNOWN_COVERS {
            self.known_covers.pop_front();
        }
        self.known_covers.push_back(cover.clone().into());
    }

    /// The cover of that digest, if this node knows it.
    pub(in crate::ring) fn cover_of<'a>(
        &'a self,
        context: &'a Context,
        digest: CoverDigest,
    ) -> Option<&'a Cover> {
        let known = context.cover.iter().chain(&self.known_covers);
        let mut known = known.filter(|named| named.digest == digest);
        known.next().map(|named| &named.cover)
    }

    pub(in crate::ring) fn is_guest(&self) -> bool {
        self.initial.is_none()
    }

    /// Whether this node stands for an election.
    pub(in crate::ring) fn is_candidate(&self) -> bool {
        matches!(self.holding, HolderState::Electing(_))
    }

    pub(in crate::ring) fn held(&self) -> Option<&HeldBall> {
        match &self.holding {
            HolderState::Held(held) => Some(held),
            HolderState::None | HolderState::Passing(_) | HolderState::Electing(_) => None,
        }
    }

    pub(in crate::ring) fn held_mut(&mut self) -> Option<&mut HeldBall> {
        match &mut self.holding {
            HolderState::Held(held) => Some(held),
            HolderState::None | HolderState::Passing(_) | HolderState::Electing(_) => None,
        }
    }

    /// The newest state known, else the one of the ring file; `None` for a guest that is not there.
    pub(in crate::ring) fn last_known_state(&self) -> Option<BallState> {
        let newest = self.voter.newest().map(|newest| newest.state);
        newest.or(self.initial.map(|initial| initial.state))
    }

    /// Notes a generation from a message, so that this node's next election goes above it.
    pub(in crate::ring) fn note_generation(&mut self, generation: Option<Generation>) {
        if let Some(generation) = generation {
            self.highest_round = self.highest_round.max(generation.round);
        }
    }

    /// The highest round known from messages, from this node's own vote and from its promise.
    pub(in crate::ring) fn highest_known_round(&self) -> u64 {
        let promised = self.fence.map_or(0, |fence| fence.round);
        let known = self.highest_round.max(self.voter.highest_round());
        known.max(promised)
    }
}
