//! What comes to the services from outside the ring: windows, and people at the control socket.

use smol::channel::Sender;

use crate::control::{Reply, Request};
use crate::ring::BallId;
use crate::window::{self, OpenConnection};

/// One input from outside the ring.
pub(super) enum ExternalInput {
    /// A window accepted or refused a connection for a ball.
    WindowAnswered(WindowAnswer),
    /// A window sent a ball.
    FromWindow(window::Event),
    /// A person asked for something at the control socket.
    Control(ControlRequest),
}

/// The result of opening a connection to a window for a ball.
pub(super) struct WindowAnswer {
    pub(super) ball: BallId,
    /// The connection; `None` if the window takes no ball now.
    pub(super) open: Option<OpenConnection>,
}

/// One request at the control socket, and the channel for its reply.
pub(super) struct ControlRequest {
    pub(super) request: Request,
    pub(super) reply: Sender<Reply>,
}
