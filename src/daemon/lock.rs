//! One process a node on one machine.

use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use sha2::{Digest as _, Sha256};

/// Held for as long as the process plays its node; the kernel takes it back however the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, never used")] UnixListener);

/// The node is played already, or the lock cannot be had.
#[derive(Debug)]
pub struct LockError {
    node: String,
    ring: String,
    source: io::Error,
}

impl fmt::Display for LockError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, ring, source } = self;
        if source.kind() == io::ErrorKind::AddrInUse {
            write!(
                formatter,
                "node {node} of ring {ring} is already running on this machine: stop it first, or start another node"
            )
        } else {
            write!(
                formatter,
                "cannot make sure that node {node} of ring {ring} runs only once on this machine ({source})"
            )
        }
    }
}

impl std::error::Error for LockError {}

/// Takes the lock of that node: an abstract Unix socket, which leaves no file behind.
///
/// # Errors
/// When another process of this machine (or of this network namespace) has it.
pub fn take(ring: &str, node: &str) -> Result<Lock, LockError> {
    // Hashed: an abstract name has room for 107 bytes only.
    let name = Sha256::digest(format!("{ring}/{node}"));
    let name = name.iter().fold(String::from("carom/"), |text, byte| {
        text + &format!("{byte:02x}")
    });
    SocketAddr::from_abstract_name(name.as_bytes())
        .and_then(|address| UnixListener::bind_addr(&address))
        .map(Lock)
        .map_err(|source| LockError {
            node: node.to_owned(),
            ring: ring.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_runs_once_and_again_when_it_has_ended() {
        let ring = format!("lock-test-{}-{}", "long".repeat(40), std::process::id());
        let held = take(&ring, "pi1").unwrap();
        assert!(take(&ring, "pi2").is_ok());
        let refused = take(&ring, "pi1").unwrap_err().to_string();
        assert!(refused.contains("already running"), "{refused}");
        drop(held);
        assert!(take(&ring, "pi1").is_ok());
    }
}
