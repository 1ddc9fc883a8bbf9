//! The nodes of the demo: each a process of its own, with real sockets between them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitStatus;
use std::rc::Rc;

use async_io::Async;
use smol::LocalExecutor;
use smol::channel::{Receiver, Sender, bounded};
use tracing::Level;

use super::process::NodeProcess;
use super::start::Start;
use super::topology::topology;
use super::traces::Traces;
use crate::cli::failure::Failure;
use crate::daemon::listen;
use crate::program::channel::recv_or_pending;
use crate::ring::{NodeId, Topology};

/// Any free port of the loopback address.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What the ring is to be.
pub(super) struct Plan {
    pub(super) nodes: u8,
    pub(super) balls: u8,
    /// Where the first page is to be, if there are pages.
    pub(super) http: Option<SocketAddr>,
    /// What the nodes log.
    pub(super) level: Level,
}

/// All nodes of the demo, running or not.
pub(super) struct DemoRing {
    pub(super) topology: Topology,
    /// Where the page is, if there is one.
    pub(super) page: Option<SocketAddr>,
    plan: Plan,
    ring_addresses: Vec<SocketAddr>,
    /// Where HTTP clients connect to every node; empty without HTTP.
    http_addresses: Vec<SocketAddr>,
    nodes: Vec<Option<NodeProcess>>,
    ended: Sender<NodeId>,
    ends: Receiver<NodeId>,
    executor: Rc<LocalExecutor<'static>>,
}

impl DemoRing {
    /// Starts every node on a free port of the loopback address.
    pub(super) fn start(
        executor: &Rc<LocalExecutor<'static>>,
        plan: Plan,
        traces: &Traces,
    ) -> Result<Self, Failure> {
        let topology = topology(plan.nodes, plan.balls);
        let mut ring_addresses = Vec::new();
        let mut listeners = Vec::new();
        for _ in &topology.nodes {
            let listener = listen::bind("ring", ANY_PORT).map_err(Failure::run)?;
            ring_addresses.push(listener.get_ref().local_addr()?);
            listeners.push(vec![listener]);
        }
        let mut http_addresses = Vec::new();
        if let Some(first) = plan.http {
            let pages = bind_http(first, listeners.len())?;
            for (page, listeners) in pages.into_iter().zip(&mut listeners) {
                http_addresses.push(page.get_ref().local_addr()?);
                listeners.push(page);
            }
        }
        let (ended, ends) = bounded(listeners.len());
        let mut ring = Self {
            page: http_addresses.first().copied(),
            nodes: listeners.iter().map(|_| None).collect(),
            topology,
            plan,
            ring_addresses,
            http_addresses,
            ended,
            ends,
            executor: Rc::clone(executor),
        };
        for (node, listeners) in ring.topology.node_ids().zip(listeners) {
            let started = ring.start_node(node, traces, &listeners);
            started.map_err(Failure::Run)?;
        }
        Ok(ring)
    }

    /// How many nodes the ring has.
    pub(super) fn nodes(&self) -> u8 {
        self.plan.nodes
    }

    /// Whether the process of that node runs.
    pub(super) fn is_running(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(Option::is_some)
    }

    /// Kills the process of that node without warning, as `kill -9` does.
    pub(super) fn kill(&mut self, node: NodeId) {
        if let Some(Some(process)) = self.nodes.get_mut(node.index()) {
            process.kill();
        }
    }

    /// Starts that node again, at its former addresses.
    ///
    /// # Errors
    /// A sentence, if an address is in use now or the process cannot be started.
    pub(super) fn start_again(&mut self, node: NodeId, traces: &Traces) -> Result<(), String> {
        let mut listeners = Vec::new();
        let addresses = [
            ("ring", &self.ring_addresses),
            ("http", &self.http_addresses),
        ];
        for (endpoint, addresses) in addresses {
            if let Some(&address) = addresses.get(node.index()) {
                let listener = listen::bind(endpoint, address).map_err(|error| {
                    let name = self.topology.name(node);
                    format!("{name} cannot be started: {address}: {}", error.source)
                });
                listeners.push(listener?);
            }
        }
        self.start_node(node, traces, &listeners)
    }

    /// Waits until the process of a node ends.
    pub(super) async fn next_end(&self) -> NodeId {
        recv_or_pending(&self.ends).await
    }

    /// Notes that the process of that node has ended. Returns how.
    pub(super) fn on_end(&mut self, node: NodeId) -> io::Result<ExitStatus> {
        let process = self.nodes.get_mut(node.index()).and_then(Option::take);
        let mut process = process.ok_or(io::ErrorKind::NotFound)?;
        process.wait()
    }

    fn start_node(
        &mut self,
        node: NodeId,
        traces: &Traces,
        listeners: &[Async<TcpListener>],
    ) -> Result<(), String> {
        let (Some(trace), Some(place)) = (traces.path(node), self.nodes.get_mut(node.index()))
        else {
            return Ok(());
        };
        let start = Start {
            nodes: self.plan.nodes,
            balls: self.plan.balls,
            me: node.0,
            ring: self.ring_addresses.clone(),
            http: self.http_addresses.clone(),
            trace,
        };
        let ended = self.ended.clone();
        let process = NodeProcess::spawn(&self.executor, &start, listeners, self.plan.level, ended);
        *place = Some(process.map_err(|error| {
            let name = self.topology.name(node);
            format!("{name} cannot be started: {error}")
        })?);
        Ok(())
    }
}

impl Drop for DemoRing {
    fn drop(&mut self) {
        // All at once: they would pass their balls on while they end one after another.
        self.nodes.iter_mut().flatten().for_each(NodeProcess::kill);
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
        listeners.push(listener.map_err(|error| {
            let (address, why) = (error.address, error.source);
            Failure::Run(format!(
                "the page cannot be served at {address} ({why}): choose another address of this machine, or another port, with --http"
            ))
        })?);
    }
    Ok(listeners)
}
