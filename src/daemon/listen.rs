//! Where a node listens.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use async_io::Async;

use super::inherit::InheritedListeners;
use crate::config;

/// A port that cannot be listened on.
#[derive(Debug)]
pub struct ListenError {
    /// Which of the node's endpoints.
    pub endpoint: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint,
            address,
            source,
        } = self;
        write!(
            formatter,
            "cannot listen on {address} for the {endpoint} endpoint ({source}): "
        )?;
        formatter.write_str(if source.kind() == io::ErrorKind::AddrInUse {
            "another program uses that port; stop it, or choose another port in the ring file"
        } else if source.kind() == io::ErrorKind::PermissionDenied {
            "choose a port above 1023 in the ring file"
        } else {
            "check the node's host, listen and ports in the ring file"
        })
    }
}

impl std::error::Error for ListenError {}

/// Listens on `port` of the node's own address.
///
/// That is `listen` if the file gives it; else `host` where it is an IP address of this machine;
/// else every interface. A name is not looked up: on many systems a machine's own name leads to
/// its loopback, where no peer would reach it. A listener of that port that the service manager
/// opened goes before all of this.
///
/// # Errors
/// When the port is in use or may not be used.
pub fn listen(
    node: &config::NodeConfig,
    endpoint: &'static str,
    port: u16,
    inherited: &mut InheritedListeners,
) -> Result<Async<TcpListener>, ListenError> {
    if let Some(listener) = inherited.take(port) {
        return Ok(listener);
    }
    if let Some(address) = node.listen {
        return bind(endpoint, SocketAddr::new(address, port));
    }
    if let Ok(address) = node.host.parse::<IpAddr>() {
        match bind(endpoint, SocketAddr::new(address, port)) {
            Err(error) if error.source.kind() == io::ErrorKind::AddrNotAvailable => {}
            bound => return bound,
        }
    }
    match bind(
        endpoint,
        SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
    ) {
        // A kernel without IPv6.
        Err(error) if error.source.kind() != io::ErrorKind::AddrInUse => bind(
            endpoint,
            SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
        ),
        bound => bound,
    }
}

/// Listens on exactly that address.
///
/// # Errors
/// When the address is in use, is none of this machine's, or may not be used.
pub fn bind(
    endpoint: &'static str,
    address: SocketAddr,
) -> Result<Async<TcpListener>, ListenError> {
    Async::<TcpListener>::bind(address).map_err(|source| ListenError {
        endpoint,
        address,
        source,
    })
}
