//! Balls outside the nodes and the ring file: windows between two neighbours, and guests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::motion::{Direction, Screen};
use super::node_id::NodeId;

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

/// One window program.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Its name, no node's and no other window's.
    pub name: String,
    /// Its own screen.
    pub screen: Screen,
}

impl WindowChain {
    /// The window that a ball reaches first when it leaves a node in that direction.
    pub fn first(&self, direction: Direction) -> Option<&Window> {
        match direction {
            Direction::Right => self.windows.first(),
            Direction::Left => self.windows.last(),
        }
    }

    /// The node beyond the windows, for a ball that flies in that direction.
    pub fn beyond(&self, direction: Direction) -> Option<NodeId> {
        match direction {
            Direction::Right => self.right,
            Direction::Left => self.left,
        }
    }
}

/// What becomes of a window's copy of a ball that it was not lent, or had too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LateCopy {
    /// It is refused.
    Refuse,
    /// It joins as a guest.
    Guest,
}

/// How the ring treats windows and balls that are not in the ring file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalBallPolicy {
    /// How long the ring waits for a ball that a window has; at least a lease.
    pub loan: Duration,
    /// What becomes of a copy that comes back after that.
    pub late_copy: LateCopy,
    /// The largest number of guests at a time.
    pub guests: u8,
    /// How long a guest stays.
    pub guest_life: Duration,
}

/// The largest number of guests.
pub const MOST_GUESTS: u8 = 16;

/// This many guests may join at one node at once, when none joined for a while.
pub(super) const GUEST_BURST: u32 = 4;

/// Then one guest may join in this time.
pub(super) const GUEST_INTERVAL: Duration = Duration::from_secs(1);
