//! A token bucket: some events at once, then one in each interval.

use std::time::Duration;

use super::time::Time;

/// Admits up to `burst` events at once, and earns one more in each `interval`.
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    burst: u32,
    interval: Duration,
    /// When all tokens will have been earned back.
    full_at: Time,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) const fn new(burst: u32, interval: Duration) -> Self {
        Self {
            burst,
            interval,
            full_at: Time::from_micros(0),
        }
    }

    /// When all tokens will have been earned back.
    pub(crate) fn full_at(&self) -> Time {
        self.full_at
    }

    /// Takes a token; false if there is none.
    pub(crate) fn try_take(&mut self, now: Time) -> bool {
        let missing = now.until(self.full_at);
        if missing > self.interval.saturating_mul(self.burst.saturating_sub(1)) {
            return false;
        }
        self.full_at = self.full_at.max(now) + self.interval;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_admitted_and_then_one_event_in_each_interval() {
        let mut bucket = TokenBucket::new(4, Duration::from_secs(1));
        let at = Time::from_micros;
        assert_eq!((0..9).filter(|_| bucket.try_take(at(5))).count(), 4);
        assert!(!bucket.try_take(at(1_000_004)));
        assert!(bucket.try_take(at(1_000_005)));
        assert!(!bucket.try_take(at(1_000_005)));
        assert_eq!(bucket.full_at(), at(5_000_005));
        // However long nothing came, no more than the burst is saved up.
        let later = at(3_600_000_000);
        assert_eq!((0..9).filter(|_| bucket.try_take(later)).count(), 4);
    }
}
