//! The state of one ball at this node: both parts that the node plays for it.

use super::holder::{HeldBall, HolderState};
use super::voter::Voter;
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
}

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
        }
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

    /// The highest round known from messages and from this node's own vote.
    pub(in crate::ring) fn highest_known_round(&self) -> u64 {
        self.highest_round.max(self.voter.highest_round())
    }
}
