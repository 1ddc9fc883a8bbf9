//! A node's clock: any offset, a rate within half a percent of true, never stepping back.

use carom::ring::Time;

/// True time, in nanoseconds since the simulation began.
pub(crate) type Nanos = u64;

/// Parts in a million by which a clock may run fast or slow: two of them differ by under one percent.
pub(crate) const MOST_DRIFT: i64 = 4_900;

/// One machine's monotonic clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    from: Nanos,
    reading: Nanos,
    drift: i64,
}

impl Clock {
    /// A clock that shows `reading` at the moment `now`.
    pub(crate) fn new(now: Nanos, reading: Nanos, drift: i64) -> Self {
        Self {
            from: now,
            reading,
            drift,
        }
    }

    /// What a process reads at the moment `now`.
    pub(crate) fn read(&self, now: Nanos) -> Time {
        Time::from_micros(self.nanos(now) / 1_000)
    }

    /// The earliest moment at which a process reads `time` or more.
    pub(crate) fn when(&self, time: Time) -> Nanos {
        let wanted = time.as_micros().saturating_mul(1_000);
        let span = wanted.saturating_sub(self.reading);
        let rate = 1_000_000 + self.drift as i128;
        let guess = (span as i128 * 1_000_000 / rate) as u64;
        let mut moment = self.from.saturating_add(guess);
        while self.read(moment) < time && moment < u64::MAX / 2 {
            moment += 1;
        }
        moment
    }

    /// Runs at another rate from now on, without a step.
    pub(crate) fn set_drift(&mut self, now: Nanos, drift: i64) {
        self.reading = self.nanos(now);
        self.from = now;
        self.drift = drift;
    }

    fn nanos(&self, now: Nanos) -> Nanos {
        let span = now.saturating_sub(self.from) as i128;
        self.reading + (span + span * self.drift as i128 / 1_000_000) as u64
    }
}

#[test]
fn a_clock_says_when_it_will_show_a_time() {
    for drift in [-MOST_DRIFT, 0, 7, MOST_DRIFT] {
        let clock = Clock::new(1_000, 77_000_000, drift);
        for micros in [77_000, 77_001, 99_999, 5_000_000] {
            let time = Time::from_micros(micros);
            let moment = clock.when(time);
            assert!(clock.read(moment) >= time);
            assert!(moment <= 1_000 || clock.read(moment - 1) < time);
        }
    }
}
