//! Log lines of one kind, at a bounded rate: some at once, then one in each interval.

use std::time::Duration;

use crate::clock;
use crate::ring::Time;
use crate::ring::token_bucket::TokenBucket;

/// By default at most one line in this time.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// Logs some lines and counts the rest; the next line says how many were suppressed.
#[derive(Debug)]
pub(crate) struct RateLimitedLog {
    bucket: TokenBucket,
    suppressed: u64,
}

impl Default for RateLimitedLog {
    /// One line a minute.
    fn default() -> Self {
        Self::new(1, DEFAULT_INTERVAL)
    }
}

impl RateLimitedLog {
    /// Up to `burst` lines at once, then one in each `interval`.
    pub(crate) fn new(burst: u32, interval: Duration) -> Self {
        Self {
            bucket: TokenBucket::new(burst, interval),
            suppressed: 0,
        }
    }

    /// Logs a warning, unless it comes too soon.
    pub(crate) fn warn(&mut self, sentence: impl FnOnce() -> String) {
        if let Some(suppressed) = self.admit(clock::now()) {
            tracing::warn!("{}{}", sentence(), suffix(suppressed));
        }
    }

    /// Logs an ordinary event, unless it comes too soon.
    pub(crate) fn info(&mut self, sentence: impl FnOnce() -> String) {
        if let Some(suppressed) = self.admit(clock::now()) {
            tracing::info!("{}{}", sentence(), suffix(suppressed));
        }
    }

    /// Whether a line may be logged now; with the number of lines suppressed since the last one.
    pub(crate) fn admit(&mut self, now: Time) -> Option<u64> {
        if self.bucket.try_take(now) {
            return Some(std::mem::take(&mut self.suppressed));
        }
        self.suppressed += 1;
        None
    }
}

/// What is appended to a line after others were suppressed.
pub(super) fn suffix(suppressed: u64) -> String {
    match suppressed {
        0 => String::new(),
        count => format!(" (and {count} such lines kept back)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_logged_in_part_and_the_rest_is_counted() {
        let second = 1_000_000;
        let at = Time::from_micros;
        let mut log = RateLimitedLog::new(60, Duration::from_secs(10));
        let logged = (0..10_000)
            .filter(|&number| log.admit(at(number)).is_some())
            .count();
        assert_eq!(logged, 60);
        assert_eq!(log.admit(at(11 * second)), Some(10_000 - 60));
        assert_eq!(log.admit(at(11 * second)), None);
        let day = (0..86_400)
            .filter(|number| log.admit(at((12 + number) * second)).is_some())
            .count();
        assert!(day <= 8_641, "{day} lines a day");
    }
}
