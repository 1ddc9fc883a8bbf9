//! Makes sure that at most one process of this machine plays a node.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use sha2::{Digest as _, Sha256};

/// Held while the process plays its node; the kernel releases it however the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, never used")] UnixListener);

/// Why this process may not play the node.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has the lock.
    #[error(
        "node {node} of ring {ring} is already running on this machine: stop it first, or start another node"
    )]
    Running {
        /// The name of the node.
        node: String,
        /// The name of its ring.
        ring: String,
    },
    /// The lock cannot be taken.
    #[error(
        "cannot make sure that node {node} of ring {ring} runs only once on this machine ({source})"
    )]
    Unavailable {
        /// The name of the node.
        node: String,
        /// The name of its ring.
        ring: String,
        /// The system's error.
        source: io::Error,
    },
}

/// Takes the lock of that node: an abstract Unix socket, which leaves no file behind.
///
/// # Errors
/// When another process of this machine (or of this network namespace) has it.
pub fn take(ring: &str, node: &str) -> Result<Lock, LockError> {
    // Hashed, because an abstract name has room for only 107 bytes.
    let name = Sha256::digest(format!("{ring}/{node}"));
    let name = format!("carom/{}", base16ct::lower::encode_string(&name));
    SocketAddr::from_abstract_name(name.as_bytes())
        .and_then(|address| UnixListener::bind_addr(&address))
        .map(Lock)
        .map_err(|source| {
            let (node, ring) = (node.to_owned(), ring.to_owned());
            if source.kind() == io::ErrorKind::AddrInUse {
                LockError::Running { node, ring }
            } else {
                LockError::Unavailable { node, ring, source }
            }
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
