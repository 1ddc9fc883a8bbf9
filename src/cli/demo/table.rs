//! The nodes of the demo: complete daemons in one process, with real sockets between them.

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use async_io::Async;
use smol::channel::{Sender, bounded};
use smol::{LocalExecutor, Task};

use super::ANY_PORT;
use super::score::{Score, Watched};
use crate::cli::Failure;
use crate::clock;
use crate::daemon::leds::Leds;
use crate::daemon::service::ServiceManager;
use crate::daemon::windows::{WindowEndpoints, WindowListeners};
use crate::daemon::{Daemon, Setup, listen};
use crate::endpoint::Endpoint;
use crate::ring::{NodeId, Topology};

/// All nodes of the demo.
pub(super) struct Table {
    pub(super) topology: Arc<Topology>,
    pub(super) http: Option<SocketAddr>,
    ports: Vec<SocketAddr>,
    /// Where HTTP clients connect to every node; empty if nobody may.
    http_endpoints: Vec<SocketAddr>,
    nodes: Vec<Option<Running>>,
    score: Rc<RefCell<Score>>,
}

struct Running {
    _task: Task<()>,
    /// Never used: the demo kills, it does not ask. Kept so that the daemon sees nobody give up.
    _stop: Sender<()>,
}

impl Table {
    /// Starts every node on a free port of the loopback.
    pub(super) fn lay(
        executor: &Rc<LocalExecutor<'static>>,
        topology: Topology,
        http: Option<SocketAddr>,
        score: Rc<RefCell<Score>>,
    ) -> Result<Self, Failure> {
        let mut listeners = Vec::new();
        let mut ports = Vec::new();
        for _ in &topology.nodes {
            let listener = listen::bind("ring", ANY_PORT).map_err(Failure::run)?;
            ports.push(listener.get_ref().local_addr()?);
            listeners.push(listener);
        }
        let (http_endpoints, mut http_listeners) = match http {
            Some(first) => open_doors(first, topology.nodes.len())?,
            None => (Vec::new(), Vec::new()),
        };
        http_listeners.resize_with(listeners.len(), || None);
        let mut table = Self {
            http: http_endpoints.first().copied(),
            http_endpoints,
            nodes: listeners.iter().map(|_| None).collect(),
            topology: Arc::new(topology),
            ports,
            score,
        };
        let ids = table.topology.node_ids();
        for (node, (ring, http)) in ids.zip(listeners.into_iter().zip(http_listeners)) {
            table.start(executor, node, ring, http)?;
        }
        Ok(table)
    }

    /// Kills the node without warning, or starts it again.
    pub(super) fn toggle(
        &mut self,
        executor: &Rc<LocalExecutor<'static>>,
        node: NodeId,
    ) -> Result<(), Failure> {
        let Some(place) = self.nodes.get_mut(node.index()) else {
            return Ok(());
        };
        // Dropping its task closes its sockets, as the death of a process would.
        if place.take().is_some() {
            self.score.borrow_mut().killed(node, clock::now());
            return Ok(());
        }
        let Some(&port) = self.ports.get(node.index()) else {
            return Ok(());
        };
        let ring = listen::bind("ring", port).map_err(Failure::run)?;
        let door = self.http_endpoints.get(node.index());
        let http = door.map(|&door| listen::bind("http", door)).transpose();
        self.start(executor, node, ring, http.map_err(Failure::run)?)
    }

    pub(super) fn is_running(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(Option::is_some)
    }

    fn start(
        &mut self,
        executor: &Rc<LocalExecutor<'static>>,
        node: NodeId,
        ring_listener: Async<TcpListener>,
        http_listener: Option<Async<TcpListener>>,
    ) -> Result<(), Failure> {
        let (stop, stopped) = bounded(1);
        let address = |port: &SocketAddr| Endpoint {
            host: port.ip().to_string(),
            port: port.port(),
        };
        let led = Watched::new(Rc::clone(&self.score), node);
        let setup = Setup {
            topology: Arc::clone(&self.topology),
            me: node,
            ring_endpoints: self.ports.iter().map(address).collect(),
            leds: Leds::new(self.topology.name(node), Box::new(led)),
            ring_listener,
            lab: None,
            window_endpoints: WindowEndpoints::default(),
            window_listeners: WindowListeners::default(),
            control: None,
            http_listener,
            http_endpoints: self.http_endpoints.iter().map(door).collect(),
            stop: stopped,
            reloads: None,
            service: ServiceManager::none(clock::now()),
        };
        let daemon = Daemon::start(executor, setup).map_err(Failure::run)?;
        if let Some(place) = self.nodes.get_mut(node.index()) {
            *place = Some(Running {
                _task: executor.spawn(daemon.run()),
                _stop: stop,
            });
        }
        Ok(())
    }
}

/// Every node's HTTP listeners: the first where it was asked for, the others behind it where there
/// is room, else anywhere.
#[expect(clippy::type_complexity, reason = "two lists, read once")]
fn open_doors(
    first: SocketAddr,
    count: usize,
) -> Result<(Vec<SocketAddr>, Vec<Option<Async<TcpListener>>>), Failure> {
    let mut http_endpoints = Vec::new();
    let mut listeners = Vec::new();
    for step in 0..count {
        let step = u16::try_from(step).unwrap_or(u16::MAX);
        // Behind "any" there is nothing to count from.
        let port = match first.port() {
            0 => 0,
            port => port.saturating_add(step),
        };
        let listener = match listen::bind("http", SocketAddr::new(first.ip(), port)) {
            Err(_) if step > 0 => listen::bind("http", SocketAddr::new(first.ip(), 0)),
            bound => bound,
        };
        let listener = listener.map_err(Failure::run)?;
        http_endpoints.push(listener.get_ref().local_addr()?);
        listeners.push(Some(listener));
    }
    Ok((http_endpoints, listeners))
}

/// As others see it: behind an address that stands for all of them is the one they use.
fn door(address: &SocketAddr) -> Endpoint {
    let ip = address.ip();
    Endpoint {
        host: if ip.is_unspecified() {
            String::new()
        } else {
            ip.to_string()
        },
        port: address.port(),
    }
}
