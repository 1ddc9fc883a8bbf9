//! The nodes of the demo: complete daemons in one process, with real sockets between them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use async_io::Async;
use smol::channel::{Sender, bounded};
use smol::{LocalExecutor, Task};

use super::monitor::{MonitoredLed, SharedMonitor};
use crate::cli::failure::Failure;
use crate::clock;
use crate::daemon::leds::Leds;
use crate::daemon::service::ServiceManager;
use crate::daemon::windows::{WindowEndpoints, WindowListeners};
use crate::daemon::{Daemon, ReservedThread, Setup, listen};
use crate::endpoint::Endpoint;
use crate::ring::{NodeId, Topology};

/// Any free port of the loopback address.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// All nodes of the demo, running or killed.
pub(super) struct DemoRing {
    pub(super) topology: Arc<Topology>,
    /// Where the page is, if there is one.
    pub(super) page: Option<SocketAddr>,
    ring_addresses: Vec<SocketAddr>,
    /// Where HTTP clients connect to every node; empty without HTTP.
    http_addresses: Vec<SocketAddr>,
    nodes: Vec<Option<RunningNode>>,
    monitor: SharedMonitor,
}

struct RunningNode {
    _task: Task<io::Result<()>>,
    /// Kept so that the daemon's channel stays open; the demo kills its nodes without a request.
    _stop: Sender<()>,
}

impl DemoRing {
    /// Starts every node on a free port of the loopback address.
    pub(super) fn start(
        executor: &Rc<LocalExecutor<'static>>,
        topology: Topology,
        http: Option<SocketAddr>,
        monitor: SharedMonitor,
    ) -> Result<Self, Failure> {
        let mut listeners = Vec::new();
        let mut ring_addresses = Vec::new();
        for _ in &topology.nodes {
            let listener = listen::bind("ring", ANY_PORT).map_err(Failure::run)?;
            ring_addresses.push(listener.get_ref().local_addr()?);
            listeners.push(listener);
        }
        let mut http_addresses = Vec::new();
        let mut http_listeners = Vec::new();
        if let Some(first) = http {
            for listener in bind_http(first, topology.nodes.len())? {
                http_addresses.push(listener.get_ref().local_addr()?);
                http_listeners.push(Some(listener));
            }
        }
        http_listeners.resize_with(listeners.len(), || None);
        let mut ring = Self {
            page: http_addresses.first().copied(),
            http_addresses,
            nodes: listeners.iter().map(|_| None).collect(),
            topology: Arc::new(topology),
            ring_addresses,
            monitor,
        };
        let ids = ring.topology.node_ids();
        for (node, listeners) in ids.zip(listeners.into_iter().zip(http_listeners)) {
            ring.start_node(executor, node, listeners)?;
        }
        Ok(ring)
    }

    /// Kills the node without warning, or starts it again.
    pub(super) fn toggle(
        &mut self,
        executor: &Rc<LocalExecutor<'static>>,
        node: NodeId,
    ) -> Result<(), Failure> {
        let Some(running) = self.nodes.get_mut(node.index()) else {
            return Ok(());
        };
        // Dropping the task closes its sockets, as the end of a process does.
        if running.take().is_some() {
            self.monitor.lock().on_killed(node, clock::now());
            return Ok(());
        }
        let Some(&address) = self.ring_addresses.get(node.index()) else {
            return Ok(());
        };
        let ring = listen::bind("ring", address).map_err(Failure::run)?;
        let http = self.http_addresses.get(node.index());
        let http = http.map(|&address| listen::bind("http", address));
        let http = http.transpose().map_err(Failure::run)?;
        self.start_node(executor, node, (ring, http))
    }

    pub(super) fn is_running(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(Option::is_some)
    }

    fn start_node(
        &mut self,
        executor: &Rc<LocalExecutor<'static>>,
        node: NodeId,
        (ring_listener, http_listener): (Async<TcpListener>, Option<Async<TcpListener>>),
    ) -> Result<(), Failure> {
        let (stop, stopped) = bounded(1);
        let led = MonitoredLed::new(self.monitor.clone(), node);
        let setup = Setup {
            topology: Arc::clone(&self.topology),
            me: node,
            ring_endpoints: self.ring_addresses.iter().map(endpoint).collect(),
            http_endpoints: self.http_addresses.iter().map(endpoint).collect(),
            http_names: Vec::new(),
            keys: None,
            window_endpoints: WindowEndpoints::default(),
            ring_listener,
            http_listeners: http_listener.into_iter().collect(),
            lab: None,
            window_listeners: WindowListeners::default(),
            control: None,
            leds: Leds::new(self.topology.name(node), Box::new(led)),
            stop: stopped,
            reloads: None,
            service: ServiceManager::none(clock::now()),
        };
        let thread = ReservedThread::new()?;
        let daemon = Daemon::start(executor, thread, setup).map_err(Failure::run)?;
        if let Some(running) = self.nodes.get_mut(node.index()) {
            *running = Some(RunningNode {
                _task: executor.spawn(daemon.run()),
                _stop: stop,
            });
        }
        Ok(())
    }
}

/// The HTTP listeners of all nodes: the first on the given address, the others on the next ports, or
/// on any free port where such a port is taken.
fn bind_http(first: SocketAddr, count: usize) -> Result<Vec<Async<TcpListener>>, Failure> {
    let mut listeners = Vec::new();
    for step in 0..count {
        let step = u16::try_from(step).unwrap_or(u16::MAX);
        let port = match first.port() {
            // Port 0 means any free port, for every node.
            0 => 0,
            port => port.saturating_add(step),
        };
        let listener = match listen::bind("http", SocketAddr::new(first.ip(), port)) {
            Err(_) if step > 0 => listen::bind("http", SocketAddr::new(first.ip(), 0)),
            bound => bound,
        };
        listeners.push(listener.map_err(Failure::run)?);
    }
    Ok(listeners)
}

/// The endpoint of an address. The host is empty if the node listens on all interfaces: then the
/// client uses the host that it already uses.
fn endpoint(address: &SocketAddr) -> Endpoint {
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
