//! What a ring file says, once it is without faults.

use std::net::IpAddr;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::led::LedConfig;
use crate::ring::ball::Direction;
use crate::ring::topology::{NodeId, OnPartition, Screen, Shape};
use crate::ring::window_chain::ExternalBallPolicy;

/// A ring without faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[ring]`
    pub ring: RingConfig,
    /// Every node's screen.
    pub screen: Screen,
    /// The ports of nodes that set none of their own.
    pub ports: Ports,
    /// The nodes that run carom, in ring order; at least one, no two with one name.
    pub nodes: Vec<NodeConfig>,
    /// Where windows stand; no two with the same neighbours.
    pub window_chains: Vec<WindowChainConfig>,
    /// The balls in the order of the file; may be empty.
    pub balls: Vec<BallConfig>,
}

/// `[ring]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// The ring's name.
    pub name: String,
    /// What is beyond the ends.
    pub shape: Shape,
    /// How long a silent holder keeps a ball; from 50 ms to 60 s.
    pub lease: Duration,
    /// What a minority does.
    pub on_partition: OnPartition,
    /// Loans to windows, and guests.
    pub external_balls: ExternalBallPolicy,
}

/// A node's TCP ports; never 0, no two the same on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// For the other nodes.
    pub ring: u16,
    /// For messages.
    pub receiver: u16,
    /// For measurements.
    pub rate: u16,
    /// For the page and the status.
    pub http: u16,
    /// For balls from a window on the left; listened on only where there is one.
    pub window_left: u16,
    /// For balls from a window on the right; listened on only where there is one.
    pub window_right: u16,
}

/// One `[[node]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its name: 1 to 63 ASCII letters, digits, `.`, `_`, `-`, the first a letter or a digit.
    pub name: String,
    /// The name or address at which the others reach it; never begins with a dash.
    pub host: String,
    /// What to hand to `ssh`; the host unless the file says otherwise; never begins with a dash.
    pub ssh: String,
    /// The address to listen on, if it is not to be found out from the host.
    pub listen: Option<IpAddr>,
    /// What lights while a ball is here.
    pub led: LedConfig,
    /// Its ports, those of `[ports]` filled in.
    pub ports: Ports,
}

/// One `[[ball]]`. Lengths in pixels, y upwards.
#[derive(Clone, Debug, PartialEq)]
pub struct BallConfig {
    /// The name of the node it starts at.
    pub start: String,
    /// Of the centre, from the lower left corner; on the screen.
    pub position: [f64; 2],
    /// In pixels a second; x is never 0.
    pub velocity: [f64; 2],
    /// Under half of the screen's shorter side.
    pub radius: f64,
    /// Red, green, blue.
    pub color: [u8; 3],
    /// How long it stays on each screen; then x of the velocity only says which way it flies.
    pub dwell: Option<Duration>,
}

/// Windows side by side, with the nodes that hand balls to them.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowChainConfig {
    /// The node on their left; `None` at the left end of a row.
    pub left: Option<NodeId>,
    /// The node on their right; `None` at the right end of a row.
    pub right: Option<NodeId>,
    /// From left to right; at least one.
    pub windows: Vec<WindowConfig>,
}

impl WindowChainConfig {
    /// The window that a ball comes to which leaves a node for this gap in that direction.
    pub fn first(&self, direction: Direction) -> Option<&WindowConfig> {
        match direction {
            Direction::Right => self.windows.first(),
            Direction::Left => self.windows.last(),
        }
    }

    /// The node that hands balls flying in that direction to this gap.
    pub fn before(&self, direction: Direction) -> Option<NodeId> {
        match direction {
            Direction::Right => self.left,
            Direction::Left => self.right,
        }
    }
}

/// One `[[node]]` with `kind = "window"`: a program that shows a ball and passes it on.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowConfig {
    /// Its name; no node's and no other window's.
    pub name: String,
    /// Its own screen.
    pub screen: Screen,
    /// Where it takes balls that come from its left neighbour.
    pub listen_left: Endpoint,
    /// Where it takes balls that come from its right neighbour.
    pub listen_right: Endpoint,
}

impl WindowConfig {
    /// Where it takes a ball that flies in that direction.
    pub fn entrance(&self, direction: Direction) -> &Endpoint {
        match direction {
            Direction::Right => &self.listen_left,
            Direction::Left => &self.listen_right,
        }
    }
}
