//! A client that connects to a ring port and sends arbitrary bytes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use carom::config::{Config, Overrides};
use carom::ring::message::VERSION;
use serde_json::json;
use socket2::{Domain, Socket, Type};

use super::Cluster;

/// A connection to a ring port.
pub(crate) struct RawClient(pub(crate) TcpStream);

impl RawClient {
    pub(crate) fn connect(port: u16) -> std::io::Result<Self> {
        Self::connect_from([127, 0, 0, 1], port)
    }

    /// Connects to the port on 127.0.0.1 from another loopback address.
    pub(crate) fn connect_from(source: [u8; 4], port: u16) -> std::io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        socket.connect_timeout(&address.into(), Duration::from_secs(2))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    pub(crate) fn say(&mut self, words: &[u8]) {
        // The other end may have closed the connection already.
        let _ = self.0.write_all(words);
    }

    /// Everything that comes until the other end closes; `None` if it does not close in time.
    pub(crate) fn read_to_close(&mut self, limit: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(limit)).unwrap();
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(_) => return None,
            }
        }
        Some(String::from_utf8_lossy(&heard).into_owned())
    }
}

/// The identity that a client claims in its hello.
pub(crate) struct ClaimedIdentity {
    pub(crate) version: u32,
    pub(crate) ring: String,
    pub(crate) node: String,
    pub(crate) topology: String,
}

impl ClaimedIdentity {
    /// A correct identity except for the node's name.
    pub(crate) fn of(ring: &Cluster, node: &str) -> Self {
        let config = Config::load(&ring.ring_file(), &Overrides::default()).unwrap();
        Self {
            version: VERSION,
            ring: ring.name.clone(),
            node: node.to_owned(),
            topology: config.topology().fingerprint(),
        }
    }

    /// The hello line with this identity.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let hello = json!({
            "type": "hello", "version": self.version, "ring": self.ring, "node": self.node,
            "incarnation": "00000000c0ffee00", "topology": self.topology,
        });
        format!("{hello}\n").into_bytes()
    }
}
