//! All inputs and outputs of a node, one sentence each.

use std::time::Duration;

use super::generation::{BallId, Generation, Stamp};
use super::message::{Incarnation, Message};
use super::motion::{BallState, Direction};
use super::node_id::{NodeId, NodeSet};
use super::window_ball::{InvalidWindowBall, WindowBall};

/// What a node reacts to.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a pass is the common message; a box would cost an allocation a hop"
)]
pub enum Input {
    /// A connection to this process of the peer is open, and its hello fits.
    LinkUp {
        /// The peer.
        peer: NodeId,
        /// Its process.
        incarnation: Incarnation,
    },
    /// The connection to the peer is gone.
    LinkDown {
        /// The peer.
        peer: NodeId,
    },
    /// This process of the peer has ended, by proof of the computer on which it ran: it will never act again.
    Died {
        /// The peer.
        peer: NodeId,
        /// The process that has ended.
        incarnation: Incarnation,
    },
    /// A line came in on the peer's connection.
    Received {
        /// The sender.
        from: NodeId,
        /// The parsed line.
        message: Message,
    },
    /// A peer refused a connection: another process of this node's name is already in the ring.
    Duplicate,
    /// The answer to [`Output::OpenWindow`].
    WindowAnswered {
        /// The ball.
        ball: BallId,
        /// Whether the window accepted a connection.
        open: bool,
    },
    /// The ball of an [`Output::SendToWindow`] certainly did not reach the window.
    WindowSendFailed {
        /// The ball.
        ball: BallId,
    },
    /// A ball came in from a window.
    FromWindow {
        /// The edge of this node's screen at which the window stands.
        edge: Direction,
        /// The ball as the window sent it.
        ball: WindowBall,
    },
    /// A ball that is not in the ring file is to join here.
    AddGuest(BallState),
    /// This guest is to leave the ring, wherever it is.
    RemoveGuest(BallId),
    /// A connection from this peer was refused, as the link to it is open: is it there?
    Contested {
        /// The peer.
        peer: NodeId,
    },
    /// The moment of [`super::Node::next_deadline`] has come.
    Tick,
    /// Pass on every ball and leave.
    Drain,
}

/// What is to be done, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// This node possesses the ball from now on: switch the LED on.
    LedOn(Possession),
    /// This node no longer possesses the ball: switch the LED off, before anything that follows.
    LedOff(Possession),
    /// Send one line to one peer.
    Send {
        /// The receiver.
        to: NodeId,
        /// The line.
        message: Message,
    },
    /// Send the same line to every connected peer.
    Broadcast(Message),
    /// Send the same line to those of these peers that are connected.
    Multicast {
        /// The receivers.
        to: NodeSet,
        /// The line.
        message: Message,
    },
    /// Open a connection to the window at that edge, and report the result as [`Input::WindowAnswered`].
    OpenWindow {
        /// The ball that is to be lent.
        ball: BallId,
        /// The edge of this node's screen.
        edge: Direction,
    },
    /// Write the ball to the connection that was opened for it, and close that.
    SendToWindow {
        /// The ball.
        ball: BallId,
        /// The ball in the window's units.
        sent: WindowBall,
    },
    /// Something that a person may want to read.
    Notify(Notification),
    /// Every ball is passed on, or the time for that is over: the process may end.
    Drained,
}

impl Output {
    /// The line that goes to several peers, if this is one.
    pub fn line_to_several(&self) -> Option<&Message> {
        match self {
            Self::Broadcast(message) | Self::Multicast { message, .. } => Some(message),
            Self::LedOn(_)
            | Self::LedOff(_)
            | Self::Send { .. }
            | Self::OpenWindow { .. }
            | Self::SendToWindow { .. }
            | Self::Notify(_)
            | Self::Drained => None,
        }
    }
}

/// One possession of one ball by one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Possession {
    /// The ball.
    pub ball: BallId,
    /// Its place in the ball's history.
    pub stamp: Stamp,
}

/// Why a guest could not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestRejected {
    /// The ring has as many guests as the ring file allows.
    Full,
    /// Guests come faster than the rate limit allows.
    TooMany,
    /// This node does not vote yet, or is about to leave.
    NotReady,
    /// No majority agreed.
    NoMajority,
}

/// What happened, beyond the ordinary passing of a ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notification {
    /// This node became a candidate for a ball whose holder is silent.
    ElectionStarted {
        /// The ball.
        ball: BallId,
        /// The generation it would begin.
        generation: Generation,
    },
    /// A quorum elected this node holder.
    ElectionWon {
        /// The ball.
        ball: BallId,
        /// The generation it began.
        generation: Generation,
        /// The holder before, and how long ago it was last heard of; `None` if none was known.
        missed: Option<(NodeId, Duration)>,
        /// How long this node had known of the end of that holder's process, where the ball was taken over before its lease
        /// had run out (rule 13); `None` if the lease decided.
        death: Option<Duration>,
    },
    /// No quorum elected this node.
    ElectionLost {
        /// The ball.
        ball: BallId,
        /// The generation that was given up.
        generation: Generation,
        /// The number of voters that granted it, this node included.
        granted: usize,
    },
    /// No quorum renewed the lease in time: the ball stands still here.
    Frozen {
        /// The ball.
        ball: BallId,
    },
    /// A quorum renewed the lease of a frozen ball: it moves again.
    Unfrozen {
        /// The ball.
        ball: BallId,
    },
    /// Another node knows a newer generation: this node's copy is dropped.
    SteppedDown {
        /// The ball.
        ball: BallId,
        /// The generation of the dropped copy.
        generation: Generation,
    },
    /// Another node holds the ball in the same generation, or remembers a later hop of it, because a peer
    /// has lied or its memory was corrupt: this node's copy is dropped.
    DoubleDropped {
        /// The ball.
        ball: BallId,
        /// The place of the dropped copy in the ball's history.
        stamp: Stamp,
    },
    /// A pass was not acknowledged in time; an election will decide who has the ball.
    PassUnacknowledged {
        /// The ball.
        ball: BallId,
        /// The receiver of the pass.
        to: NodeId,
    },
    /// A message was ignored: its numbers are outside the limits.
    Implausible {
        /// Who sent it.
        from: NodeId,
    },
    /// A window did not return the ball before its loan was over: it goes on from here.
    LoanExpired {
        /// The ball.
        ball: BallId,
        /// The edge at which the window stands.
        edge: Direction,
    },
    /// A window sent a copy of a ball that it was not lent, or had too long: it was refused.
    LateCopyRefused {
        /// The ball.
        ball: BallId,
        /// The edge at which the window stands.
        edge: Direction,
    },
    /// A window sent values that no ball can have.
    InvalidWindowBall {
        /// The edge at which the window stands.
        edge: Direction,
        /// The reason.
        why: InvalidWindowBall,
    },
    /// A guest has joined here.
    GuestJoined {
        /// Its number from now on.
        ball: BallId,
    },
    /// A guest was rejected.
    GuestRejected {
        /// The reason.
        why: GuestRejected,
    },
    /// A guest has left the ring from here.
    GuestLeft {
        /// The ball.
        ball: BallId,
    },
    /// Another process has this node's name: this one does not vote until a full lease has passed.
    DuplicateNode,
}
