//! The thread that owns the node, its links and its LED, and nothing else. Whatever the services do, it never waits for them.

mod event_loop;
mod mailbox;
mod message;
mod reports;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use async_io::Async;

use super::leds::Leds;
use super::scheduling_delay::SchedulingDelay;
use super::service::ServiceManager;
use crate::clock;
use crate::net::LinkSet;
use crate::poller::Poller;
use crate::ring::{Incarnation, Node, NodeId, Topology};
use event_loop::{COMMANDS, EventLoop};
use mailbox::{Receiver, Sender, Signal, mailbox};
pub(super) use message::{Answer, Command, Report, Snapshot};
pub(super) use reports::Wanted;
use reports::{Following, Reports};

/// Commands that may wait.
const MOST_COMMANDS: usize = 256;

/// Commands that may wait for room there: the thread is behind, such as while it opens another LED.
const MOST_BACKLOG: usize = 4096;

/// Reports that may wait.
const MOST_REPORTS: usize = 256;

/// A thread that waits for its node. It has the priority of the thread that made it.
pub struct ReservedThread {
    start: mpsc::SyncSender<EventLoop>,
    handle: JoinHandle<()>,
}

/// What the ring's thread begins with.
pub(super) struct RingSetup {
    pub(super) topology: Arc<Topology>,
    pub(super) me: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) leds: Leds,
    pub(super) service: ServiceManager,
}

/// The services' end of the way to the ring's thread. When this is dropped, the thread ends at once, and its links with it.
pub(super) struct RingThread {
    commands: Sender<Command>,
    reports: Receiver<Report>,
    /// The signal of `reports`, for the reactor.
    woken: Async<Signal>,
    following: Arc<Following>,
    stop: Arc<AtomicBool>,
    handle: Option<JoinHandle<()>>,
}

impl ReservedThread {
    /// Starts a thread that waits for its node.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn new() -> io::Result<Self> {
        let (start, started) = mpsc::sync_channel::<EventLoop>(1);
        let handle = std::thread::Builder::new()
            .name("ring".to_owned())
            .spawn(move || {
                // Fails if the process ends before its node starts.
                if let Ok(mut ring) = started.recv() {
                    let ended = ring.run();
                    ring.end(ended);
                }
            })?;
        Ok(Self { start, handle })
    }
}

impl RingThread {
    /// Starts the node.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(super) fn start(thread: ReservedThread, setup: RingSetup) -> io::Result<Self> {
        let RingSetup {
            topology,
            me,
            incarnation,
            leds,
            service,
        } = setup;
        let (commands, command_receiver) = mailbox(MOST_COMMANDS)?;
        let (report_sender, reports) = mailbox(MOST_REPORTS)?;
        let poller = Poller::new()?;
        poller.watch_signals(command_receiver.signal(), COMMANDS)?;
        let following = Arc::new(Following::default());
        let stop = Arc::new(AtomicBool::new(false));
        let now = clock::now();
        let ring = EventLoop {
            node: Node::new(Arc::clone(&topology), me, incarnation, now),
            outputs: Vec::new(),
            links: LinkSet::new(Arc::clone(&topology), me),
            leds,
            poller,
            commands: command_receiver,
            reports: Reports::new(report_sender, Arc::clone(&following)),
            service,
            delay: SchedulingDelay::new(topology.lease),
            next_heartbeat: now,
            stop: Arc::clone(&stop),
            has_left: false,
            topology,
        };
        let woken = Async::new(reports.signal().clone())?;
        // Fails only if the thread is gone, and then nothing is ever reported.
        let _ = thread.start.send(ring);
        Ok(Self {
            commands,
            reports,
            woken,
            following,
            stop,
            handle: Some(thread.handle),
        })
    }

    /// Sends a command, now or as soon as there is room; `false` if so many wait that the thread must hang. Then it is lost.
    pub(super) fn send(&mut self, command: Command) -> bool {
        if self.commands.backlog() >= MOST_BACKLOG {
            return false;
        }
        self.commands.send(command);
        true
    }

    /// Sends what had no room. Returns whether something still waits.
    pub(super) fn flush(&mut self) -> bool {
        self.commands.flush();
        self.commands.backlog() > 0
    }

    /// Waits for news: reports, or changes that the followers of the events want to know.
    pub(super) async fn news(&self) -> io::Result<()> {
        self.woken.readable().await?;
        self.reports.signal().clear();
        Ok(())
    }

    /// The next report, if there is one.
    pub(super) fn next_report(&mut self) -> Option<Report> {
        self.reports.next()
    }

    /// Whether anything has changed since the last call, and whether a ball came or went.
    pub(super) fn take_changes(&self) -> (bool, bool) {
        self.following.take()
    }

    /// Which changes are wanted from now on.
    pub(super) fn follow(&self, wanted: Wanted) {
        if self.following.set(wanted) {
            self.reports.signal().raise();
        }
    }
}

impl Drop for RingThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.commands.signal().raise();
        if let Some(handle) = self.handle.take() {
            // Fails only if the thread has panicked.
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::led::{Led, LedChange, LedError};
    use crate::ring::test_topology::{BALL, ring_with_ball};

    /// Whether it is lit, after each change.
    struct Recorded(Arc<Mutex<Vec<bool>>>);

    impl Led for Recorded {
        fn show(&mut self, _change: &LedChange<'_>, lit: bool) -> Result<(), LedError> {
            self.0.lock().unwrap().push(lit);
            Ok(())
        }
    }

    const LEASE: Duration = Duration::from_millis(20);

    /// A node alone in its ring, with a short lease, and what its LED shows.
    fn alone() -> (RingThread, Arc<Mutex<Vec<bool>>>) {
        let shown = Arc::default();
        let topology = Topology {
            lease: LEASE,
            ..ring_with_ball(1, BALL)
        };
        let setup = RingSetup {
            topology: Arc::new(topology),
            me: NodeId(0),
            incarnation: Incarnation(7),
            leds: Leds::new("pi1", Box::new(Recorded(Arc::clone(&shown)))),
            service: ServiceManager::none(clock::now()),
        };
        let thread = ReservedThread::new().unwrap();
        (RingThread::start(thread, setup).unwrap(), shown)
    }

    /// The next report that `wanted` accepts.
    fn report<T>(ring: &mut RingThread, wanted: impl Fn(Report) -> Option<T>) -> T {
        async_io::block_on(async {
            loop {
                while let Some(report) = ring.next_report() {
                    if let Some(found) = wanted(report) {
                        return found;
                    }
                }
                ring.news().await.unwrap();
            }
        })
    }

    fn snapshot(ring: &mut RingThread, number: u64) -> Box<Snapshot> {
        assert!(ring.send(Command::Snapshot(number)));
        report(ring, |report| {
            if let Report::Snapshot(answered, snapshot) = report {
                (answered == number).then_some(snapshot)
            } else {
                None
            }
        })
    }

    #[test]
    fn a_node_alone_lights_its_led_answers_and_leaves() {
        let begun = clock::now();
        let (mut ring, shown) = alone();
        let first = snapshot(&mut ring, 1);
        // On a busy machine the answer may come later than that.
        let is_early = clock::now().since(begun) < LEASE;
        assert!(!(is_early && first.led.lit), "not within its first lease");
        std::thread::sleep(Duration::from_millis(100));
        // Many leases later it still has the ball, though it was not woken for it.
        for number in 2..5 {
            std::thread::sleep(Duration::from_millis(50));
            assert!(snapshot(&mut ring, number).led.lit);
        }
        assert_eq!(*shown.lock().unwrap(), [true]);
        assert!(ring.send(Command::Drain));
        let ended = report(&mut ring, |report| {
            if let Report::Ended(ended) = report {
                Some(ended)
            } else {
                None
            }
        });
        assert!(ended.is_ok());
        assert_eq!(*shown.lock().unwrap(), [true, false]);
    }

    #[test]
    fn changes_are_told_only_to_those_who_follow() {
        let (mut ring, _) = alone();
        snapshot(&mut ring, 1);
        assert_eq!(ring.take_changes(), (false, false));
        ring.follow(Wanted::Everything);
        std::thread::sleep(Duration::from_millis(100));
        snapshot(&mut ring, 2);
        assert_eq!(ring.take_changes(), (true, true), "the ball came");
        assert_eq!(ring.take_changes(), (false, false));
    }

    #[test]
    fn it_ends_with_its_owner() {
        let (ring, shown) = alone();
        std::thread::sleep(Duration::from_millis(100));
        drop(ring);
        assert_eq!(Arc::strong_count(&shown), 1, "the LED is released");
    }
}
