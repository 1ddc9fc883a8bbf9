//! Starts the keeper's process, and another one when it has ended.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::process::COMMAND;
use super::shared::Shared;
use crate::clock;
use crate::process_channel::ProcessChannel;
use crate::throttle::RateLimitedLog;

/// A keeper that ends sooner than this after its start is not replaced before.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// Lines about keepers that have ended: so many at once, then one in each interval.
const LOG_BURST: u32 = 3;
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// How long the end of the daemon waits for the end of its keeper.
const END_LIMIT: Duration = Duration::from_millis(200);

/// The thread that waits for the end of the keeper.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// Disconnected when the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Supervisor {
    /// Starts a keeper that has `end` of the connection, and a thread that has the priority of the calling one: so have
    /// the keepers that it starts.
    pub(super) fn start(shared: Arc<Shared>, end: ProcessChannel) -> io::Result<Self> {
        let child = spawn(&end)?;
        let (running, ended) = mpsc::channel();
        thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || {
                supervise(&shared, &end, child);
                drop(running);
            })?;
        Ok(Self { ended })
    }

    /// Waits a while for the end of the keeper, which has been told to end.
    pub(super) fn wait_for_end(&self) {
        // A keeper that is stopped ends when it runs again.
        let _ = self.ended.recv_timeout(END_LIMIT);
    }
}

/// Replaces every keeper that ends, until the last one is to.
fn supervise(shared: &Shared, end: &ProcessChannel, mut child: Child) {
    let mut log = RateLimitedLog::new(LOG_BURST, LOG_INTERVAL);
    loop {
        let (started, id) = (clock::now(), child.id());
        let status = child.wait();
        if shared.ending.load(Ordering::Acquire) {
            return;
        }
        let early = SHORTEST_LIFE.saturating_sub(clock::now().since(started));
        thread::sleep(early);
        child = loop {
            match spawn(end).and_then(|child| shared.give_again().map(|()| child)) {
                Ok(child) => break child,
                Err(error) => {
                    log.warn(|| format!("the LED keeper cannot be started ({error}): until it can, the LED of a process that is stopped or killed stays on"));
                    thread::sleep(SHORTEST_LIFE);
                }
            }
            if shared.ending.load(Ordering::Acquire) {
                return;
            }
        };
        log.warn(|| {
            format!(
                "the LED keeper, process {id}, has ended ({}): another one runs now",
                how_it_ended(status)
            )
        });
    }
}

fn how_it_ended(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Starts a keeper.
fn spawn(end: &ProcessChannel) -> io::Result<Child> {
    end.command(COMMAND)?
        // Ctrl-C goes to the daemon only.
        .process_group(0)
        .stderr(Stdio::null())
        .spawn()
}
