//! What a node remembers, in the words of the proof (`proof/vocabulary.py`).
//!
//! The simulator compares it after every step with what the actions of the proof lead to. The shipped binary
//! never calls any of this, so it does not contain it.

use super::ball::{Ball, HolderState};
use super::cover::Cover;
use super::generation::{BallId, Generation, Stamp};
use super::node::Node;
use super::time::Time;

/// What a node remembers of one ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbstractBall {
    /// The ball.
    pub ball: BallId,
    /// The generation that has the vote, and until when; the vote may have run out. `None` where the node is no
    /// voter.
    pub vote: Option<(Generation, Time)>,
    /// The stamp of the newest record.
    pub newest: Option<Stamp>,
    /// Guests up to this generation have left.
    pub tombstone: Option<Generation>,
    /// The copy, if the node holds one.
    pub copy: Option<AbstractCopy>,
    /// The generation for which the node is a candidate.
    pub standing: Option<Generation>,
    /// The node has promised to hold no generation below this one.
    pub fence: Option<Generation>,
}

/// A holder's copy of a ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbstractCopy {
    /// Generation and hop.
    pub stamp: Stamp,
    /// Until when the holder may act, on its own clock.
    pub deadline: Time,
    /// Whether a window has the ball, or has just returned it.
    pub lent: bool,
    /// Whether the ball is a guest that is leaving.
    pub retiring: bool,
}

impl AbstractBall {
    /// What a node that has just started remembers of a ball: nothing.
    pub const fn nothing(ball: BallId) -> Self {
        Self {
            ball,
            vote: None,
            newest: None,
            tombstone: None,
            copy: None,
            standing: None,
            fence: None,
        }
    }
}

impl Node {
    /// What this node remembers of each ball, in the order of their numbers.
    pub fn abstract_balls(&self) -> impl Iterator<Item = AbstractBall> {
        let votes = self.context.votes(self.context.me);
        self.balls
            .values()
            .map(move |ball| abstract_ball(ball, votes))
    }

    /// Whom this node names as the cover of its requests; `None` where everyone is meant.
    pub fn named_cover(&self) -> Option<&Cover> {
        self.context.cover.as_ref().map(|named| &named.cover)
    }

    /// When this node's quarantine ends, on its own clock.
    pub fn quarantine_until(&self) -> Time {
        self.context.quarantine_until
    }
}

fn abstract_ball(ball: &Ball, votes: bool) -> AbstractBall {
    // The vote of a node that is no voter counts for nothing: the proof has none.
    let vote = ball.voter.lease().filter(|_| votes);
    let (copy, standing) = match &ball.holding {
        HolderState::Held(held) => {
            let copy = AbstractCopy {
                stamp: held.stamp,
                deadline: held.deadline,
                lent: held.is_lent(),
                retiring: held.is_retiring(),
            };
            (Some(copy), None)
        }
        HolderState::Electing(election) => (None, Some(election.generation)),
        HolderState::None | HolderState::Passing(_) => (None, None),
    };
    AbstractBall {
        ball: ball.id,
        vote: vote.map(|lease| (lease.generation, lease.until)),
        newest: ball.voter.newest().map(|newest| newest.stamp),
        tombstone: ball.voter.tombstone(),
        copy,
        standing,
        fence: ball.fence,
    }
}
