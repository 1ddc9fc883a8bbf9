//! Rule 13: an attempt to take a ball over, and a request that came too early for one.

use crate::ring::generation::{Generation, Record, Stamp};
use crate::ring::incarnation::Life;
use crate::ring::message::LeaseRequest;
use crate::ring::node_id::NodeSet;
use crate::ring::peers::Peers;
use crate::ring::time::Time;

/// This node's attempt to take a ball over.
#[derive(Clone, Debug)]
pub(in crate::ring) struct Takeover {
    /// The generation that it would begin.
    pub(super) generation: Generation,
    /// Who may come to hold the ball, besides this process.
    pub(super) needed: Vec<Life>,
    /// Whether they are asked for the promise, or only whether they hold the ball.
    pub(super) promise: bool,
    /// Who has answered that.
    pub(super) answered: NodeSet,
    /// The newest record of this node at the start: a holder that reports ends the attempt.
    pub(super) since: Stamp,
    /// The newest state among the answers.
    pub(super) newest: Option<Record>,
    /// To whom the node with that state has passed the ball, if it knows of no acknowledgement.
    pub(super) in_flight: Option<Life>,
    /// When the attempt is given up.
    pub(super) until: Time,
    /// When this node learned of the holder's end.
    pub(super) known_at: Time,
}

impl Takeover {
    /// Whether everyone has promised.
    pub(super) fn is_ready(&self) -> bool {
        self.promise && self.is_answered()
    }

    /// Notes what one answer says of the ball.
    pub(super) fn note_newest(&mut self, newest: Option<Record>, passing: Option<Life>) {
        let (known, told) = (
            self.newest.map(|newest| newest.stamp),
            newest.map(|newest| newest.stamp),
        );
        if told > known {
            self.newest = newest;
            self.in_flight = passing;
        } else if told == known {
            self.in_flight = self.in_flight.or(passing);
        }
    }

    /// Whether the ball may be on its way to a process that is there: then it shows itself.
    pub(super) fn is_in_flight(&self, peers: &Peers) -> bool {
        let to = self.in_flight;
        to.is_some_and(|to| peers.death_of(to.node, to.incarnation).is_none())
    }

    pub(super) fn is_answered(&self) -> bool {
        let mut nodes = self.needed.iter().map(|life| life.node);
        nodes.all(|node| self.answered.contains(node))
    }
}

/// A candidate's request that came before the obituary did.
#[derive(Clone, Debug)]
pub(in crate::ring) struct EarlyRequest {
    pub(in crate::ring) from: Life,
    pub(in crate::ring) seq: u64,
    pub(in crate::ring) request: LeaseRequest,
}
