//! The configuration while it is being read: whatever could be read so far, with its places.

use std::net::IpAddr;
use std::time::Duration;

use super::place::{At, Spot};
use super::window::{self, WindowConfig};
use super::{BallConfig, Config, LedConfig, NodeConfig, Ports, RingConfig};
use crate::endpoint::Endpoint;
use crate::ring::window_chain::{ExternalBallPolicy, LateCopy};
use crate::ring::{OnPartition, Screen, Shape};

/// All that could be read; what is `None` was left out or has been reported.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) ring: RingDraft,
    pub(super) width: Option<At<f64>>,
    pub(super) height: Option<At<f64>>,
    pub(super) ports: PortsDraft,
    /// `None` if not even their number is known.
    pub(super) nodes: Option<Vec<NodeDraft>>,
    /// In the order of the file.
    pub(super) windows: Vec<WindowDraft>,
    pub(super) balls: Vec<BallDraft>,
}

/// `[ring]`
#[derive(Debug, Default)]
pub(super) struct RingDraft {
    pub(super) name: Option<At<String>>,
    pub(super) shape: Option<At<Shape>>,
    pub(super) lease: Option<At<Duration>>,
    pub(super) on_partition: Option<At<OnPartition>>,
    pub(super) loan: Option<At<Duration>>,
    pub(super) late_copy: Option<At<LateCopy>>,
    pub(super) guests: Option<At<u8>>,
    pub(super) guest_life: Option<At<Duration>>,
}

impl RingDraft {
    fn finish(self) -> Option<RingConfig> {
        Some(RingConfig {
            name: self.name?.value,
            shape: self.shape?.value,
            lease: self.lease?.value,
            on_partition: self.on_partition?.value,
            external_balls: ExternalBallPolicy {
                loan: self.loan?.value,
                late_copy: self.late_copy?.value,
                guests: self.guests?.value,
                guest_life: self.guest_life?.value,
            },
        })
    }
}

/// `[ports]`, or what a node overrides of it, in the order of the schema.
#[derive(Debug, Default)]
pub(super) struct PortsDraft(pub(super) [Option<At<u16>>; 6]);

impl PortsDraft {
    /// These ports, and the defaults for those that are not here.
    pub(super) fn over<'draft>(
        &'draft self,
        defaults: &'draft Self,
    ) -> [Option<&'draft At<u16>>; 6] {
        let mut pairs = self.0.iter().zip(&defaults.0);
        std::array::from_fn(|_| {
            let (own, default) = pairs.next()?;
            own.as_ref().or(default.as_ref())
        })
    }

    fn finish(&self, defaults: &Self) -> Option<Ports> {
        let [ring, receiver, rate, http, window_left, window_right] = self.over(defaults);
        Some(Ports {
            ring: ring?.value,
            receiver: receiver?.value,
            rate: rate?.value,
            http: http?.value,
            window_left: window_left?.value,
            window_right: window_right?.value,
        })
    }
}

/// One `[[node]]`
#[derive(Debug)]
pub(super) struct NodeDraft {
    /// What it calls itself, right or wrong.
    pub(super) label: Option<String>,
    /// Its path in reports.
    pub(super) key: String,
    pub(super) name: Option<At<String>>,
    pub(super) host: Option<At<String>>,
    pub(super) ssh: Option<At<String>>,
    pub(super) listen: Option<At<IpAddr>>,
    /// At what no other node may use: the pin, the name, or the path.
    pub(super) led: Option<At<LedConfig>>,
    pub(super) ports: PortsDraft,
    pub(super) beside: Beside,
}

/// On which sides of a node a window stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    pub(super) left: bool,
    pub(super) right: bool,
}

/// One `[[node]]` with `kind = "window"`.
#[derive(Debug)]
pub(super) struct WindowDraft {
    /// What it calls itself, right or wrong.
    pub(super) label: Option<String>,
    /// Where it begins.
    pub(super) spot: Spot,
    /// Its path in reports.
    pub(super) key: String,
    pub(super) name: Option<At<String>>,
    /// At the address, or at the host that it is made of.
    pub(super) listen_left: Option<At<Endpoint>>,
    pub(super) listen_right: Option<At<Endpoint>>,
    pub(super) screen: Option<Screen>,
    /// So many nodes that run carom come before it.
    pub(super) after: usize,
}

impl WindowDraft {
    pub(super) fn finish(self) -> Option<WindowConfig> {
        Some(WindowConfig {
            name: self.name?.value,
            screen: self.screen?,
            listen_left: self.listen_left?.value,
            listen_right: self.listen_right?.value,
        })
    }
}

impl NodeDraft {
    fn finish(self, defaults: &PortsDraft) -> Option<NodeConfig> {
        let host = self.host?.value;
        Some(NodeConfig {
            name: self.name?.value,
            ssh: self.ssh.map_or_else(|| host.clone(), |ssh| ssh.value),
            host,
            listen: self.listen.map(|listen| listen.value),
            led: self.led.map_or(LedConfig::None, |led| led.value),
            ports: self.ports.finish(defaults)?,
        })
    }
}

/// One `[[ball]]`
#[derive(Debug)]
pub(super) struct BallDraft {
    pub(super) start: Option<At<String>>,
    pub(super) position: Option<At<[f64; 2]>>,
    pub(super) velocity: Option<At<[f64; 2]>>,
    /// Where it begins, if the radius is the default.
    pub(super) spot: Spot,
    /// Its path in reports.
    pub(super) key: String,
    pub(super) radius: Option<At<f64>>,
    pub(super) color: Option<At<[u8; 3]>>,
    pub(super) dwell: Option<At<Duration>>,
    /// Radius and color with their defaults; `None` if one of them cannot be read.
    pub(super) look: Option<(f64, [u8; 3])>,
}

impl BallDraft {
    /// In pixels.
    pub(super) const RADIUS: f64 = 30.0;
    pub(super) const COLOR: [u8; 3] = [255, 64, 0];

    /// The radius, and where to report that it is too large.
    pub(super) fn size(&self) -> (f64, Spot, String) {
        match &self.radius {
            Some(radius) => (radius.value, radius.spot, radius.key.clone()),
            None => (Self::RADIUS, self.spot, format!("{}.radius", self.key)),
        }
    }

    fn finish(self) -> Option<BallConfig> {
        Some(BallConfig {
            start: self.start?.value,
            position: self.position?.value,
            velocity: self.velocity?.value,
            radius: self.radius.map_or(Self::RADIUS, |radius| radius.value),
            color: self.color.map_or(Self::COLOR, |color| color.value),
            dwell: self.dwell.map(|dwell| dwell.value),
        })
    }
}

impl Draft {
    /// The configuration, if everything is there.
    pub(super) fn finish(self) -> Option<Config> {
        let nodes = self.nodes?.into_iter();
        let nodes = nodes.map(|node| node.finish(&self.ports));
        let nodes = nodes.collect::<Option<Vec<_>>>()?;
        let balls = self.balls.into_iter().map(BallDraft::finish);
        let ring = self.ring.finish()?;
        Some(Config {
            window_chains: window::finish(ring.shape, nodes.len(), self.windows)?,
            ring,
            screen: Screen {
                width: self.width?.value,
                height: self.height?.value,
            },
            nodes,
            ports: self.ports.finish(&PortsDraft::default())?,
            balls: balls.collect::<Option<_>>()?,
        })
    }
}
