//! The windows beside this node: calls to them, balls for them, balls from them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::rc::{Rc, Weak};

use async_io::Async;
use smol::channel::{Sender, bounded};
use smol::{LocalExecutor, Task};

use super::reload::Beside;
use super::visit::{Answer, Visit};
use crate::endpoint::Endpoint;
use crate::ring::{BallId, Direction, Input, NodeId, Topology, WindowBall};
use crate::window::{self, OpenConnection, WindowClient, WindowListener, listen};

/// Where this node takes balls from the windows beside it.
#[derive(Default)]
pub struct Entrances {
    /// From a window on its left, if there is one.
    pub left: Option<Async<TcpListener>>,
    /// From a window on its right, if there is one.
    pub right: Option<Async<TcpListener>>,
}

/// Both windows, and what is under way with them.
pub(super) struct Windows {
    executor: Weak<LocalExecutor<'static>>,
    names: Names,
    beside: Beside,
    left: Option<Rc<WindowClient>>,
    right: Option<Rc<WindowClient>>,
    visits: Sender<Visit>,
    /// At most one call a ball.
    calls: BTreeMap<BallId, Task<()>>,
    /// The connection that the core is just hearing of.
    open: Option<(BallId, OpenConnection)>,
    entrances: Vec<Entrance>,
}

/// A port for a window's balls, and their way to the loop.
struct Entrance {
    listening: WindowListener,
    _forwarding: Task<()>,
}

/// What the windows on the left and on the right are called.
struct Names {
    left: String,
    right: String,
}

impl Windows {
    /// Listens to them; what they say goes to `visits`.
    pub(super) fn start(
        executor: &Rc<LocalExecutor<'static>>,
        (topology, me): (&Topology, NodeId),
        beside: Beside,
        entrances: Entrances,
        visits: Sender<Visit>,
    ) -> Self {
        let name = |edge| {
            let window = topology
                .window_chain(me, edge)
                .and_then(|gap| gap.first(edge));
            window.map_or_else(String::new, |window| window.name.clone())
        };
        let takes = [
            (Direction::Left, entrances.left),
            (Direction::Right, entrances.right),
        ];
        let entrances = takes.into_iter().filter_map(|(edge, listener)| {
            let listener = listener?;
            Some(Self::listen(
                executor,
                topology,
                listener,
                edge,
                visits.clone(),
            ))
        });
        let mut windows = Self {
            executor: Rc::downgrade(executor),
            names: Names {
                left: name(Direction::Left),
                right: name(Direction::Right),
            },
            beside: Beside::default(),
            left: None,
            right: None,
            entrances: entrances.collect(),
            visits,
            calls: BTreeMap::new(),
            open: None,
        };
        windows.move_to(beside);
        windows
    }

    fn listen(
        executor: &Rc<LocalExecutor<'static>>,
        topology: &Topology,
        listener: Async<TcpListener>,
        edge: Direction,
        visits: Sender<Visit>,
    ) -> Entrance {
        let (events, came) = bounded::<window::Event>(1);
        let listening = listen::spawn(executor, listener, edge, topology.screen, events);
        let forwarding = executor.spawn(async move {
            while let Ok(event) = came.recv().await {
                if visits.send(Visit::Ball(event)).await.is_err() {
                    return;
                }
            }
        });
        Entrance {
            listening,
            _forwarding: forwarding,
        }
    }

    /// How many visits to this node's ports for windows brought no ball that the core could hear of.
    pub(super) fn refused(&self) -> u64 {
        let refused = self.entrances.iter().map(|at| at.listening.refused());
        refused.fold(0, u64::saturating_add)
    }

    /// From now on they are there; a connection that is open stays where it is.
    pub(super) fn move_to(&mut self, beside: Beside) {
        let Some(executor) = self.executor.upgrade() else {
            return;
        };
        let window = |place: Option<Endpoint>, name: &str| {
            let place = place?;
            Some(WindowClient::new(
                &executor,
                name.to_owned(),
                place.host,
                place.port,
            ))
        };
        // One that has not moved keeps its connections that are closing, and what was logged of it.
        if beside.left != self.beside.left {
            self.left = window(beside.left.clone(), &self.names.left);
        }
        if beside.right != self.beside.right {
            self.right = window(beside.right.clone(), &self.names.right);
        }
        self.beside = beside;
    }

    /// Calls the window at that edge; the answer comes as a visit.
    pub(super) fn call(&mut self, ball: BallId, edge: Direction) {
        let window = match edge {
            Direction::Left => self.left.clone(),
            Direction::Right => self.right.clone(),
        };
        let Some(executor) = self.executor.upgrade() else {
            return;
        };
        let visits = self.visits.clone();
        let call = executor.spawn(async move {
            let open = match window {
                Some(window) => window.open().await.ok(),
                None => None,
            };
            // Fails only when the node is about to end.
            let _ = visits.send(Visit::Answer(Answer { ball, open })).await;
        });
        self.calls.insert(ball, call);
    }

    /// What the core is to hear of an answer; its connection waits for [`Windows::give`] meanwhile.
    pub(super) fn hear(&mut self, answer: Answer) -> Input {
        let Answer { ball, open } = answer;
        self.calls.remove(&ball);
        let is_open = open.is_some();
        self.open = open.map(|open| (ball, open));
        Input::WindowAnswered {
            ball,
            open: is_open,
        }
    }

    /// Writes the ball to the connection that was opened for it; false if it certainly stays here.
    pub(super) fn give(&mut self, ball: BallId, sent: &WindowBall) -> bool {
        match self.open.take() {
            Some((called, open)) if called == ball => open.send(sent).is_ok(),
            _ => false,
        }
    }

    /// The core has heard the answer: a connection that it did not use is closed.
    pub(super) fn hang_up(&mut self) {
        self.open = None;
    }
}
