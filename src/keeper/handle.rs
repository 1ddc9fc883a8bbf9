//! The daemon's hold on its LED keeper.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::charge::Charge;
use super::message::Answer;
use super::recipients::Recipients;
use super::shared::{Current, Shared};
use super::supervisor::Supervisor;
use crate::clock;
use crate::led::OffSwitch;
use crate::obituary::{Obituary, Secret};
use crate::process_channel::{ProcessChannel, Received};
use crate::ring::{Incarnation, NodeId, Time};

/// How long the daemon waits until the keeper has opened an LED or let go of it.
const ORDER_LIMIT: Duration = Duration::from_millis(100);

/// How long the start of the daemon waits until the keeper runs and knows whom to tell of its end: it counts for as long as
/// the daemon runs, and a busy machine may take a while to start a process.
const START_LIMIT: Duration = Duration::from_secs(2);

/// How long the daemon waits for a keeper that has begun to switch the LED off.
const ACT_LIMIT: Duration = Duration::from_millis(20);

/// The keeper acts this part of a lease after the deadline, so that the daemon comes first. A lease ends a hundredth of
/// itself after the deadline of its holder.
const PART_OF_LEASE: u32 = 500;

/// The keeper acts at most this long after the deadline.
const LONGEST_MARGIN: Duration = Duration::from_millis(5);

/// The keeper tries to tell the daemon's end for at most this long, and at most for a lease.
const LONGEST_TELLING: Duration = Duration::from_secs(1);

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
    /// It tells others when this process has ended.
    tells: bool,
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
        let (channel, end) = ProcessChannel::pair()?;
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
            tells: false,
        }))
    }

    /// From now on the keeper switches this LED off; none, if there is none, or it is off. Waits until it has opened it, and
    /// has let go of the one before.
    pub fn keep(&mut self, led: Option<OffSwitch>) {
        if let Some(running) = &mut self.0 {
            running.keep(led, true);
        }
    }

    /// The keeper lets go of the LED, which may be on. While it is so, nobody is told of the end of this process.
    pub fn let_go_lit(&mut self) {
        if let Some(running) = &mut self.0 {
            running.keep(None, false);
        }
    }

    /// From now on the keeper tells others when this process has ended, which is `incarnation` of the node `me` of that name.
    /// Returns whom it tells: nobody yet. `None` without a keeper.
    ///
    /// # Errors
    /// When the keeper cannot do so: one sentence.
    pub fn tell_end(
        &mut self,
        me: NodeId,
        name: &str,
        incarnation: Incarnation,
    ) -> Result<Option<Recipients>, String> {
        let Some(running) = &mut self.0 else {
            return Ok(None);
        };
        running.tell_end(me, name, incarnation).map(Some)
    }

    /// This process is about to end, and possesses nothing: nobody needs to be told.
    pub fn on_left(&mut self) {
        if let Some(running) = &mut self.0
            && std::mem::take(&mut running.tells)
        {
            running.change(ORDER_LIMIT, |current| current.charge = None);
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
    fn keep(&mut self, led: Option<OffSwitch>, is_dark: bool) {
        self.change(ORDER_LIMIT, |current| {
            (current.led, current.is_dark) = (led, is_dark);
        });
    }

    fn tell_end(
        &mut self,
        me: NodeId,
        name: &str,
        incarnation: Incarnation,
    ) -> Result<Recipients, String> {
        let in_words = |error: io::Error| error.to_string();
        let secret = Secret::draw().map_err(in_words)?;
        let commitment = secret.commitment();
        let book = self.shared.book().map_err(in_words)?;
        let limit = self.lease.min(LONGEST_TELLING);
        let charge = Charge {
            obituary: Obituary {
                node: name.to_owned(),
                incarnation,
                secret,
            },
            me: me.0,
            limit: u64::try_from(limit.as_micros()).unwrap_or_default(),
        };
        self.change(START_LIMIT, |current| current.charge = Some(charge));
        if let Some(failure) = self.failure.take() {
            self.change(ORDER_LIMIT, |current| current.charge = None);
            return Err(failure);
        }
        self.tells = true;
        Ok(Recipients { commitment, book })
    }

    /// Gives the keeper a changed order, and waits until it has carried it out, but for no longer than `limit`.
    fn change(&mut self, limit: Duration, change: impl FnOnce(&mut Current)) {
        let number = match self.shared.give(change) {
            Ok(number) => number,
            Err(error) => {
                self.failure = Some(error.to_string());
                return;
            }
        };
        let limit = clock::now() + limit;
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
        // If it tells the end of this process, it waits for that.
        if let Some(supervisor) = &self.supervisor
            && !self.tells
        {
            supervisor.wait_for_end();
        }
    }
}

#[cfg(test)]
mod tests;
