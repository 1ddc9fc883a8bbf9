//! The content of a ring file without faults.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::led::LedConfig;
use crate::ring::Direction;
use crate::ring::window_chain::ExternalBallPolicy;
use crate::ring::{NodeId, OnPartition, Screen, Shape, Voters};

/// A ring file without faults.
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
    /// The windows; no two chains have the same neighbours.
    pub window_chains: Vec<WindowChainConfig>,
    /// The balls in the order of the file; may be empty.
    pub balls: Vec<BallConfig>,
}

/// `[ring]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// The ring's name.
    pub name: String,
    /// Whether the first and the last node are neighbours.
    pub shape: Shape,
    /// How long a holder keeps a ball without renewing its lease; from 50 ms to 60 s.
    pub lease: Duration,
    /// What nodes do that cannot reach a majority.
    pub on_partition: OnPartition,
    /// Which nodes vote.
    pub voters: Voters,
    /// The rules for loans to windows and for guests.
    pub external_balls: ExternalBallPolicy,
    /// Further host names and addresses under which HTTP clients may ask the nodes. The nodes need
    /// not agree on them.
    pub http_names: Vec<String>,
    /// The file with the ring's key, if it has one. A relative path of any layer begins at the folder
    /// of the ring file. No part of the topology: the links compare the key itself.
    pub key_file: Option<PathBuf>,
}

/// A node's TCP ports; never 0, no two the same on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// For the links to the other nodes.
    pub ring: u16,
    /// For the lab's messages.
    pub receiver: u16,
    /// For the lab's measurements.
    pub rate: u16,
    /// For the page and the status.
    pub http: u16,
    /// For balls from a window on the left; open only if there is one.
    pub window_left: u16,
    /// For balls from a window on the right; open only if there is one.
    pub window_right: u16,
}

/// One `[[node]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its name: 1 to 63 ASCII letters, digits, `.`, `_`, `-`, the first a letter or a digit.
    pub name: String,
    /// The name or address at which the others reach it; never begins with a dash.
    pub host: String,
    /// The destination for `ssh`; the host unless the file says otherwise; never begins with a dash.
    pub ssh: String,
    /// The address to listen on, if the file names one.
    pub listen: Option<IpAddr>,
    /// The LED that is on while the node possesses a ball.
    pub led: LedConfig,
    /// Its ports; those of `[ports]` where it sets none.
    pub ports: Ports,
}

/// One `[[ball]]`. Lengths are in pixels, y points upwards.
#[derive(Clone, Debug, PartialEq)]
pub struct BallConfig {
    /// The name of the node it starts at.
    pub start: String,
    /// The position of the centre, from the lower left corner of the screen.
    pub position: [f64; 2],
    /// The velocity in pixels a second; x is never 0.
    pub velocity: [f64; 2],
    /// The radius; less than half of the screen's shorter side.
    pub radius: f64,
    /// Red, green, blue.
    pub color: [u8; 3],
    /// How long it stays on each screen. If set, only the sign of the x of `velocity` counts.
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
    /// The window that a ball reaches first when it flies into this chain in that direction.
    pub fn first(&self, direction: Direction) -> Option<&WindowConfig> {
        match direction {
            Direction::Right => self.windows.first(),
            Direction::Left => self.windows.last(),
        }
    }

    /// The node from which balls fly into this chain in that direction.
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
    /// Its name; no node and no other window has it.
    pub name: String,
    /// Its own screen.
    pub screen: Screen,
    /// Where it takes balls that come from its left neighbour; `None` if it has none there, at the left
    /// end of a row.
    pub listen_left: Option<Endpoint>,
    /// Where it takes balls that come from its right neighbour; `None` if it has none there, at the
    /// right end of a row.
    pub listen_right: Option<Endpoint>,
}

impl WindowConfig {
    /// Where it takes a ball that flies in that direction, if one can come from there.
    pub fn entrance(&self, direction: Direction) -> Option<&Endpoint> {
        match direction {
            Direction::Right => self.listen_left.as_ref(),
            Direction::Left => self.listen_right.as_ref(),
        }
    }
}
