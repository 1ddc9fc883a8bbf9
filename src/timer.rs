//! A timer on the clock of the leases, which counts the time while the machine is suspended.
//!
//! The ring's thread waits for one. The daemon and its LED keeper share another: the daemon sets it, and whoever reads
//! that it has fired acts.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::ring::Time;

/// A timer. A descriptor of it that another process has is the same timer.
#[derive(Debug)]
pub(crate) struct Timer(OwnedFd);

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self(timerfd_create(TimerfdClockId::Boottime, flags)?))
    }

    /// The timer of another process.
    pub(crate) fn of(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Sets it to that moment. Returns whether it had fired, or was not set.
    ///
    /// What it has fired before and nobody has taken is forgotten.
    ///
    /// # Errors
    /// When the kernel refuses it, which it has no reason to.
    pub(crate) fn set(&self, moment: Time) -> io::Result<bool> {
        let never = timespec(Duration::ZERO);
        let setting = Itimerspec {
            it_interval: never,
            // A value of zero would stop the timer.
            it_value: timespec(Duration::from_micros(moment.as_micros().max(1))),
        };
        let before = timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &setting)?.it_value;
        Ok(before.tv_sec == 0 && before.tv_nsec == 0)
    }

    /// Whether it has fired and nobody has taken that yet. Only one of the two processes gets `true`.
    pub(crate) fn take(&self) -> bool {
        let mut count = [0; 8];
        matches!(rustix::io::read(&self.0, &mut count), Ok(8))
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A span as the kernel's calls take it.
pub(crate) fn timespec(span: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: span.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn what_has_fired_is_taken_once_and_setting_it_anew_takes_it_back() {
        let timer = Timer::new().unwrap();
        let same = Timer::of(timer.as_fd().try_clone_to_owned().unwrap());
        let soon = || clock::now() + Duration::from_millis(2);
        let wait = || std::thread::sleep(Duration::from_millis(4));
        assert!(timer.set(soon()).unwrap(), "it was not set");
        assert!(!timer.take() && !same.take());
        wait();
        assert!(same.take() && !timer.take(), "only one has it");
        assert!(timer.set(soon()).unwrap());
        wait();
        assert!(timer.set(clock::now() + Duration::from_secs(60)).unwrap());
        assert!(!same.take(), "it was set anew before it was taken");
        assert!(!timer.set(soon()).unwrap(), "it was set");
    }
}
