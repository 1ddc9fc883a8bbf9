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

/// Listens on `port` of the loopback address too, if `listener` has only another address of this machine: a monitor on
/// the machine itself asks for `localhost`.
///
/// `None` if it has that address already, or cannot have it, which is logged: the node plays on.
pub fn listen_on_loopback(
    listener: &Async<TcpListener>,
    port: u16,
    inherited: &mut InheritedListeners,
) -> Option<Async<TcpListener>> {
    let address = listener.get_ref().local_addr().ok()?.ip();
    if let Some(listener) = inherited.take(port) {
        return Some(listener);
    }
    if address.is_unspecified() || address.is_loopback() {
        return None;
    }
    match bind("http", SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)) {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::info!("programs on this machine do not reach the page by localhost: {error}");
            None
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_loopback_or_everywhere_needs_no_other() {
        for address in [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            Ipv4Addr::UNSPECIFIED.into(),
        ] {
            let listener = bind("http", SocketAddr::new(address, 0)).unwrap();
            let port = listener.get_ref().local_addr().unwrap().port();
            let other = listen_on_loopback(&listener, port, &mut InheritedListeners::default());
            assert!(other.is_none(), "{address}");
        }
    }

    #[test]
    fn a_listener_on_one_address_gets_another_on_127_0_0_1() {
        // Every address of 127.0.0.0/8 counts as loopback, so this asks for one that does not.
        let Ok(probe) = std::net::UdpSocket::bind("0.0.0.0:0") else {
            return;
        };
        // No packet is sent: this only chooses a route.
        if probe.connect("192.0.2.1:9").is_err() {
            return;
        }
        let own = probe.local_addr().unwrap().ip();
        let Ok(listener) = bind("http", SocketAddr::new(own, 0)) else {
            return;
        };
        let port = listener.get_ref().local_addr().unwrap().port();
        let other = listen_on_loopback(&listener, port, &mut InheritedListeners::default());
        if !own.is_loopback() {
            let address = other.unwrap().get_ref().local_addr().unwrap();
            assert_eq!(address, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
        }
    }
}
