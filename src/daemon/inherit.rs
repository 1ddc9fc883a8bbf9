//! Listeners that the service manager opened and holds: they outlive a restart of the process, so
//! that no connection is refused meanwhile.

use std::net::TcpListener;

use async_io::Async;
use listenfd::ListenFd;

/// Sockets beyond this number are ignored; a node has at most seven.
const MOST_SOCKETS: usize = 64;

/// The inherited listeners that were not taken yet.
#[derive(Debug, Default)]
pub struct InheritedListeners {
    /// With their ports.
    listeners: Vec<(u16, TcpListener)>,
    /// The sockets that are not used, by their index, and why.
    refused: Vec<(usize, std::io::Error)>,
}

impl InheritedListeners {
    /// Takes the listeners over (`LISTEN_FDS`), so that no process that this one starts gets them; a socket that is no TCP
    /// listener is left alone.
    ///
    /// Each is identified by its port, which the ring file names as well. So one socket unit serves
    /// them all.
    pub fn from_environment() -> Self {
        let mut passed = ListenFd::from_env();
        let mut found = Self::default();
        for index in 0..passed.len().min(MOST_SOCKETS) {
            let listener = passed.take_tcp_listener(index).and_then(|listener| {
                let listener = listener.ok_or(std::io::ErrorKind::NotFound)?;
                Ok((listener.local_addr()?.port(), listener))
            });
            match listener {
                Ok(with_port) => found.listeners.push(with_port),
                Err(error) => found.refused.push((index, error)),
            }
        }
        found
    }

    /// The listener of that port, if the process inherited one.
    pub fn take(&mut self, port: u16) -> Option<Async<TcpListener>> {
        let mut ports = self.listeners.iter();
        let index = ports.position(|&(found, _)| found == port)?;
        let (_, listener) = self.listeners.swap_remove(index);
        Async::new(listener).ok()
    }

    /// Warns of every socket that is not used, and of every listener that was not taken.
    pub fn warn(&self) {
        for (index, error) in &self.refused {
            tracing::warn!(
                "socket {index} of the service manager is not used ({error}): let carom.socket have ListenStream= lines with ports only"
            );
        }
        for (port, _) in &self.listeners {
            tracing::warn!(
                "carom.socket listens on port {port}, which is none of this node's in the ring file: connections to it wait for ever; give both the same ports"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_by_its_port_and_taken_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut inherited = InheritedListeners {
            listeners: vec![(port, listener)],
            refused: Vec::new(),
        };
        assert!(inherited.take(port.wrapping_add(1)).is_none());
        let taken = inherited.take(port).unwrap();
        assert_eq!(taken.get_ref().local_addr().unwrap().port(), port);
        assert!(inherited.take(port).is_none());
    }
}
