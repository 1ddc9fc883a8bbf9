//! Who else may have a ball: windows between two neighbours, and guests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ball::Direction;
use super::topology::{NodeId, Screen};

/// Programs that take a ball, show it and pass it on, but never say that they have it: the windows
/// between two neighbours.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowChain {
    /// The node on their left; `None` at the left end of a row.
    pub left: Option<NodeId>,
    /// The node on their right; `None` at the right end of a row.
    pub right: Option<NodeId>,
    /// From left to right; at least one.
    pub windows: Vec<Window>,
}

/// One program in a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Its name, no node's and no other window's.
    pub name: String,
    /// Its own screen.
    pub screen: Screen,
}

impl WindowChain {
    /// The window that a ball comes to which leaves a node for this gap in that direction.
    pub fn first(&self, direction: Direction) -> Option<&Window> {
        match direction {
            Direction::Right => self.windows.first(),
            Direction::Left => self.windows.last(),
        }
    }

    /// The node beyond, for a ball that crosses the gap in that direction.
    pub fn beyond(&self, direction: Direction) -> Option<NodeId> {
        match direction {
            Direction::Right => self.right,
            Direction::Left => self.left,
        }
    }
}

/// What becomes of a window's copy of a ball that the ring has not waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LateCopy {
    /// It is not taken.
    Refuse,
    /// It is taken as a new ball.
    Guest,
}

/// How the ring gets on with windows and with balls that are not in the ring file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalBallPolicy {
    /// How long the ring waits for a ball that a window has; at least a lease.
    pub loan: Duration,
    /// What becomes of a copy that comes after that.
    pub late_copy: LateCopy,
    /// At most so many balls that are not in the ring file, at a time.
    pub guests: u8,
    /// After so long they leave.
    pub guest_life: Duration,
}

/// The largest number of guests.
pub const MOST_GUESTS: u8 = 16;
