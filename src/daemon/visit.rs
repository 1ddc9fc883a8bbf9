//! What comes to the loop that is not of the ring itself.

use smol::channel::Sender;

use crate::control::{Reply, Request};
use crate::ring::BallId;
use crate::window::{self, OpenConnection};

/// One visit.
pub(super) enum Visit {
    /// A window's answer to a call.
    Answer(Answer),
    /// A ball from a window.
    Ball(window::Event),
    /// A person at the control socket.
    Request(Call),
}

/// A window's answer to a call for a ball: a connection, if it takes one.
pub(super) struct Answer {
    pub(super) ball: BallId,
    pub(super) open: Option<OpenConnection>,
}

/// One question, and the way back for its answer.
pub(super) struct Call {
    pub(super) request: Request,
    pub(super) answer: Sender<Reply>,
}
