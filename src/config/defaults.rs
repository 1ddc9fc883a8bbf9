//! Every default: what holds for a key that neither the ring file, nor the environment, nor a flag
//! sets.
//!
//! `config/ring.toml` shows them; a test in `schema.rs` compares. The heartbeat is no key: it is a
//! quarter of the lease, see [`Topology::heartbeat`].

use std::time::Duration;

use super::types::Ports;
use crate::led::LedConfig;
use crate::ring::window_chain::{ExternalBallPolicy, LateCopy};
use crate::ring::{OnPartition, Screen, Shape, Topology, Voters};

/// `[ring] lease`
pub const LEASE: Duration = Duration::from_millis(500);

/// `[ring] shape`
pub const SHAPE: Shape = Shape::Ring;

/// `[ring] on-partition`
pub const ON_PARTITION: OnPartition = OnPartition::Freeze;

/// `[ring] voters`: so many, or all nodes of a ring that has no more. Three of seven may be missing, and a holder
/// asks no more of them, however large the ring is.
pub const VOTERS: usize = 7;

/// `[ring] loan`
pub const LOAN: Duration = Duration::from_secs(60);

/// `[ring] late-copy`
pub const LATE_COPY: LateCopy = LateCopy::Refuse;

/// `[ring] guests`
pub const GUESTS: u8 = 4;

/// `[ring] guest-life`
pub const GUEST_LIFE: Duration = Duration::from_secs(5 * 60);

/// `[ring] http-names`
pub const HTTP_NAMES: Vec<String> = Vec::new();

/// `[screen]`, and the screen of a window
pub const SCREEN: Screen = Screen {
    width: 800.0,
    height: 600.0,
};

/// `[ports]`; a window listens on the same two ports for windows as a node.
pub const PORTS: Ports = Ports {
    ring: 7700,
    receiver: 10_000,
    rate: 10_100,
    http: 8080,
    window_left: 10_001,
    window_right: 10_002,
};

/// `led` of a `[[node]]`
pub const LED: LedConfig = LedConfig::None;

/// `radius` of a `[[ball]]`
pub const BALL_RADIUS: f64 = 30.0;

/// `color` of a `[[ball]]`
pub const BALL_COLOR: [u8; 3] = [255, 64, 0];

impl Default for Topology {
    /// A ring with the defaults of the ring file, but with no name, node, ball or window, and with
    /// no room for guests.
    fn default() -> Self {
        Self {
            ring: String::new(),
            nodes: Vec::new(),
            shape: SHAPE,
            lease: LEASE,
            on_partition: ON_PARTITION,
            voters: Voters::Number(VOTERS),
            screen: SCREEN,
            balls: Vec::new(),
            window_chains: Vec::new(),
            external_balls: ExternalBallPolicy {
                loan: LOAN,
                late_copy: LATE_COPY,
                guests: 0,
                guest_life: GUEST_LIFE,
            },
        }
    }
}
