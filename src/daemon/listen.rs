//! Opens the listeners of a node.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use async_io::Async;
use socket2::{Domain, Socket, Type};

use super::inherit::InheritedListeners;
use crate::config;

/// Connections that the system queues until they are accepted, as for the standard library.
const BACKLOG: i32 = 128;

/// This node cannot listen on one of its ports.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for the {endpoint} endpoint ({source}): {}", advice(source.kind()))]
pub struct ListenError {
    /// The name of the endpoint: `ring`, `http`, `receiver`, ...
    pub endpoint: &'static str,
    /// The address and port that were tried.
    pub address: SocketAddr,
    /// The system's error.
    pub source: io::Error,
}

/// What a person can do about such an error.
fn advice(kind: io::ErrorKind) -> &'static str {
    if kind == io::ErrorKind::AddrInUse {
        "another program uses that port; stop it, or choose another port in the ring file"
    } else if kind == io::ErrorKind::PermissionDenied {
        "choose a port above 1023 in the ring file"
    } else {
        "check the node's host, listen and ports in the ring file"
    }
}

/// Listens on `port` of the node's own address.
///
/// A listener of that port that the service manager opened comes first. Otherwise the address is
/// `listen` if the file gives it; else `host` if it is an IP address of this machine; else every
/// interface. A host name is not looked up: on many systems a machine's own name resolves to its
/// loopback address, where no peer would reach it.
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
/// When the address is in use, does not belong to this machine, or may not be used.
pub fn bind(
    endpoint: &'static str,
    address: SocketAddr,
) -> Result<Async<TcpListener>, ListenError> {
    let bound = bind_tcp(address).and_then(Async::new);
    bound.map_err(|source| ListenError {
        endpoint,
        address,
        source,
    })
}

/// Listens on exactly that address; on `[::]` for IPv4 as well, whatever `net.ipv6.bindv6only` says.
///
/// # Errors
/// When the address is in use, does not belong to this machine, or may not be used.
pub fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // As the standard library does: connections of an earlier process keep the port for a minute.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
