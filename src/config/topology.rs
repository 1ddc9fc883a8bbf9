//! The topology that the nodes agree on, as a ring file describes it.

use std::time::Duration;

use super::name;
use super::types::{BallConfig, Config, WindowChainConfig, WindowConfig};
use crate::ring::window_chain::{Window, WindowChain};
use crate::ring::{BallState, Direction};
use crate::ring::{InitialBall, NodeId, Topology, Voters};

impl Config {
    /// What all nodes must agree on: no hosts, no ports, no LEDs.
    pub fn topology(&self) -> Topology {
        let names = self.nodes.iter().map(|node| node.name.clone());
        let balls = self.balls.iter().map(|ball| self.initial_ball(ball));
        let topology = Topology {
            ring: self.ring.name.clone(),
            nodes: names.collect(),
            shape: self.ring.shape,
            lease: self.ring.lease,
            on_partition: self.ring.on_partition,
            voters: self.ring.voters.clone(),
            screen: self.screen,
            balls: balls.collect(),
            window_chains: self.window_chains.iter().map(window_chain).collect(),
            external_balls: self.ring.external_balls,
        };
        // Two files that let the same nodes vote describe the same ring, in whatever way they say it.
        let voters = Voters::Nodes(topology.voter_ids().collect());
        Topology { voters, ..topology }
    }

    /// The node with that name, in whatever case it is written.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        name::find(self.nodes.iter().map(|node| node.name.as_str()), name)
    }

    /// The window that receives a ball which leaves `node` in that direction; `None` if a node does.
    pub fn window(&self, node: NodeId, direction: Direction) -> Option<&WindowConfig> {
        let is_next = |chain: &&WindowChainConfig| chain.before(direction) == Some(node);
        self.window_chains.iter().find(is_next)?.first(direction)
    }

    fn initial_ball(&self, ball: &BallConfig) -> InitialBall {
        let [across, up] = ball.velocity;
        let across = ball
            .dwell
            .map_or(across, |dwell| self.speed(dwell).copysign(across));
        InitialBall {
            start: self.find(&ball.start).unwrap_or_default(),
            state: BallState {
                position: ball.position,
                velocity: [across, up],
                radius: ball.radius,
                color: ball.color,
            },
        }
    }

    /// How fast a ball crosses the screen in that time, in pixels a second.
    fn speed(&self, dwell: Duration) -> f64 {
        // A ball that needs less than a microsecond leaves at once: see `ring::motion::time_to_edge`.
        const AT_ONCE: f64 = 1e-7;
        self.screen.width / dwell.as_secs_f64().max(AT_ONCE)
    }
}

/// The part of a chain of windows that the nodes agree on: no addresses.
fn window_chain(chain: &WindowChainConfig) -> WindowChain {
    let windows = chain.windows.iter().map(|window| Window {
        name: window.name.clone(),
        screen: window.screen,
    });
    WindowChain {
        left: chain.left,
        right: chain.right,
        windows: windows.collect(),
    }
}
