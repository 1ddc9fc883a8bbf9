//! The end of the daemon's process, as the kernel tells it.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, getppid, pidfd_open};

use crate::clock;
use crate::timer::timespec;

/// The process that has started this one.
pub(super) struct Parent(OwnedFd);

impl Parent {
    /// Watches the parent of this process.
    ///
    /// # Errors
    /// When it has ended already, or the kernel (before Linux 5.3) or a sandbox does not allow it.
    pub(super) fn watch() -> io::Result<Self> {
        let ended = || io::Error::from(io::ErrorKind::NotFound);
        let parent = getppid().ok_or_else(ended)?;
        let descriptor = pidfd_open(parent, PidfdFlags::empty())?;
        // If it had ended before, its number could belong to another process by now, and this one would have another parent.
        if getppid() == Some(parent) {
            Ok(Self(descriptor))
        } else {
            Err(ended())
        }
    }

    /// Waits until all threads of the process have ended, or for so long; whether they have.
    pub(super) fn has_ended_within(&self, limit: Duration) -> bool {
        let until = clock::now() + limit;
        loop {
            let rest = timespec(until.since(clock::now()));
            let mut watched = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut watched, Some(&rest)) {
                Err(Errno::INTR) => {}
                Err(_) => return false,
                Ok(count) => return count > 0,
            }
        }
    }
}
