//! Notices when the machine did not let the process run in time, and warns about it.
//!
//! A process that does not run cannot switch its LED off (promise 4). A person who sees two LEDs
//! lit can read here why, and what to do about it.

use std::time::Duration;

use crate::ring::Time;

/// A delay of up to this fraction of the lease is ordinary, and is not counted.
const TOLERATED_FRACTION: u32 = 16;

/// At most one warning in this time.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// How often and by how much the loop was late for its deadlines.
#[derive(Debug)]
pub(super) struct SchedulingDelay {
    tolerated: Duration,
    count: u64,
    longest: Duration,
    /// Since the last warning: the longest delay, and how many there were.
    unreported: (Duration, u64),
    next_warning: Option<Time>,
}

impl SchedulingDelay {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            tolerated: lease / TOLERATED_FRACTION,
            count: 0,
            longest: Duration::ZERO,
            unreported: (Duration::ZERO, 0),
            next_warning: None,
        }
    }

    /// How many delay there were since the start.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The longest delay since the start.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// Records that the loop came to the work due at `deadline` only `now`; the warning to log, if any.
    pub(super) fn record(&mut self, deadline: Option<Time>, now: Time) -> Option<String> {
        let late = deadline.map_or(Duration::ZERO, |deadline| now.since(deadline));
        if late <= self.tolerated {
            return None;
        }
        self.count += 1;
        self.longest = self.longest.max(late);
        self.unreported = (self.unreported.0.max(late), self.unreported.1 + 1);
        if self.next_warning.is_some_and(|next| now < next) {
            return None;
        }
        self.next_warning = Some(now + WARNING_INTERVAL);
        let (longest, times) = std::mem::take(&mut self.unreported);
        Some(format!(
            "this machine did not let carom run for {} ms ({times} times for more than {} ms): an LED may have stayed on too long, or a ball was taken from here; give carom a real-time priority, or the machine less to do",
            longest.as_millis(),
            self.tolerated.as_millis(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    #[test]
    fn warns_of_the_longest_delay_once_a_minute() {
        let mut delay = SchedulingDelay::new(Duration::from_millis(800));
        assert_eq!(delay.record(None, at(10)), None);
        assert_eq!(delay.record(Some(at(100)), at(150)), None);
        let warning = delay.record(Some(at(200)), at(352)).expect("it was late");
        assert!(
            warning.contains("for 152 ms (1 times for more than 50 ms)"),
            "{warning}"
        );
        assert_eq!(delay.record(Some(at(1000)), at(1300)), None);
        assert_eq!(delay.record(Some(at(2000)), at(2100)), None);
        let warning = delay
            .record(Some(at(70_000)), at(70_060))
            .expect("a minute has passed");
        assert!(warning.contains("for 300 ms (3 times"), "{warning}");
        assert_eq!((delay.count(), delay.longest().as_millis()), (4, 300));
    }
}
