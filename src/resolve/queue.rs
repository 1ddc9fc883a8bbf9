//! Which name is looked up next, and what is known of each: the state of a resolver, without its threads.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use smol::channel::Sender;

use super::known::{Failure, Known};
use crate::ring::Time;

/// So many threads at most, whatever the names and the resolver do.
pub(super) const MOST_THREADS: usize = 6;

/// So many of them at most look up names that were slow the last time, so that those do not keep others waiting.
pub(super) const MOST_SLOW: usize = 4;

/// A look-up that took longer makes its name a slow one.
const SLOW: Duration = Duration::from_secs(1);

/// So many names are remembered: far more than a ring has nodes and windows.
const MOST_NAMES: usize = 1024;

/// One look-up.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) host: String,
    is_slow: bool,
}

/// All names, and those that wait for a thread.
#[derive(Default)]
pub(super) struct Queue {
    names: BTreeMap<String, Name>,
    /// Names that wait for a thread, each at most once: those whose last look-up was quick, or that have had none.
    quick: VecDeque<String>,
    /// And those whose last look-up was slow.
    slow: VecDeque<String>,
    threads: usize,
    slow_threads: usize,
}

#[derive(Default)]
struct Name {
    known: Known,
    is_slow: bool,
    waiters: Vec<Sender<()>>,
}

impl Queue {
    pub(super) fn known(&self, host: &str) -> Known {
        self.names
            .get(host)
            .map_or_else(Known::default, |name| name.known.clone())
    }

    /// Queues a look-up, unless one is under way or the last one ended less than `fresh` ago; whether it did.
    pub(super) fn add(&mut self, host: &str, now: Time, fresh: Duration) -> bool {
        if !self.names.contains_key(host) {
            self.make_room();
        }
        let name = self.names.entry(host.to_owned()).or_default();
        let known = &mut name.known;
        let is_fresh = known
            .ended
            .as_ref()
            .is_some_and(|(then, _)| now.since(*then) < fresh);
        if known.running_since.is_some() || is_fresh {
            return false;
        }
        known.running_since = Some(now);
        let queue = if name.is_slow {
            &mut self.slow
        } else {
            &mut self.quick
        };
        queue.push_back(host.to_owned());
        true
    }

    /// Forgets the name that was looked up least recently, if there are too many.
    fn make_room(&mut self) {
        if self.names.len() < MOST_NAMES {
            return;
        }
        let idle = self.names.iter();
        let idle = idle.filter(|(_, name)| name.known.running_since.is_none());
        let oldest = idle.min_by_key(|(_, name)| name.known.ended.as_ref().map(|(then, _)| *then));
        if let Some(host) = oldest.map(|(host, _)| host.clone()) {
            self.names.remove(&host);
        }
    }

    /// The first look-up of a new thread, if one may begin and has something to do.
    pub(super) fn take_for_new_thread(&mut self) -> Option<Job> {
        if self.threads >= MOST_THREADS {
            return None;
        }
        let job = self.take()?;
        self.threads += 1;
        Some(job)
    }

    /// The next look-up of a thread that has ended one; without one, the thread ends.
    pub(super) fn take_for_thread(&mut self) -> Option<Job> {
        let job = self.take();
        if job.is_none() {
            self.threads -= 1;
        }
        job
    }

    fn take(&mut self) -> Option<Job> {
        // One look-up at a time goes to the slow names, however many quick ones wait: otherwise those could take every
        // thread for ever.
        let slow_starves = self.slow_threads == 0 && !self.slow.is_empty();
        if !slow_starves && let Some(host) = self.quick.pop_front() {
            let is_slow = false;
            return Some(Job { host, is_slow });
        }
        if self.slow_threads >= MOST_SLOW {
            return None;
        }
        let host = self.slow.pop_front()?;
        self.slow_threads += 1;
        let is_slow = true;
        Some(Job { host, is_slow })
    }

    /// Takes note of the end of a look-up.
    pub(super) fn on_ended(
        &mut self,
        job: &Job,
        begun: Time,
        now: Time,
        found: io::Result<Vec<SocketAddr>>,
    ) {
        self.slow_threads -= usize::from(job.is_slow);
        let result = match found {
            Ok(addresses) if addresses.is_empty() => {
                let error = io::Error::new(io::ErrorKind::NotFound, "it has no address");
                Err(Failure::new(&error))
            }
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(Failure::new(&error)),
        };
        if let Some(name) = self.names.get_mut(&job.host) {
            name.is_slow = now.since(begun) > SLOW;
            name.end(now, result);
        }
    }

    /// The thread that was to begin could not. Without any other thread, nothing that waits will be looked up.
    pub(super) fn on_no_thread(&mut self, failure: &Failure, job: &Job, now: Time) {
        self.threads -= 1;
        self.slow_threads -= usize::from(job.is_slow);
        let mut failed = vec![job.host.clone()];
        if self.threads == 0 {
            failed.extend(self.quick.drain(..));
            failed.extend(self.slow.drain(..));
        }
        for host in failed {
            if let Some(name) = self.names.get_mut(&host) {
                name.end(now, Err(failure.clone()));
            }
        }
    }

    /// Has `waiter` told when the look-up ends that is under way; whether one is.
    pub(super) fn wait(&mut self, host: &str, waiter: Sender<()>) -> bool {
        let Some(name) = self.names.get_mut(host) else {
            return false;
        };
        if name.known.running_since.is_none() {
            return false;
        }
        name.waiters.retain(|waiter| !waiter.is_closed());
        name.waiters.push(waiter);
        true
    }
}

impl Name {
    fn end(&mut self, now: Time, result: Result<Vec<SocketAddr>, Failure>) {
        self.known.running_since = None;
        let ended = result.map(|addresses| self.known.addresses = Some(addresses.into()));
        self.known.ended = Some((now, ended));
        for waiter in self.waiters.drain(..) {
            // Fails only if it waits no longer.
            let _ = waiter.try_send(());
        }
    }
}
