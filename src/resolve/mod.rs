//! Looks names up: one look-up at a time for each name, on a few threads, and the answers are kept.
//!
//! A resolver may take half a minute, and a look-up that has begun cannot be stopped. So nobody waits for
//! the end of one longer than they like: it goes on, and its answer is there for the next attempt.

mod known;
mod queue;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smol::channel::bounded;

use crate::clock;
use queue::{Job, Queue};

pub use known::{Failure, Known};

/// Does one look-up, and takes as long as the system takes. The port of the addresses is 0.
pub type LookUp = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// The resolver of this process: the system's.
static OF_PROCESS: LazyLock<Resolver> = LazyLock::new(|| Resolver::new(ask_system));

/// A handle to a resolver; clones share what they know.
#[derive(Clone)]
pub struct Resolver(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    look_up: LookUp,
}

impl Resolver {
    /// The resolver that everything in this process shares.
    pub fn of_process() -> &'static Self {
        &OF_PROCESS
    }

    /// A resolver of its own, which looks names up in this way.
    pub fn new(look_up: LookUp) -> Self {
        let queue = Mutex::default();
        Self(Arc::new(Shared { queue, look_up }))
    }

    /// What is known of the host now.
    pub fn known(&self, host: &str) -> Known {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Known {
                addresses: Some([SocketAddr::new(address, 0)].into()),
                ..Known::default()
            };
        }
        self.0.queue().known(host)
    }

    /// Has the host looked up, unless a look-up is under way or the last one ended less than `fresh` ago.
    pub fn refresh(&self, host: &str, fresh: Duration) {
        if host.parse::<IpAddr>().is_ok() {
            return;
        }
        let now = clock::now();
        let mut queue = self.0.queue();
        if queue.add(host, now, fresh)
            && let Some(first) = queue.take_for_new_thread()
        {
            let (shared, job) = (Arc::clone(&self.0), first.clone());
            let thread = std::thread::Builder::new().name("look-up".to_owned());
            if let Err(error) = thread.spawn(move || shared.run(job)) {
                queue.on_no_thread(&Failure::new(&error), &first, now);
            }
        }
    }

    /// Waits until no look-up of the host is under way.
    pub async fn finished(&self, host: &str) {
        let (waiter, finished) = bounded(1);
        if self.0.queue().wait(host, waiter) {
            // Fails only if the name is forgotten, and then nothing is under way.
            let _ = finished.recv().await;
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it has the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does: one look-up after the other, until none is left for it.
    fn run(&self, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            let begun = clock::now();
            let found = (self.look_up)(&job.host);
            let mut queue = self.queue();
            queue.on_ended(&job, begun, clock::now(), found);
            next = queue.take_for_thread();
        }
    }
}

/// Asks the system's resolver: the files, name servers and mDNS of this machine.
fn ask_system(host: &str) -> io::Result<Vec<SocketAddr>> {
    Ok((host, 0).to_socket_addrs()?.collect())
}
