//! The only reader of the clock.

use rustix::time::{ClockId, clock_gettime};

use crate::ring::Time;

#[cfg(target_os = "linux")]
const WITH_SUSPENDED_TIME: ClockId = ClockId::Boottime;
/// That of macOS counts the time while the machine is suspended.
#[cfg(not(target_os = "linux"))]
const WITH_SUSPENDED_TIME: ClockId = ClockId::Monotonic;

/// The current moment, for every decision of the ring.
///
/// CLOCK_BOOTTIME never jumps. Unlike CLOCK_MONOTONIC it counts the time while a machine is
/// suspended, too: a lease must expire while its holder sleeps.
pub fn now() -> Time {
    let moment = clock_gettime(WITH_SUSPENDED_TIME);
    let seconds = u64::try_from(moment.tv_sec).unwrap_or(0);
    let micros = u64::try_from(moment.tv_nsec / 1_000).unwrap_or(0);
    Time::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

/// CLOCK_MONOTONIC in nanoseconds: comparable between processes of one machine.
pub fn monotonic_nanos() -> u64 {
    let moment = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(moment.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(moment.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
