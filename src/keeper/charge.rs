//! What the keeper is charged with for the end of the daemon.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::obituary::Obituary;

/// What the keeper does once the daemon has ended and the LED is off.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Charge {
    /// What it tells.
    pub(super) obituary: Obituary,
    /// The daemon's node in ring order: the nodes beside it are told first.
    pub(super) me: u16,
    /// How long it tries, in microseconds. After a lease, an election has decided.
    pub(super) limit: u64,
}

impl Charge {
    pub(super) fn limit(&self) -> Duration {
        Duration::from_micros(self.limit)
    }
}
