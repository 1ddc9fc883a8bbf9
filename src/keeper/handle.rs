//! The daemon's hold on its LED keeper.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::channel::{Channel, Received};
use super::message::Answer;
use super::shared::Shared;
use super::supervisor::Supervisor;
use crate::clock;
use crate::led::OffSwitch;
use crate::ring::Time;

/// How long the daemon waits until the keeper has opened an LED or let go of it.
const ORDER_LIMIT: Duration = Duration::from_millis(100);

/// How long the daemon waits for a keeper that has begun to switch the LED off.
const ACT_LIMIT: Duration = Duration::from_millis(20);

/// The keeper acts this part of a lease after the deadline, so that the daemon comes first. A lease ends a hundredth of
/// itself after the deadline of its holder.
const PART_OF_LEASE: u32 = 500;

/// The keeper acts at most this long after the deadline.
const LONGEST_MARGIN: Duration = Duration::from_millis(5);

/// The daemon's side of the keeper: when the LED is to be off at the latest, and what the keeper has done.
#[derive(Debug, Default)]
pub struct Keeper(Option<Running>);

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    /// `None` in tests.
    supervisor: Option<Supervisor>,
    lease: Duration,
    margin: Duration,
    /// When the keeper acts; `None` if it is not set.
    armed: Option<Time>,
    /// The keeper has said that it switched the LED off.
    put_out: bool,
    /// The keeper has said that it has taken its turn, whatever came of it.
    has_acted: bool,
    /// Why the keeper could not do something.
    failure: Option<String>,
}

impl Keeper {
    /// No keeper: an LED stays as it is when its process is stopped or killed.
    pub fn none() -> Self {
        Self(None)
    }

    /// Starts a keeper with the priority of the calling thread. Call this before that is given up.
    ///
    /// # Errors
    /// When the system has no process, thread or descriptor left.
    pub fn start(lease: Duration) -> io::Result<Self> {
        let (channel, end) = Channel::pair()?;
        let shared = Arc::new(Shared::new(channel)?);
        let supervisor = Supervisor::start(Arc::clone(&shared), end)?;
        Ok(Self::running(shared, Some(supervisor), lease))
    }

    /// A keeper on a thread of this process, which ends when this is dropped.
    #[cfg(test)]
    pub(crate) fn on_a_thread(lease: Duration) -> Self {
        tests::keeper(lease).0
    }

    fn running(shared: Arc<Shared>, supervisor: Option<Supervisor>, lease: Duration) -> Self {
        Self(Some(Running {
            shared,
            supervisor,
            lease,
            margin: (lease / PART_OF_LEASE).min(LONGEST_MARGIN),
            armed: None,
            put_out: false,
            has_acted: false,
            failure: None,
        }))
    }

    /// From now on the keeper switches this LED off; none, if there is none. Waits until it has opened it, and has let go
    /// of the one before.
    pub fn keep(&mut self, led: Option<OffSwitch>) {
        if let Some(running) = &mut self.0 {
            running.keep(led);
        }
    }

    /// The LED is to be off soon after `deadline`, whatever becomes of this process. To be called before it is lit.
    pub fn set_deadline(&mut self, deadline: Time, now: Time) {
        if let Some(running) = &mut self.0 {
            let moment = deadline + running.margin;
            if running.armed != Some(moment) {
                running.arm(moment, now);
            }
        }
    }

    /// Before the LED is lit for less time than there is to say for how long: sees to it that the keeper is set at all.
    ///
    /// A fast ball comes and goes many times in a lease. It costs a system call only once in most of a lease, and the keeper
    /// does not act while it flies.
    pub fn set_some_deadline(&mut self, now: Time) {
        if let Some(running) = &mut self.0
            && running
                .armed
                .is_none_or(|armed| armed < now + running.lease / 8)
        {
            running.arm(now + running.lease, now);
        }
    }

    /// Whether the keeper has switched the LED off since this was last asked. To be called before each change of the LED: if
    /// the keeper has begun to act, this waits until it has acted, and if it has not begun to, it will not.
    pub fn has_put_out(&mut self, now: Time) -> bool {
        let Some(running) = &mut self.0 else {
            return false;
        };
        if running.armed.is_some_and(|armed| now >= armed) {
            running.settle();
        }
        std::mem::take(&mut running.put_out)
    }

    /// Why the keeper could not do what it should.
    pub fn take_failure(&mut self) -> Option<String> {
        self.0.as_mut()?.failure.take()
    }
}

impl Running {
    fn keep(&mut self, led: Option<OffSwitch>) {
        let number = match self.shared.give(led) {
            Ok(number) => number,
            Err(error) => {
                self.failure = Some(error.to_string());
                return;
            }
        };
        let limit = clock::now() + ORDER_LIMIT;
        while self.read_answers() < number {
            let left = limit.since(clock::now());
            if left.is_zero() {
                let sentence = "it does not answer";
                self.failure.get_or_insert_with(|| sentence.to_owned());
                return;
            }
            self.shared.channel.wait(left);
        }
    }

    fn arm(&mut self, moment: Time, now: Time) {
        let was_due = self.armed.is_some_and(|armed| now >= armed);
        if was_due {
            self.settle();
        }
        match self.shared.timer.set(moment) {
            // It fired just now. Whether the keeper saw that in time, only the keeper can tell.
            Ok(true) if self.armed.is_some() => self.wait_for_act(),
            Ok(_) => {}
            Err(error) => self.failure = Some(error.to_string()),
        }
        self.armed = Some(moment);
    }

    /// The moment has come: either the keeper acts, or this takes the turn from it.
    fn settle(&mut self) {
        self.armed = None;
        self.read_answers();
        if !self.has_acted && !self.shared.timer.take() {
            self.wait_for_act();
        }
        self.has_acted = false;
    }

    /// Waits until the keeper says that it has acted, but not for long: it may have ended.
    fn wait_for_act(&mut self) {
        self.read_answers();
        if !self.has_acted {
            self.shared.channel.wait(ACT_LIMIT);
            self.read_answers();
        }
        self.has_acted = false;
    }

    /// Reads what the keeper has said. Returns the number of the latest order that it has carried out or refused.
    fn read_answers(&mut self) -> u64 {
        let mut latest = 0;
        while let Received::Message(answer, _) = self.shared.channel.receive() {
            match answer {
                Answer::Done(number) => latest = number,
                Answer::Failed(number, why) => {
                    latest = number;
                    self.failure = Some(why);
                }
                Answer::PutOut => (self.has_acted, self.put_out) = (true, true),
                Answer::Refused(why) => {
                    self.has_acted = true;
                    self.failure = Some(why);
                }
            }
        }
        latest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Release);
        self.shared.channel.close();
        if let Some(supervisor) = &self.supervisor {
            supervisor.wait_for_end();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::thread::{self, JoinHandle};

    use super::super::process::Process;
    use super::*;
    use crate::led::OffWay;

    const LEASE: Duration = Duration::from_millis(40);

    /// A keeper on a thread of this process, which ends with the daemon's side.
    pub(super) fn keeper(lease: Duration) -> (Keeper, JoinHandle<()>) {
        let (channel, end) = Channel::pair().unwrap();
        let shared = Arc::new(Shared::new(channel).unwrap());
        let process = thread::spawn(move || Process::new(end).run());
        (Keeper::running(shared, None, lease), process)
    }

    fn file(path: &Path) -> Option<OffSwitch> {
        let (path, value) = (path.to_owned(), "0".to_owned());
        let how = OffWay::File { path, value };
        Some(OffSwitch { how, line: None })
    }

    fn lit(folder: &tempfile::TempDir, name: &str) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, "1").unwrap();
        path
    }

    fn is_lit(path: &Path) -> bool {
        fs::read_to_string(path).unwrap() == "1"
    }

    #[test]
    fn it_switches_the_led_off_at_the_latest_deadline_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let led = lit(&folder, "led");
        let (mut keeper, _process) = keeper(LEASE);
        keeper.keep(file(&led));
        let extended = loop {
            let begun = clock::now();
            keeper.set_deadline(begun + LEASE, begun);
            keeper.set_deadline(begun + LEASE * 2, clock::now());
            // On a busy machine the first deadline may pass between the two.
            if clock::now() < begun + LEASE {
                break begun + LEASE * 2;
            }
            lit(&folder, "led");
            keeper.has_put_out(clock::now());
        };
        while is_lit(&led) {
            let late = clock::now().since(extended);
            assert!(late < Duration::from_secs(5), "it is not put out");
            thread::sleep(Duration::from_micros(200));
        }
        assert!(clock::now() >= extended, "it was put out too soon");
        assert!(keeper.has_put_out(clock::now()));
        assert!(!keeper.has_put_out(clock::now()), "only once");
        assert_eq!(keeper.take_failure(), None);
    }

    #[test]
    fn what_the_daemon_takes_first_the_keeper_leaves_alone() {
        let folder = tempfile::tempdir().unwrap();
        let led = lit(&folder, "led");
        let (channel, end) = Channel::pair().unwrap();
        let shared = Arc::new(Shared::new(channel).unwrap());
        shared.give(file(&led)).unwrap();
        let mut keeper = Keeper::running(Arc::clone(&shared), None, LEASE);
        let now = clock::now();
        keeper.set_deadline(now, now);
        thread::sleep(Duration::from_millis(1));
        assert!(!keeper.has_put_out(clock::now()), "it does not run yet");
        let process = thread::spawn(move || Process::new(end).run());
        while keeper.0.as_mut().unwrap().read_answers() == 0 {
            shared.channel.wait(LEASE);
        }
        assert!(is_lit(&led));
        // Otherwise it is the end of the daemon that puts it out.
        keeper.keep(None);
        drop((keeper, shared));
        process.join().unwrap();
        assert!(is_lit(&led));
    }

    #[test]
    fn a_deadline_is_set_for_a_fast_ball_only_when_none_is_far_enough_away() {
        let (mut keeper, _process) = keeper(LEASE);
        let now = clock::now();
        keeper.set_some_deadline(now);
        let armed = |keeper: &Keeper| keeper.0.as_ref().unwrap().armed.unwrap();
        let first = armed(&keeper);
        assert_eq!(first, now + LEASE);
        keeper.set_some_deadline(now + LEASE / 2);
        assert_eq!(armed(&keeper), first);
        keeper.set_some_deadline(now + LEASE * 15 / 16);
        assert!(armed(&keeper) > first);
    }

    #[test]
    fn it_lets_go_of_one_led_for_another_and_puts_that_out_when_the_daemon_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (lit(&folder, "old"), lit(&folder, "new"));
        let (mut daemon, process) = keeper(LEASE);
        daemon.keep(file(&old));
        daemon.keep(file(&new));
        drop(daemon);
        process.join().unwrap();
        assert!(is_lit(&old) && !is_lit(&new));
        let (mut daemon, process) = keeper(LEASE);
        daemon.keep(file(&old));
        daemon.keep(None);
        drop(daemon);
        process.join().unwrap();
        assert!(is_lit(&old));
    }

    #[test]
    fn an_led_that_it_cannot_switch_off_is_told_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keeper, _process) = keeper(LEASE);
        keeper.keep(file(&folder.path().join("none/led")));
        let now = clock::now();
        keeper.set_deadline(now, now);
        thread::sleep(Duration::from_millis(1));
        assert!(!keeper.has_put_out(clock::now()), "it could not");
        let why = keeper.take_failure().unwrap();
        assert!(why.contains("none/led"), "{why}");
    }

    #[test]
    fn a_keeper_that_has_ended_keeps_nobody_waiting_for_long() {
        let (channel, end) = Channel::pair().unwrap();
        drop(end);
        let shared = Arc::new(Shared::new(channel).unwrap());
        let mut keeper = Keeper::running(shared, None, LEASE);
        // On a busy machine some attempts take long for other reasons.
        let quickest = (0..10).map(|_| {
            let begun = clock::now();
            keeper.keep(file(Path::new("/nowhere")));
            assert!(keeper.take_failure().is_some());
            keeper.set_deadline(begun, begun);
            thread::sleep(Duration::from_millis(1));
            assert!(!keeper.has_put_out(clock::now()), "nobody has");
            clock::now().since(begun)
        });
        assert!(quickest.min().unwrap() < ACT_LIMIT);
    }
}
