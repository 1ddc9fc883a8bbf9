//! All that a node can hear and say, one sentence each.

use std::time::Duration;

use super::ball::{BallId, BallState, Direction, Generation, Stamp};
use super::message::{Incarnation, Message};
use super::topology::NodeId;
use super::window_ball::{InvalidWindowBall, WindowBall};

/// What a node can hear.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A connection to this process of the peer is open, and its hello fits.
    LinkUp {
        /// Who.
        peer: NodeId,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// The connection to the peer is gone.
    LinkDown {
        /// Who.
        peer: NodeId,
    },
    /// A line came in on the peer's connection.
    Received {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: Message,
    },
    /// A peer refused us: another process of our name is already in the ring.
    Duplicate,
    /// The answer to [`Output::OpenWindow`].
    WindowAnswered {
        /// Which ball.
        ball: BallId,
        /// Whether the window takes a connection.
        open: bool,
    },
    /// What was to be given to a window certainly did not reach it.
    WindowSendFailed {
        /// Which ball.
        ball: BallId,
    },
    /// A ball came in from a window.
    FromWindow {
        /// The edge of this node's screen at which the window stands.
        edge: Direction,
        /// As the window wrote it.
        ball: WindowBall,
    },
    /// A ball that is not in the ring file is to begin here.
    AddGuest(BallState),
    /// This guest is to leave, wherever it is.
    RemoveGuest(BallId),
    /// The moment of [`super::Node::next_deadline`] has come.
    Tick,
    /// Pass on every ball and leave.
    Drain,
}

/// What a node can say; to be carried out in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// This node has the ball from now on: its LED on.
    LedOn(Possession),
    /// This node no longer has the ball: its LED off, before anything that follows.
    LedOff(Possession),
    /// One line for one peer.
    Send {
        /// Who.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// The same line for every connected peer.
    Broadcast(Message),
    /// Open a connection to the window at that edge, and say how that went.
    OpenWindow {
        /// For which ball.
        ball: BallId,
        /// The edge of this node's screen.
        edge: Direction,
    },
    /// Write the ball to the connection that was opened for it, and end it.
    SendToWindow {
        /// Which ball.
        ball: BallId,
        /// How the window is to know it.
        sent: WindowBall,
    },
    /// Something a person may want to read.
    Notify(Notification),
    /// Every ball is handed on, or the time for it is over: the process may end.
    Drained,
}

/// One stay of one ball on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Possession {
    /// Which ball.
    pub ball: BallId,
    /// Where the stay stands in the ball's history.
    pub stamp: Stamp,
}

/// Why a guest was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestRejected {
    /// As many are there as the ring file allows.
    Full,
    /// They come too fast.
    TooMany,
    /// This node does not vote yet, or is about to leave.
    NotReady,
    /// No majority agreed.
    NoMajority,
}

/// What happened beside the ordinary passing of a ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notification {
    /// This node asks the ring for a ball whose holder is silent.
    ElectionStarted {
        /// Which ball.
        ball: BallId,
        /// The generation it would begin.
        generation: Generation,
    },
    /// The ring gave the ball to this node.
    ElectionWon {
        /// Which ball.
        ball: BallId,
        /// The generation it began.
        generation: Generation,
        /// Who had it before, and how long ago that was last heard; `None` if nobody had.
        missed: Option<(NodeId, Duration)>,
    },
    /// The ring did not give the ball to this node.
    ElectionLost {
        /// Which ball.
        ball: BallId,
        /// The generation that was given up.
        generation: Generation,
        /// How many granted it, this node included.
        granted: usize,
    },
    /// No majority renewed the lease in time: the ball stands still here.
    Frozen {
        /// Which ball.
        ball: BallId,
    },
    /// A majority renewed the lease of a ball that stood still: it moves on.
    Unfrozen {
        /// Which ball.
        ball: BallId,
    },
    /// The ring went on with a newer generation: this node's copy is dropped.
    Retired {
        /// Which ball.
        ball: BallId,
        /// The generation of the dropped copy.
        generation: Generation,
    },
    /// A pass was never acknowledged; the ring will settle where the ball is.
    PassUnacknowledged {
        /// Which ball.
        ball: BallId,
        /// Who was to have it.
        to: NodeId,
    },
    /// A message was ignored: its numbers cannot be true.
    Implausible {
        /// Who sent it.
        from: NodeId,
    },
    /// A window did not return the ball in time: it goes on from here.
    LoanExpired {
        /// Which ball.
        ball: BallId,
        /// The edge at which the window stands.
        edge: Direction,
    },
    /// A window sent a copy of a ball that the ring had not lent, or no longer: it was not taken.
    LateCopyRefused {
        /// Which ball.
        ball: BallId,
        /// The edge at which the window stands.
        edge: Direction,
    },
    /// A window sent what can be no ball.
    InvalidWindowBall {
        /// The edge at which the window stands.
        edge: Direction,
        /// Why not.
        why: InvalidWindowBall,
    },
    /// A guest has begun here.
    GuestJoined {
        /// Which ball it is from now on.
        ball: BallId,
    },
    /// A guest was not let in.
    GuestRejected {
        /// Why not.
        why: GuestRejected,
    },
    /// A guest has left the ring from here.
    GuestLeft {
        /// Which ball.
        ball: BallId,
    },
    /// Another process has this node's name: no vote of ours counts until a full lease has passed.
    DuplicateNode,
}
