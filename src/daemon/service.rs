//! What the service manager is told: ready, alive, who has the ball, reloading, stopping.
//!
//! The watchdog is fed by the ring loop itself, in its own turns: a loop that hangs feeds nothing.

use std::fmt::Write as _;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::ring::view::BallView;
use crate::ring::{Time, Topology};

/// The time between two words about the ball.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// What a stop may take beyond the lease that a planned stop waits at most.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// Balls that are named one by one; of more only the number is told.
const MOST_BALLS_NAMED: usize = 8;

/// Says words to a service manager.
type Tell = fn(&[NotifyState<'_>]) -> std::io::Result<()>;

/// The service manager, from the view of the ring loop.
pub struct Service {
    /// Where the words go; `None` where no service manager listens.
    tell: Option<Tell>,
    /// A third of the watchdog's patience, if there is a watchdog.
    ping_every: Option<Duration>,
    next_ping: Time,
    /// When to say that the node is ready, until that is said.
    ready_at: Option<Time>,
    next_status: Time,
    told: String,
    /// A word that stands before the balls, such as why a new ring file was refused.
    remark: Option<&'static str>,
}

impl Service {
    /// The manager that started this process (`NOTIFY_SOCKET`, `WATCHDOG_USEC`), if one did.
    ///
    /// The node counts as ready one lease after `now`: from then on it votes, so the next one may
    /// be restarted.
    pub fn from_environment(now: Time, lease: Duration) -> Self {
        let managed = std::env::var_os("NOTIFY_SOCKET").is_some();
        let patience = sd_notify::watchdog_enabled().filter(|_| managed);
        Self {
            tell: managed.then_some(sd_notify::notify as Tell),
            ping_every: patience.map(|patience| patience / 3),
            ready_at: Some(now + lease).filter(|_| managed),
            ..Self::none(now)
        }
    }

    /// Nobody: every word is left unsaid.
    pub fn none(now: Time) -> Self {
        Self {
            tell: None,
            ping_every: None,
            next_ping: now,
            ready_at: None,
            next_status: now,
            told: String::new(),
            remark: None,
        }
    }

    /// When the loop must come by even if the ring has nothing to do.
    pub(super) fn next_due(&self) -> Option<Time> {
        let ping = self.ping_every.map(|_| self.next_ping);
        ping.into_iter().chain(self.ready_at).min()
    }

    /// Whether a word about the balls may be said again.
    pub(super) fn wants_status(&self, now: Time) -> bool {
        self.tell.is_some() && now >= self.next_status
    }

    /// One turn of the loop is done: pings the watchdog, says that the node is ready.
    pub(super) fn progress(&mut self, now: Time) {
        if let Some(every) = self.ping_every
            && now >= self.next_ping
        {
            self.next_ping = now + every;
            self.say(&[NotifyState::Watchdog]);
        }
        if self.ready_at.is_some_and(|ready| now >= ready) {
            self.ready_at = None;
            self.say(&[NotifyState::Ready]);
        }
    }

    /// Says who has which ball, if that has changed.
    pub(super) fn status(&mut self, now: Time, topology: &Topology, balls: &[BallView]) {
        self.next_status = now + STATUS_EVERY;
        let words = words(topology, balls, self.ready_at.is_some());
        let words = match self.remark {
            Some(remark) => format!("{remark}; {words}"),
            None => words,
        };
        if words != self.told {
            self.say(&[NotifyState::Status(&words)]);
            self.told = words;
        }
    }

    /// The node begins its planned stop, which takes at most a lease.
    pub(super) fn stopping(&mut self, lease: Duration) {
        let span = u32::try_from((lease + STOP_MARGIN).as_micros()).unwrap_or(u32::MAX);
        self.ready_at = None;
        self.say(&[
            NotifyState::Stopping,
            NotifyState::ExtendTimeoutUsec(span),
            NotifyState::Status("handing every ball on, then leaving"),
        ]);
        self.tell = None;
        self.ping_every = None;
    }

    /// A reload has begun; `moment` is CLOCK_MONOTONIC in microseconds.
    pub(super) fn reloading(&self, moment: u64) {
        self.say(&[
            NotifyState::Reloading,
            NotifyState::MonotonicUsec(i128::from(moment)),
        ]);
    }

    /// The reload is over; `remark` stands in the status until the next one.
    pub(super) fn reloaded(&mut self, remark: Option<&'static str>) {
        self.remark = remark;
        self.say(&[NotifyState::Ready]);
    }

    fn say(&self, words: &[NotifyState<'_>]) {
        if let Some(tell) = self.tell
            && let Err(error) = tell(words)
        {
            // The manager notices by itself what it does not hear.
            tracing::debug!("the service manager could not be told {words:?}: {error}");
        }
    }
}

fn words(topology: &Topology, balls: &[BallView], starting: bool) -> String {
    if starting {
        return "starting: this node votes once a full lease has passed".to_owned();
    }
    let known = balls.iter().filter(|ball| ball.holder.is_some()).count();
    if balls.len() > MOST_BALLS_NAMED {
        let here = balls.iter().filter(|ball| ball.here).count();
        return format!("{} balls: {known} seen, {here} here", balls.len());
    }
    let mut text = String::new();
    for ball in balls {
        let between = if text.is_empty() { "" } else { "; " };
        let holder = ball.holder.map(|holder| topology.name(holder));
        // Writing to a String cannot fail.
        let _ = match holder {
            _ if ball.frozen => write!(text, "{between}ball {} stands still here", ball.ball),
            Some(holder) => write!(text, "{between}{holder} has ball {}", ball.ball),
            None => write!(text, "{between}nobody is known to have ball {}", ball.ball),
        };
    }
    if text.is_empty() {
        text.push_str("the ring has no ball");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{BallId, NodeId};
    use std::cell::RefCell;

    thread_local! {
        static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands for a call that can fail")]
    fn note_down(words: &[NotifyState<'_>]) -> std::io::Result<()> {
        SAID.with_borrow_mut(|said| said.extend(words.iter().map(ToString::to_string)));
        Ok(())
    }

    fn said() -> Vec<String> {
        SAID.with_borrow_mut(std::mem::take)
    }

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    fn managed(patience_ms: u64) -> Service {
        Service {
            tell: Some(note_down),
            ping_every: Some(Duration::from_millis(patience_ms) / 3),
            ready_at: Some(at(500)),
            ..Service::none(at(0))
        }
    }

    fn topology() -> Topology {
        Topology {
            ring: "test".to_owned(),
            nodes: vec!["pi1".to_owned(), "pi2".to_owned()],
            ..Topology::default()
        }
    }

    fn with(holder: Option<u8>, frozen: bool) -> BallView {
        BallView {
            ball: BallId(1),
            holder: holder.map(NodeId),
            here: holder == Some(0) && !frozen,
            guest: false,
            loan: None,
            frozen,
            stamp: None,
            state: None,
            age: Duration::ZERO,
        }
    }

    #[test]
    fn the_watchdog_hears_of_a_turn_three_times_in_its_patience_and_never_without_one() {
        let mut service = managed(3_000);
        service.progress(at(0));
        service.progress(at(10));
        service.progress(at(999));
        assert_eq!(said(), ["WATCHDOG=1", "READY=1"]);
        assert_eq!(service.next_due(), Some(at(1_000)));
        service.progress(at(1_000));
        assert_eq!(said(), ["WATCHDOG=1"]);
        service.stopping(Duration::from_millis(500));
        service.progress(at(9_000));
        assert!(said().iter().all(|word| word != "WATCHDOG=1"));
        assert_eq!(service.next_due(), None);
    }

    #[test]
    fn the_status_names_who_has_the_ball_once_a_second_and_only_when_it_changed() {
        let (mut service, topology) = (managed(3_000), topology());
        service.ready_at = None;
        service.status(at(0), &topology, &[with(Some(1), false)]);
        assert_eq!(said(), ["STATUS=pi2 has ball 1"]);
        assert!(!service.wants_status(at(999)) && service.wants_status(at(1_000)));
        service.status(at(1_000), &topology, &[with(Some(1), false)]);
        assert!(said().is_empty());
        service.status(at(2_000), &topology, &[with(Some(0), true)]);
        service.status(at(3_000), &topology, &[with(None, false)]);
        assert_eq!(
            said(),
            [
                "STATUS=ball 1 stands still here",
                "STATUS=nobody is known to have ball 1"
            ]
        );
    }

    #[test]
    fn without_a_manager_nothing_is_said_and_nothing_is_due() {
        let mut service = Service::none(at(0));
        service.progress(at(60_000));
        assert!(!service.wants_status(at(60_000)));
        assert!(said().is_empty() && service.next_due().is_none());
    }
}
