//! Says at most once a minute what went wrong with connections, and how often.

use super::{Budget, Nanos};

/// At most one log line in this time.
const BETWEEN_COMPLAINTS: Nanos = 60_000_000_000;

/// When it may be told again, and how often it happened since.
#[derive(Debug)]
pub(crate) struct Troubles(Budget);

impl Default for Troubles {
    fn default() -> Self {
        Self(Budget::new(1, BETWEEN_COMPLAINTS))
    }
}

impl Troubles {
    /// Logs a trouble, unless one was logged in the last minute.
    pub(crate) fn tell(&mut self, now: Nanos, sentence: impl FnOnce() -> String) {
        match self.0.take(now) {
            Some(0) => tracing::warn!("{}", sentence()),
            Some(count) => tracing::warn!("{} (and {count} such lines kept back)", sentence()),
            None => {}
        }
    }
}
