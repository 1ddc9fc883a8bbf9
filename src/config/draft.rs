//! The configuration while it is being read: whatever could be read so far, with its places.

use std::net::IpAddr;
use std::time::Duration;

use super::place::{At, Spot};
use super::{Ball, Config, Led, Node, Ports, Ring};
use crate::ring::topology::{OnPartition, Screen, Shape};

/// All that could be read; what is `None` was left out or has been reported.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) ring: RingDraft,
    pub(super) width: Option<At<f64>>,
    pub(super) height: Option<At<f64>>,
    pub(super) ports: PortsDraft,
    /// `None` if not even their number is known.
    pub(super) nodes: Option<Vec<NodeDraft>>,
    pub(super) balls: Vec<BallDraft>,
}

/// `[ring]`
#[derive(Debug, Default)]
pub(super) struct RingDraft {
    pub(super) name: Option<At<String>>,
    pub(super) shape: Option<At<Shape>>,
    pub(super) lease: Option<At<Duration>>,
    pub(super) on_partition: Option<At<OnPartition>>,
}

/// `[ports]`, or what a node overrides of it: ring, receiver, rate, http.
#[derive(Debug, Default)]
pub(super) struct PortsDraft(pub(super) [Option<At<u16>>; 4]);

impl PortsDraft {
    /// These ports, and the defaults for those that are not here.
    pub(super) fn over<'draft>(
        &'draft self,
        defaults: &'draft Self,
    ) -> [Option<&'draft At<u16>>; 4] {
        let [ring, receiver, rate, http] = &self.0;
        let [ring_default, receiver_default, rate_default, http_default] = &defaults.0;
        [
            ring.as_ref().or(ring_default.as_ref()),
            receiver.as_ref().or(receiver_default.as_ref()),
            rate.as_ref().or(rate_default.as_ref()),
            http.as_ref().or(http_default.as_ref()),
        ]
    }

    fn finish(&self, defaults: &Self) -> Option<Ports> {
        let [ring, receiver, rate, http] = self.over(defaults);
        Some(Ports {
            ring: ring?.value,
            receiver: receiver?.value,
            rate: rate?.value,
            http: http?.value,
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
    pub(super) led: Option<At<Led>>,
    pub(super) ports: PortsDraft,
}

impl NodeDraft {
    fn finish(self, defaults: &PortsDraft) -> Option<Node> {
        let host = self.host?.value;
        Some(Node {
            name: self.name?.value,
            ssh: self.ssh.map_or_else(|| host.clone(), |ssh| ssh.value),
            host,
            listen: self.listen.map(|listen| listen.value),
            led: self.led.map_or(Led::None, |led| led.value),
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
}

impl BallDraft {
    /// In pixels.
    pub(super) const RADIUS: f64 = 30.0;
    const COLOR: [u8; 3] = [255, 64, 0];

    fn finish(self) -> Option<Ball> {
        Some(Ball {
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
        let balls = self.balls.into_iter().map(BallDraft::finish);
        Some(Config {
            ring: Ring {
                name: self.ring.name?.value,
                shape: self.ring.shape?.value,
                lease: self.ring.lease?.value,
                on_partition: self.ring.on_partition?.value,
            },
            screen: Screen {
                width: self.width?.value,
                height: self.height?.value,
            },
            nodes: nodes.collect::<Option<_>>()?,
            ports: self.ports.finish(&PortsDraft::default())?,
            balls: balls.collect::<Option<_>>()?,
        })
    }
}
