//! What a resolver knows of a host.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::ring::Time;

/// What is known of a host.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What the last look-up gave that was successful, with the port 0. Later failures do not change it: a name in mDNS
    /// cannot be looked up while its host is off.
    pub addresses: Option<Arc<[SocketAddr]>>,
    /// When the last look-up ended, and why it failed if it did.
    pub ended: Option<(Time, Result<(), Failure>)>,
    /// Since when a look-up has been running, or waiting for a thread.
    pub running_since: Option<Time>,
}

/// Why a look-up failed.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: io::ErrorKind,
    sentence: String,
}

impl Failure {
    pub(super) fn new(error: &io::Error) -> Self {
        let (kind, sentence) = (error.kind(), error.to_string());
        Self { kind, sentence }
    }

    /// The error again, with this sentence before it.
    pub fn to_error(&self, sentence: &str) -> io::Error {
        io::Error::new(self.kind, format!("{sentence} ({})", self.sentence))
    }
}
