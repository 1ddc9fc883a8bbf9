//! The configuration while it is being read: what could be read so far, with its spans.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::defaults;
use super::schema::PORTS;
use super::span::{Span, Spanned};
use super::types::{
    BallConfig, Config, NodeConfig, Ports, RingConfig, WindowChainConfig, WindowConfig,
};
use super::voters::WrittenVoters;
use super::window::chain::chains;
use crate::endpoint::Endpoint;
use crate::led::LedConfig;
use crate::ring::window_chain::{ExternalBallPolicy, LateCopy};
use crate::ring::{NodeId, OnPartition, Screen, Shape};

/// All that could be read. A field is `None` if the key was left out, or was wrong and has been reported.
#[derive(Debug)]
pub(super) struct PartialConfig {
    pub(super) ring: PartialRing,
    pub(super) width: Option<Spanned<f64>>,
    pub(super) height: Option<Spanned<f64>>,
    pub(super) ports: PartialPorts,
    /// `None` if not even the number of nodes is known.
    pub(super) nodes: Option<Vec<PartialNode>>,
    /// In the order of the file.
    pub(super) windows: Vec<PartialWindow>,
    pub(super) balls: Vec<PartialBall>,
}

/// `[ring]`
#[derive(Debug, Default)]
pub(super) struct PartialRing {
    pub(super) name: Option<Spanned<String>>,
    pub(super) shape: Option<Spanned<Shape>>,
    pub(super) lease: Option<Spanned<Duration>>,
    pub(super) on_partition: Option<Spanned<OnPartition>>,
    pub(super) voters: Option<Spanned<WrittenVoters>>,
    pub(super) loan: Option<Spanned<Duration>>,
    pub(super) late_copy: Option<Spanned<LateCopy>>,
    pub(super) guests: Option<Spanned<u8>>,
    pub(super) guest_life: Option<Spanned<Duration>>,
    pub(super) http_names: Option<Spanned<Vec<String>>>,
    /// As written.
    pub(super) key_file: Option<Spanned<PathBuf>>,
}

impl PartialRing {
    fn complete(self, nodes: &[NodeConfig]) -> Option<RingConfig> {
        let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
        Some(RingConfig {
            name: self.name?.value,
            shape: self.shape?.value,
            lease: self.lease?.value,
            on_partition: self.on_partition?.value,
            voters: self.voters?.value.complete(&names)?,
            external_balls: ExternalBallPolicy {
                loan: self.loan?.value,
                late_copy: self.late_copy?.value,
                guests: self.guests?.value,
                guest_life: self.guest_life?.value,
            },
            http_names: self.http_names?.value,
            key_file: self.key_file.map(|path| path.value),
        })
    }
}

/// `[ports]`, or what a node overrides of it, in the order of the schema.
#[derive(Debug, Default)]
pub(super) struct PartialPorts(pub(super) [Option<Spanned<u16>>; 6]);

impl PartialPorts {
    /// These ports, and those of `defaults` where one is missing here.
    pub(super) fn over<'partial>(
        &'partial self,
        defaults: &'partial Self,
    ) -> [Option<&'partial Spanned<u16>>; 6] {
        let mut pairs = self.0.iter().zip(&defaults.0);
        std::array::from_fn(|_| {
            let (own, default) = pairs.next()?;
            own.as_ref().or(default.as_ref())
        })
    }

    fn complete(&self, defaults: &Self) -> Option<Ports> {
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
pub(super) struct PartialNode {
    /// Its name as written, valid or not.
    pub(super) written_name: Option<String>,
    /// Its path in faults, such as `node[pi1]`.
    pub(super) key: String,
    pub(super) name: Option<Spanned<String>>,
    pub(super) host: Option<Spanned<String>>,
    pub(super) ssh: Option<Spanned<String>>,
    pub(super) listen: Option<Spanned<IpAddr>>,
    /// Its span is that of what no other node may use: the pin, the name, or the path.
    pub(super) led: Option<Spanned<LedConfig>>,
    pub(super) ports: PartialPorts,
    /// On which sides a window stands.
    pub(super) window_sides: Sides,
}

/// Some of the sides of a node or a window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sides {
    pub(super) left: bool,
    pub(super) right: bool,
}

/// One `[[node]]` with `kind = "window"`.
#[derive(Debug)]
pub(super) struct PartialWindow {
    /// Its name as written, valid or not.
    pub(super) written_name: Option<String>,
    /// The beginning of its table.
    pub(super) span: Span,
    /// Its path in faults, such as `node[pi1]`.
    pub(super) key: String,
    pub(super) name: Option<Spanned<String>>,
    /// The sides from which a ball can come: not the outer side of a window at the end of a row. The other
    /// fields say nothing of the others.
    pub(super) entrances: Sides,
    /// Its span is that of the address, or of the host from which it is built.
    pub(super) listen_left: Option<Spanned<Endpoint>>,
    pub(super) listen_right: Option<Spanned<Endpoint>>,
    pub(super) screen: Option<Screen>,
    /// How many nodes that run carom come before it in the file.
    pub(super) nodes_before: usize,
}

impl PartialWindow {
    pub(super) fn complete(self) -> Option<WindowConfig> {
        Some(WindowConfig {
            name: self.name?.value,
            screen: self.screen?,
            listen_left: entrance(self.entrances.left, self.listen_left)?,
            listen_right: entrance(self.entrances.right, self.listen_right)?,
        })
    }
}

/// The entrance of one side, if a ball can come from there; `None` if that is so and it cannot be read.
#[expect(
    clippy::option_option,
    reason = "that none is needed is one thing, that one is missing another"
)]
fn entrance(is_used: bool, listen: Option<Spanned<Endpoint>>) -> Option<Option<Endpoint>> {
    match is_used {
        true => listen.map(|listen| Some(listen.value)),
        false => Some(None),
    }
}

impl PartialNode {
    /// The ports that the node listens on, with their names. Ports that cannot be read are left out,
    /// and so are those for windows on a side where there is none.
    pub(super) fn ports_used<'partial>(
        &'partial self,
        defaults: &'partial PartialPorts,
    ) -> impl Iterator<Item = (&'static str, &'partial Spanned<u16>)> {
        let names = PORTS.keys.iter().map(|key| key.name);
        let ports = names.zip(self.ports.over(defaults));
        let Sides { left, right } = self.window_sides;
        let is_used = move |name: &str| match name {
            "window-left" => left,
            "window-right" => right,
            _ => true,
        };
        ports
            .filter(move |(name, _)| is_used(name))
            .filter_map(|(name, port)| port.map(|port| (name, port)))
    }

    fn complete(self, defaults: &PartialPorts) -> Option<NodeConfig> {
        let host = self.host?.value;
        Some(NodeConfig {
            name: self.name?.value,
            ssh: self.ssh.map_or_else(|| host.clone(), |ssh| ssh.value),
            host,
            listen: self.listen.map(|listen| listen.value),
            led: self.led.map_or(defaults::LED, |led| led.value),
            ports: self.ports.complete(defaults)?,
        })
    }
}

/// One `[[ball]]`
#[derive(Debug)]
pub(super) struct PartialBall {
    pub(super) start: Option<Spanned<String>>,
    pub(super) position: Option<Spanned<[f64; 2]>>,
    pub(super) velocity: Option<Spanned<[f64; 2]>>,
    /// The beginning of its table.
    pub(super) span: Span,
    /// Its path in faults, such as `node[pi1]`.
    pub(super) key: String,
    pub(super) radius: Option<Spanned<f64>>,
    pub(super) color: Option<Spanned<[u8; 3]>>,
    pub(super) dwell: Option<Spanned<Duration>>,
    /// Radius and color, or their defaults; `None` if one of them cannot be read.
    pub(super) appearance: Option<(f64, [u8; 3])>,
}

impl PartialBall {
    /// The radius, with the span and the key at which to report that it is too large.
    pub(super) fn radius_or_default(&self) -> (f64, Span, String) {
        match &self.radius {
            Some(radius) => (radius.value, radius.span, radius.key.clone()),
            None => (
                defaults::BALL_RADIUS,
                self.span,
                format!("{}.radius", self.key),
            ),
        }
    }

    fn complete(self) -> Option<BallConfig> {
        Some(BallConfig {
            start: self.start?.value,
            position: self.position?.value,
            velocity: self.velocity?.value,
            radius: self
                .radius
                .map_or(defaults::BALL_RADIUS, |radius| radius.value),
            color: self.color.map_or(defaults::BALL_COLOR, |color| color.value),
            dwell: self.dwell.map(|dwell| dwell.value),
        })
    }
}

impl PartialConfig {
    /// Records at every node on which of its sides a window stands.
    pub(super) fn find_window_sides(&mut self) {
        let Some(nodes) = &mut self.nodes else {
            return;
        };
        // If the shape cannot be read, assume a row: a node that has a window beside it in a row has it
        // in a ring, too.
        let shape = self.ring.shape.as_ref();
        let shape = shape.map_or(Shape::Row, |shape| shape.value);
        let windows = self.windows.iter();
        let nodes_before: Vec<_> = windows.map(|window| window.nodes_before).collect();
        for chain in chains(shape, nodes.len(), &nodes_before) {
            if let Some(node) = chain.left.and_then(|left| nodes.get_mut(left)) {
                node.window_sides.right = true;
            }
            if let Some(node) = chain.right.and_then(|right| nodes.get_mut(right)) {
                node.window_sides.left = true;
            }
        }
    }

    /// The configuration, if everything is there.
    pub(super) fn complete(self) -> Option<Config> {
        let nodes = self.nodes?.into_iter();
        let nodes = nodes.map(|node| node.complete(&self.ports));
        let nodes = nodes.collect::<Option<Vec<_>>>()?;
        let balls = self.balls.into_iter().map(PartialBall::complete);
        let ring = self.ring.complete(&nodes)?;
        Some(Config {
            window_chains: complete_chains(ring.shape, nodes.len(), self.windows)?,
            ring,
            screen: Screen {
                width: self.width?.value,
                height: self.height?.value,
            },
            nodes,
            ports: self.ports.complete(&PartialPorts::default())?,
            balls: balls.collect::<Option<_>>()?,
        })
    }
}

/// The chains of windows among that many nodes, if all windows are complete.
fn complete_chains(
    shape: Shape,
    nodes: usize,
    windows: Vec<PartialWindow>,
) -> Option<Vec<WindowChainConfig>> {
    let nodes_before: Vec<_> = windows.iter().map(|window| window.nodes_before).collect();
    let windows = windows.into_iter().map(PartialWindow::complete);
    let windows = windows.collect::<Option<Vec<_>>>()?;
    let id = |index: usize| u16::try_from(index).ok().map(NodeId);
    let complete = chains(shape, nodes, &nodes_before)
        .into_iter()
        .map(|chain| WindowChainConfig {
            left: chain.left.and_then(id),
            right: chain.right.and_then(id),
            windows: chain
                .windows
                .into_iter()
                .filter_map(|window| windows.get(window).cloned())
                .collect(),
        });
    Some(complete.collect())
}
