//! What the node reports to the service manager: ready, alive, who has the ball, reloading, stopping.
//!
//! The ring loop itself pings the watchdog: a loop that hangs sends no ping. With each ping it asks the services'
//! thread whether it still runs, and if that is silent for a minute, the pings end, too. The loop never waits
//! for the manager: what its socket does not take at once is dropped, but for `READY=1`, which is sent again.

use std::fmt::Write as _;
use std::time::Duration;

use sd_notify::NotifyState;

use super::notify_socket;
use crate::ring::view::BallView;
use crate::ring::{Time, Topology};

/// The shortest time between two status texts.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// A planned stop waits for at most a lease; it may take this much longer.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// With more balls than this, the status text gives their number only.
const MOST_BALLS_NAMED: usize = 8;

/// The services may be silent for so long. The ring plays on meanwhile, so this is no matter of seconds: they may wait
/// for a worn SD card while they read the ring file, or for a processor.
const SERVICES_SILENCE: Duration = Duration::from_secs(60);

/// When to send `READY=1` again that the manager's socket did not take.
const READY_AGAIN: Duration = Duration::from_secs(1);

/// Sends states to a service manager.
type Notify = fn(&[NotifyState<'_>]) -> std::io::Result<()>;

/// The connection to the service manager, used by the ring loop.
pub struct ServiceManager {
    /// `None` where no service manager listens.
    notify: Option<Notify>,
    /// A third of the watchdog's timeout; `None` without a watchdog.
    ping_interval: Option<Duration>,
    next_ping: Time,
    /// When the services were asked whether they still run, if they have not answered.
    asked: Option<Time>,
    /// When to send `READY=1`; `None` once it is sent.
    ready_at: Option<Time>,
    next_status: Time,
    last_status: String,
    /// Stands in the status text before the balls, such as that a reload was refused.
    status_prefix: Option<&'static str>,
}

impl ServiceManager {
    /// The manager that started this process (`NOTIFY_SOCKET`, `WATCHDOG_USEC`), if one did.
    ///
    /// The node counts as ready one lease after `now`: from then on it votes, so the next one may
    /// be restarted.
    pub fn from_environment(now: Time, lease: Duration) -> Self {
        let managed = std::env::var_os("NOTIFY_SOCKET").is_some();
        let timeout = sd_notify::watchdog_enabled().filter(|_| managed);
        Self {
            notify: managed.then_some(notify_socket::notify as Notify),
            ping_interval: timeout.map(|timeout| timeout / 3),
            ready_at: Some(now + lease).filter(|_| managed),
            ..Self::none(now)
        }
    }

    /// No service manager: nothing is sent.
    pub fn none(now: Time) -> Self {
        Self {
            notify: None,
            ping_interval: None,
            next_ping: now,
            asked: None,
            ready_at: None,
            next_status: now,
            last_status: String::new(),
            status_prefix: None,
        }
    }

    /// When the loop must call again even if the ring has nothing to do.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let ping = self.ping_interval.map(|_| self.next_ping);
        ping.into_iter().chain(self.ready_at).min()
    }

    /// Whether a new status text may be sent.
    pub(super) fn is_status_due(&self, now: Time) -> bool {
        self.notify.is_some() && now >= self.next_status
    }

    /// One turn of the loop is done: pings the watchdog and reports readiness when they are due. Whether the services
    /// are to be asked if they still run: see [`Self::on_services_answer`].
    pub(super) fn on_loop_turn(&mut self, now: Time) -> bool {
        let mut asks = false;
        if let Some(interval) = self.ping_interval
            && now >= self.next_ping
        {
            self.next_ping = now + interval;
            asks = self.asked.is_none();
            let asked = *self.asked.get_or_insert(now);
            if now.since(asked) < SERVICES_SILENCE {
                self.send(&[NotifyState::Watchdog]);
            }
        }
        if self.ready_at.is_some_and(|ready| now >= ready) {
            let sent = self.send(&[NotifyState::Ready]);
            self.ready_at = (!sent).then(|| now + READY_AGAIN);
        }
        asks
    }

    /// The services still run.
    pub(super) fn on_services_answer(&mut self) {
        self.asked = None;
    }

    /// Sends which node has which ball, if that has changed.
    pub(super) fn send_status(&mut self, now: Time, topology: &Topology, balls: &[BallView]) {
        self.next_status = now + STATUS_INTERVAL;
        let mut text = status_text(topology, balls, self.ready_at.is_some());
        if let Some(prefix) = self.status_prefix {
            text = format!("{prefix}; {text}");
        }
        if text != self.last_status {
            self.send(&[NotifyState::Status(&text)]);
            self.last_status = text;
        }
    }

    /// Reports that the node begins its planned stop; nothing is sent after that.
    pub(super) fn send_stopping(&mut self, lease: Duration) {
        let span = u32::try_from((lease + STOP_MARGIN).as_micros()).unwrap_or(u32::MAX);
        self.ready_at = None;
        self.send(&[
            NotifyState::Stopping,
            NotifyState::ExtendTimeoutUsec(span),
            NotifyState::Status("handing every ball on, then leaving"),
        ]);
        self.notify = None;
        self.ping_interval = None;
    }

    /// Reports that a reload has begun at `moment`: CLOCK_MONOTONIC in microseconds.
    pub(super) fn send_reloading(&self, moment: u64) {
        self.send(&[
            NotifyState::Reloading,
            NotifyState::MonotonicUsec(i128::from(moment)),
        ]);
    }

    /// Reports that the reload is over; `status_prefix` stands in the status text until the next reload.
    pub(super) fn send_reloaded(&mut self, status_prefix: Option<&'static str>) {
        self.status_prefix = status_prefix;
        if !self.send(&[NotifyState::Ready]) {
            self.ready_at = Some(self.next_status);
        }
    }

    /// Sends the states; whether they were sent, or nobody wants them.
    fn send(&self, states: &[NotifyState<'_>]) -> bool {
        let sent = self.notify.map_or(Ok(()), |notify| notify(states));
        if let Err(error) = &sent {
            tracing::debug!("the service manager could not be told {states:?}: {error}");
        }
        sent.is_ok()
    }
}

/// Which node has which ball, for people who read `systemctl status`.
fn status_text(topology: &Topology, balls: &[BallView], starting: bool) -> String {
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
    use crate::ring::test_topology::ring_of;
    use crate::ring::{BallId, NodeId};
    use std::cell::RefCell;

    thread_local! {
        static SENT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands for a call that can fail")]
    fn record(states: &[NotifyState<'_>]) -> std::io::Result<()> {
        SENT.with_borrow_mut(|sent| sent.extend(states.iter().map(ToString::to_string)));
        Ok(())
    }

    fn sent() -> Vec<String> {
        SENT.with_borrow_mut(std::mem::take)
    }

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    fn managed(timeout_ms: u64) -> ServiceManager {
        ServiceManager {
            notify: Some(record),
            ping_interval: Some(Duration::from_millis(timeout_ms) / 3),
            ready_at: Some(at(500)),
            ..ServiceManager::none(at(0))
        }
    }

    fn with(holder: Option<u16>, frozen: bool) -> BallView {
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
    fn a_turn_of_the_loop_pings_the_watchdog_three_times_in_its_timeout() {
        let mut service = managed(3_000);
        service.on_loop_turn(at(0));
        service.on_loop_turn(at(10));
        service.on_loop_turn(at(999));
        assert_eq!(sent(), ["WATCHDOG=1", "READY=1"]);
        assert_eq!(service.next_deadline(), Some(at(1_000)));
        service.on_loop_turn(at(1_000));
        assert_eq!(sent(), ["WATCHDOG=1"]);
        service.send_stopping(Duration::from_millis(500));
        service.on_loop_turn(at(9_000));
        assert!(sent().iter().all(|word| word != "WATCHDOG=1"));
        assert_eq!(service.next_deadline(), None);
    }

    #[test]
    fn services_that_are_silent_for_a_minute_end_the_pings_until_they_answer() {
        let mut service = managed(3_000);
        service.ready_at = None;
        assert!(service.on_loop_turn(at(0)));
        service.on_services_answer();
        assert!(service.on_loop_turn(at(1_000)));
        for second in 2..100 {
            assert!(!service.on_loop_turn(at(second * 1_000)));
        }
        assert_eq!(sent().len(), 61);
        service.on_services_answer();
        assert!(service.on_loop_turn(at(100_000)));
        assert_eq!(sent(), ["WATCHDOG=1"]);
    }

    fn refuse(_: &[NotifyState<'_>]) -> std::io::Result<()> {
        Err(std::io::ErrorKind::WouldBlock.into())
    }

    #[test]
    fn readiness_that_could_not_be_sent_is_sent_again() {
        let mut service = managed(3_000);
        service.notify = Some(refuse);
        service.on_loop_turn(at(500));
        service.notify = Some(record);
        service.on_loop_turn(at(1_400));
        assert!(!sent().contains(&"READY=1".to_owned()));
        service.on_loop_turn(at(1_500));
        service.on_loop_turn(at(9_000));
        let ready = sent().iter().filter(|word| *word == "READY=1").count();
        assert_eq!(ready, 1);
        service.notify = Some(refuse);
        service.send_reloaded(None);
        service.notify = Some(record);
        service.on_loop_turn(at(10_000));
        assert!(sent().contains(&"READY=1".to_owned()));
    }

    #[test]
    fn the_status_names_who_has_the_ball_once_a_second_and_only_when_it_changed() {
        let (mut service, topology) = (managed(3_000), ring_of(2));
        service.ready_at = None;
        service.send_status(at(0), &topology, &[with(Some(1), false)]);
        assert_eq!(sent(), ["STATUS=pi2 has ball 1"]);
        assert!(!service.is_status_due(at(999)) && service.is_status_due(at(1_000)));
        service.send_status(at(1_000), &topology, &[with(Some(1), false)]);
        assert!(sent().is_empty());
        service.send_status(at(2_000), &topology, &[with(Some(0), true)]);
        service.send_status(at(3_000), &topology, &[with(None, false)]);
        assert_eq!(
            sent(),
            [
                "STATUS=ball 1 stands still here",
                "STATUS=nobody is known to have ball 1"
            ]
        );
    }

    #[test]
    fn without_a_manager_nothing_is_said_and_nothing_is_due() {
        let mut service = ServiceManager::none(at(0));
        service.on_loop_turn(at(60_000));
        assert!(!service.is_status_due(at(60_000)));
        assert!(sent().is_empty() && service.next_deadline().is_none());
    }
}
