//! All that a node needs before it can start.

use std::net::TcpListener;
use std::sync::Arc;

use async_io::Async;
use smol::channel::Receiver;

use super::control;
use super::lab::LabListeners;
use super::leds::Leds;
use super::reload::ReloadStep;
use super::service::ServiceManager;
use super::windows::{WindowEndpoints, WindowListeners};
use crate::config::{Config, NodeConfig};
use crate::endpoint::Endpoint;
use crate::key::Keys;
use crate::ring::{NodeId, Topology};

/// What a node needs to run.
pub struct Setup {
    /// The ring.
    pub topology: Arc<Topology>,
    /// This node.
    pub me: NodeId,
    /// Where every node listens for its peers, in ring order.
    pub ring_endpoints: Vec<Endpoint>,
    /// Where every node answers HTTP, in ring order; may be empty.
    pub http_endpoints: Vec<Endpoint>,
    /// Further names by which HTTP clients may ask for this node.
    pub http_names: Vec<String>,
    /// The keys of the ring's key file; `None` if the ring has no key.
    pub keys: Option<Keys>,
    /// Where the windows beside this node take balls.
    pub window_endpoints: WindowEndpoints,
    /// Where peers connect to this node.
    pub ring_listener: Async<TcpListener>,
    /// Where HTTP clients connect, if they may.
    pub http_listeners: Vec<Async<TcpListener>>,
    /// Where students connect, if they may.
    pub lab: Option<LabListeners>,
    /// Where windows connect to give this node balls.
    pub window_listeners: WindowListeners,
    /// Where people on this machine send requests, if they may.
    pub control: Option<control::Listener>,
    /// The LED of this node.
    pub leds: Leds,
    /// A message here is a request to hand every ball on and end.
    pub stop: Receiver<()>,
    /// The steps of reloads; `None` if there are no reloads.
    pub reloads: Option<Receiver<ReloadStep>>,
    /// The service manager, to which the node reports.
    pub service: ServiceManager,
}

/// What this machine calls itself.
pub fn host_name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// Where every node listens for its peers, in the order of the ring file.
pub fn ring_endpoints(config: &Config) -> Vec<Endpoint> {
    let endpoint = |node: &NodeConfig| Endpoint {
        host: node.host.clone(),
        port: node.ports.ring,
    };
    config.nodes.iter().map(endpoint).collect()
}

/// Where every node answers HTTP, in the order of the ring file.
pub fn http_endpoints(config: &Config) -> Vec<Endpoint> {
    let endpoint = |node: &NodeConfig| Endpoint {
        host: node.host.clone(),
        port: node.ports.http,
    };
    config.nodes.iter().map(endpoint).collect()
}
