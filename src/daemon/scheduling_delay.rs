//! Notices when the machine did not let the process run, and says so.
//!
//! A process that does not run cannot switch its LED off (promise P4). Whoever sees two LEDs lit
//! should be able to find out that this is why, and what to do about it.

use std::time::Duration;

use crate::ring::Time;

/// Of a lease: the loop may be so late, as it is under ordinary load.
const TOLERATED: u32 = 16;
/// One warning in so long.
const WARNS_EVERY: Duration = Duration::from_secs(60);

/// How often and how long the loop came late to its deadlines.
#[derive(Debug)]
pub(super) struct SchedulingDelay {
    tolerated: Duration,
    count: u64,
    longest: Duration,
    /// The longest that no warning has told yet, and how many there were.
    untold: (Duration, u64),
    next_warning: Option<Time>,
}

impl SchedulingDelay {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            tolerated: lease / TOLERATED,
            count: 0,
            longest: Duration::ZERO,
            untold: (Duration::ZERO, 0),
            next_warning: None,
        }
    }

    /// How often so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The longest so far.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// The loop had something to do at `deadline` and got to it `now`; what to warn of, if anything.
    pub(super) fn note(&mut self, deadline: Option<Time>, now: Time) -> Option<String> {
        let late = deadline.map_or(Duration::ZERO, |deadline| now.since(deadline));
        if late <= self.tolerated {
            return None;
        }
        self.count += 1;
        self.longest = self.longest.max(late);
        self.untold = (self.untold.0.max(late), self.untold.1 + 1);
        if self.next_warning.is_some_and(|next| now < next) {
            return None;
        }
        self.next_warning = Some(now + WARNS_EVERY);
        let (longest, times) = std::mem::take(&mut self.untold);
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
    fn tells_the_longest_stall_once_a_minute() {
        let mut delays = SchedulingDelay::new(Duration::from_millis(800));
        assert_eq!(delays.note(None, at(10)), None);
        assert_eq!(delays.note(Some(at(100)), at(150)), None);
        let told = delays.note(Some(at(200)), at(352)).expect("it was late");
        assert!(
            told.contains("for 152 ms (1 times for more than 50 ms)"),
            "{told}"
        );
        assert_eq!(delays.note(Some(at(1000)), at(1300)), None);
        assert_eq!(delays.note(Some(at(2000)), at(2100)), None);
        let told = delays
            .note(Some(at(70_000)), at(70_060))
            .expect("a minute has passed");
        assert!(told.contains("for 300 ms (3 times"), "{told}");
        assert_eq!((delays.count(), delays.longest().as_millis()), (4, 300));
    }
}
