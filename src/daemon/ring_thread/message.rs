//! What the services ask of the ring's thread, and what it tells them.

use std::time::Duration;

use crate::control::Request;
use crate::daemon::leds::Leds;
use crate::http::LedStatus;
use crate::net::{self, LinkReport};
use crate::ring::view::View;
use crate::ring::{BallId, Direction, GuestRejected, Input, Notification, Time, WindowBall};

/// A request to the ring's thread.
#[allow(
    clippy::large_enum_variant,
    reason = "most commands that are large are inputs; a box would cost each an allocation"
)]
pub(in crate::daemon) enum Command {
    /// A new connection, or what is to become of the links.
    Net(net::Event),
    /// An input for the node.
    Input(Input),
    /// What the node knows now, as a [`Report::Snapshot`] of that number.
    Snapshot(u64),
    /// A request at the control socket, answered as a [`Report::Answer`] of that number.
    Control(u64, Request),
    /// Another LED: opened once the old one is off and released.
    ReplaceLed(Box<dyn FnOnce() -> Leds + Send>),
    /// The ring file is being read again, since then: CLOCK_MONOTONIC in microseconds.
    Reloading(u64),
    /// It was read; the text stands in front of the status that the service manager shows.
    Reloaded(Option<&'static str>),
    /// The services still run: the answer to [`Report::Probe`].
    ServicesRun,
    /// Hand every ball on and end.
    Drain,
}

/// News of the ring's thread.
pub(in crate::daemon) enum Report {
    /// What has become of a connection.
    Link(LinkReport),
    /// The answer to [`Command::Snapshot`].
    Snapshot(u64, Box<Snapshot>),
    /// The answer to [`Command::Control`].
    Answer(u64, Box<Answer>),
    /// A connection to a window is to be opened.
    OpenWindow(BallId, Direction),
    /// The ball goes to the window on the connection that was opened for it.
    SendToWindow(BallId, WindowBall),
    /// The connection that was opened for that ball is not used.
    WindowUnused(BallId),
    /// Do the services still run?
    Probe,
    /// Something that a person may want to read.
    Notification(Notification),
    /// A line for the log.
    Log(tracing::Level, String),
    /// So many notifications had no room.
    NotificationsLost(u64),
    /// The node has left the ring; or why its thread had to end.
    Ended(std::io::Result<()>),
}

/// What the node knew at one moment.
pub(in crate::daemon) struct Snapshot {
    pub(in crate::daemon) now: Time,
    pub(in crate::daemon) view: View,
    pub(in crate::daemon) led: LedStatus,
    /// How often the thread ran too late, and by how much at most.
    pub(in crate::daemon) stalls: u64,
    pub(in crate::daemon) longest_stall: Duration,
}

/// What came of a request at the control socket.
pub(in crate::daemon) struct Answer {
    /// The request, and why it was refused without asking the node.
    pub(in crate::daemon) request: Request,
    pub(in crate::daemon) refused: Option<String>,
    /// Why the node turned a guest away.
    pub(in crate::daemon) rejected: Option<GuestRejected>,
    pub(in crate::daemon) snapshot: Snapshot,
}
