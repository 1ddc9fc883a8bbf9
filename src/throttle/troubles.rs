//! Says at most once a minute what went wrong with connections, and how often.

use super::{Nanos, TokenBucket};

/// At most one log line in this time.
const BETWEEN_COMPLAINTS: Nanos = 60_000_000_000;

/// When it may be told again, and how often it happened since.
#[derive(Debug)]
pub(crate) struct RateLimitedLog(TokenBucket);

impl Default for RateLimitedLog {
    fn default() -> Self {
        Self(TokenBucket::new(1, BETWEEN_COMPLAINTS))
    }
}

impl RateLimitedLog {
    /// Logs a trouble, unless one was logged in the last minute.
    pub(crate) fn tell(&mut self, now: Nanos, sentence: impl FnOnce() -> String) {
        match self.0.take(now) {
            Some(0) => tracing::warn!("{}", sentence()),
            Some(count) => tracing::warn!("{} (and {count} such lines kept back)", sentence()),
            None => {}
        }
    }
}
