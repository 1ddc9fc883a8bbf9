//! The windows beside this node: calls to them, balls for them, balls from them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::rc::{Rc, Weak};

use async_io::Async;
use smol::channel::{Sender, bounded};
use smol::{LocalExecutor, Task};

use super::external_input::{ExternalInput, WindowAnswer};
use super::reload::WindowEndpoints;
use crate::endpoint::Endpoint;
use crate::ring::{BallId, Direction, Input, NodeId, Topology, WindowBall};
use crate::window::{self, Listening, Open, Window, listen};

/// Where this node takes balls from the windows beside it.
#[derive(Default)]
pub struct WindowListeners {
    /// From a window on its left, if there is one.
    pub left: Option<Async<TcpListener>>,
    /// From a window on its right, if there is one.
    pub right: Option<Async<TcpListener>>,
}

/// Both windows, and what is under way with them.
pub(super) struct Windows {
    executor: Weak<LocalExecutor<'static>>,
    names: Names,
    window_endpoints: WindowEndpoints,
    left: Option<Rc<Window>>,
    right: Option<Rc<Window>>,
    inputs: Sender<ExternalInput>,
    /// At most one call a ball.
    calls: BTreeMap<BallId, Task<()>>,
    /// The connection that the core is just hearing of.
    open: Option<(BallId, Open)>,
    window_listeners: Vec<WindowPort>,
}

/// A port for a window's balls, and their way to the loop.
struct WindowPort {
    listening: Listening,
    _forwarding: Task<()>,
}

/// What the windows on the left and on the right are called.
struct Names {
    left: String,
    right: String,
}

impl Windows {
    /// Listens to them; what they say goes to `inputs`.
    pub(super) fn start(
        executor: &Rc<LocalExecutor<'static>>,
        (topology, me): (&Topology, NodeId),
        window_endpoints: WindowEndpoints,
        window_listeners: WindowListeners,
        inputs: Sender<ExternalInput>,
    ) -> Self {
        let name = |edge| {
            let window = topology
                .window_chain(me, edge)
                .and_then(|gap| gap.first(edge));
            window.map_or_else(String::new, |window| window.name.clone())
        };
        let takes = [
            (Direction::Left, window_listeners.left),
            (Direction::Right, window_listeners.right),
        ];
        let window_listeners = takes.into_iter().filter_map(|(edge, listener)| {
            let listener = listener?;
            Some(Self::listen(
                executor,
                topology,
                listener,
                edge,
                inputs.clone(),
            ))
        });
        let mut windows = Self {
            executor: Rc::downgrade(executor),
            names: Names {
                left: name(Direction::Left),
                right: name(Direction::Right),
            },
            window_endpoints: WindowEndpoints::default(),
            left: None,
            right: None,
            window_listeners: window_listeners.collect(),
            inputs,
            calls: BTreeMap::new(),
            open: None,
        };
        windows.set_endpoints(window_endpoints);
        windows
    }

    fn listen(
        executor: &Rc<LocalExecutor<'static>>,
        topology: &Topology,
        listener: Async<TcpListener>,
        edge: Direction,
        inputs: Sender<ExternalInput>,
    ) -> WindowPort {
        let (events, came) = bounded::<window::Event>(1);
        let listening = listen::spawn(executor, listener, edge, topology.screen, events);
        let forwarding = executor.spawn(async move {
            while let Ok(event) = came.recv().await {
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

    /// How many inputs to this node's ports for windows brought no ball that the core could hear of.
    pub(super) fn refused(&self) -> u64 {
        let refused = self
            .window_listeners
            .iter()
            .map(|at| at.listening.refused());
        refused.fold(0, u64::saturating_add)
    }

    /// From now on they are there; a connection that is open stays where it is.
    pub(super) fn set_endpoints(&mut self, window_endpoints: WindowEndpoints) {
        let Some(executor) = self.executor.upgrade() else {
            return;
        };
        let window = |place: Option<Endpoint>, name: &str| {
            let place = place?;
            Some(Window::new(
                &executor,
                name.to_owned(),
                place.host,
                place.port,
            ))
        };
        // One that has not moved keeps its connections that are closing, and what was logged of it.
        if window_endpoints.left != self.window_endpoints.left {
            self.left = window(window_endpoints.left.clone(), &self.names.left);
        }
        if window_endpoints.right != self.window_endpoints.right {
            self.right = window(window_endpoints.right.clone(), &self.names.right);
        }
        self.window_endpoints = window_endpoints;
    }

    /// Calls the window at that edge; the answer comes as a visit.
    pub(super) fn open(&mut self, ball: BallId, edge: Direction) {
        let window = match edge {
            Direction::Left => self.left.clone(),
            Direction::Right => self.right.clone(),
        };
        let Some(executor) = self.executor.upgrade() else {
            return;
        };
        let inputs = self.inputs.clone();
        let call = executor.spawn(async move {
            let open = match window {
                Some(window) => window.open().await.ok(),
                None => None,
            };
            // Fails only when the node is about to end.
            let _ = inputs
                .send(ExternalInput::WindowAnswered(WindowAnswer { ball, open }))
                .await;
        });
        self.calls.insert(ball, call);
    }

    /// What the core is to hear of an answer; its connection waits for [`Windows::send`] meanwhile.
    pub(super) fn on_answer(&mut self, answer: WindowAnswer) -> Input {
        let WindowAnswer { ball, open } = answer;
        self.calls.remove(&ball);
        let is_open = open.is_some();
        self.open = open.map(|open| (ball, open));
        Input::WindowAnswered {
            ball,
            open: is_open,
        }
    }

    /// Writes the ball to the connection that was opened for it; false if it certainly stays here.
    pub(super) fn send(&mut self, ball: BallId, sent: &WindowBall) -> bool {
        match self.open.take() {
            Some((called, open)) if called == ball => open.give(sent).is_ok(),
            _ => false,
        }
    }

    /// The core has heard the answer: a connection that it did not use is closed.
    pub(super) fn close_unused(&mut self) {
        self.open = None;
    }
}
