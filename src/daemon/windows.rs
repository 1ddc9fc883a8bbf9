//! The windows beside this node: opens connections to them, sends balls, takes balls from them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::rc::{Rc, Weak};

use async_io::Async;
use smol::channel::{Sender, bounded};
use smol::{LocalExecutor, Task};

use super::external_input::{ExternalInput, WindowAnswer};
use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::ring::{BallId, Direction, Input, NodeId, Topology, WindowBall};
use crate::window::{self, OpenConnection, WindowClient, WindowListener, listen};

/// Where the windows beside a node take its balls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowEndpoints {
    /// Of the window on its left, if there is one.
    pub left: Option<Endpoint>,
    /// Of the window on its right, if there is one.
    pub right: Option<Endpoint>,
}

impl WindowEndpoints {
    /// The windows beside node `me`.
    pub fn of(config: &Config, me: NodeId) -> Self {
        let endpoint = |direction| {
            let window = config.window(me, direction)?;
            window.entrance(direction).cloned()
        };
        Self {
            left: endpoint(Direction::Left),
            right: endpoint(Direction::Right),
        }
    }
}

/// Where this node takes balls from the windows beside it.
#[derive(Default)]
pub struct WindowListeners {
    /// For a window on its left, if there is one.
    pub left: Option<Async<TcpListener>>,
    /// For a window on its right, if there is one.
    pub right: Option<Async<TcpListener>>,
}

/// Both windows, and the connections to them.
pub(super) struct Windows {
    executor: Weak<LocalExecutor<'static>>,
    names: Names,
    endpoints: WindowEndpoints,
    left: Option<Rc<WindowClient>>,
    right: Option<Rc<WindowClient>>,
    inputs: Sender<ExternalInput>,
    /// Connections that are being opened: at most one for each ball.
    opening: BTreeMap<BallId, Task<()>>,
    /// The connections that the node decides about.
    open: BTreeMap<BallId, OpenConnection>,
    ports: Vec<WindowPort>,
}

/// A port that takes balls from a window, and the task that hands them to the services.
struct WindowPort {
    listening: WindowListener,
    _forwarding: Task<()>,
}

/// The names of the windows on the left and on the right; empty where there is none.
struct Names {
    left: String,
    right: String,
}

impl Windows {
    /// Takes balls from both windows from now on; they go to `inputs`.
    pub(super) fn start(
        executor: &Rc<LocalExecutor<'static>>,
        (topology, me): (&Topology, NodeId),
        endpoints: WindowEndpoints,
        listeners: WindowListeners,
        inputs: Sender<ExternalInput>,
    ) -> Self {
        let name = |edge| {
            let chain = topology.window_chain(me, edge);
            let window = chain.and_then(|chain| chain.first(edge));
            window.map_or_else(String::new, |window| window.name.clone())
        };
        let listeners = [
            (Direction::Left, listeners.left),
            (Direction::Right, listeners.right),
        ];
        let ports = listeners.into_iter().filter_map(|(edge, listener)| {
            let inputs = inputs.clone();
            Some(Self::listen(executor, topology, listener?, edge, inputs))
        });
        let mut windows = Self {
            executor: Rc::downgrade(executor),
            names: Names {
                left: name(Direction::Left),
                right: name(Direction::Right),
            },
            endpoints: WindowEndpoints::default(),
            left: None,
            right: None,
            ports: ports.collect(),
            inputs,
            opening: BTreeMap::new(),
            open: BTreeMap::new(),
        };
        windows.set_endpoints(endpoints);
        windows
    }

    fn listen(
        executor: &Rc<LocalExecutor<'static>>,
        topology: &Topology,
        listener: Async<TcpListener>,
        edge: Direction,
        inputs: Sender<ExternalInput>,
    ) -> WindowPort {
        let (sender, events) = bounded::<window::Event>(1);
        let listening = listen::spawn(executor, listener, edge, topology.screen, sender);
        let forwarding = executor.spawn(async move {
            while let Ok(event) = events.recv().await {
                if inputs.send(ExternalInput::FromWindow(event)).await.is_err() {
                    return;
                }
            }
        });
        WindowPort {
            listening,
            _forwarding: forwarding,
        }
    }

    /// How many connections to this node's window ports brought no ball that could be taken.
    pub(super) fn refused(&self) -> u64 {
        let refused = self.ports.iter().map(|port| port.listening.refused());
        refused.fold(0, u64::saturating_add)
    }

    /// Uses these endpoints from now on; a connection that is open already is not affected.
    pub(super) fn set_endpoints(&mut self, endpoints: WindowEndpoints) {
        let Some(executor) = self.executor.upgrade() else {
            return;
        };
        let window = |endpoint: Option<Endpoint>, name: &str| {
            let Endpoint { host, port } = endpoint?;
            Some(WindowClient::new(&executor, name.to_owned(), host, port))
        };
        // A window that has not moved keeps its closing connections and its log history.
        if endpoints.left != self.endpoints.left {
            self.left = window(endpoints.left.clone(), &self.names.left);
        }
        if endpoints.right != self.endpoints.right {
            self.right = window(endpoints.right.clone(), &self.names.right);
        }
        self.endpoints = endpoints;
    }

    /// Opens a connection for a ball to the window at that edge; the result comes as a
    /// [`WindowAnswer`].
    pub(super) fn open(&mut self, ball: BallId, edge: Direction) {
        let window = match edge {
            Direction::Left => self.left.clone(),
            Direction::Right => self.right.clone(),
        };
        let Some(executor) = self.executor.upgrade() else {
            return;
        };
        let inputs = self.inputs.clone();
        let opening = executor.spawn(async move {
            let open = match window {
                Some(window) => window.open().await.ok(),
                None => None,
            };
            let answer = ExternalInput::WindowAnswered(WindowAnswer { ball, open });
            // Fails only when the node is about to end.
            let _ = inputs.send(answer).await;
        });
        self.opening.insert(ball, opening);
    }

    /// Turns the answer into an input for the core, and keeps the connection for [`Windows::send`].
    pub(super) fn on_answer(&mut self, answer: WindowAnswer) -> Input {
        let WindowAnswer { ball, open } = answer;
        self.opening.remove(&ball);
        let is_open = open.is_some();
        if let Some(open) = open {
            self.open.insert(ball, open);
        }
        Input::WindowAnswered {
            ball,
            open: is_open,
        }
    }

    /// Writes the ball to the connection that was opened for it; false if the window certainly did
    /// not get it.
    pub(super) fn send(&mut self, ball: BallId, sent: &WindowBall) -> bool {
        let open = self.open.remove(&ball);
        open.is_some_and(|open| open.send(sent).is_ok())
    }

    /// Closes a connection that the node was offered and did not use.
    pub(super) fn close_unused(&mut self, ball: BallId) {
        self.open.remove(&ball);
    }
}
