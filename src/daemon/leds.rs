//! Turns possessions into changes of the node's LED; a node whose LED fails keeps playing.

use std::collections::VecDeque;
use std::time::Duration;

use tracing::Level;

use crate::clock;
use crate::http::LedStatus;
use crate::led::{Led, LedChange, LedError, NoLed};
use crate::ring::{Possession, Time};

/// An LED that failed is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// An LED that fails again and again is logged at most once in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The LED of one node, which is on while any ball is here.
pub struct Leds {
    node: String,
    led: Box<dyn Led>,
    /// The balls that are here; mostly one at a time.
    here: Vec<Possession>,
    /// Why the LED does not work, for as long as it does not.
    fault: Option<Fault>,
    /// A new fault before this moment is not logged.
    next_log: Option<Time>,
    /// What is to be logged: at most a fault and its end, since a fault is logged once a minute.
    log: VecDeque<(Level, String)>,
}

/// Why the LED does not work.
struct Fault {
    sentence: String,
    logged: bool,
    /// Until then, changes are not tried: opening a missing device takes time.
    retry_at: Option<Time>,
}

impl Leds {
    /// The LED of the node of that name.
    pub fn new(node: &str, led: Box<dyn Led>) -> Self {
        Self {
            node: node.to_owned(),
            led,
            here: Vec::new(),
            fault: None,
            next_log: None,
            log: VecDeque::new(),
        }
    }

    /// The LED of the node of that name, which may have failed to open already.
    pub fn with_fault(node: &str, led: Box<dyn Led>, fault: Option<&LedError>) -> Self {
        let mut leds = Self::new(node, led);
        if let Some(fault) = fault {
            leds.on_fault(fault, clock::now(), None);
        }
        leds
    }

    /// Shows that a ball came or went.
    pub fn show(&mut self, possession: Possession, on: bool, now: Time) {
        self.here.retain(|other| other.ball != possession.ball);
        if on {
            self.here.push(possession);
        }
        self.set(possession, on, now);
    }

    /// Replaces the LED by another one, which is off. Returns the balls for [`Self::light_again`].
    ///
    /// `open` is called after the old LED is released, because both may use the same pin. It may take longer than a lease.
    pub fn replace(&mut self, open: impl FnOnce() -> Self, now: Time) -> Vec<Possession> {
        let here = std::mem::take(&mut self.here);
        for &possession in &here {
            self.set(possession, false, now);
        }
        self.led = Box::new(NoLed);
        let log = std::mem::take(&mut self.log);
        let opened = open();
        self.led = opened.led;
        self.fault = opened.fault;
        self.next_log = opened.next_log;
        self.log = log.into_iter().chain(opened.log).collect();
        self.here.clone_from(&here);
        here
    }

    /// Lights a new LED for those of these balls that are still here.
    pub fn light_again(&mut self, balls: &[Possession], now: Time) {
        for &possession in balls {
            if self.here.contains(&possession) {
                self.set(possession, true, now);
            }
        }
    }

    fn set(&mut self, possession: Possession, on: bool, now: Time) {
        let Possession { ball, stamp } = possession;
        let retry_at = self.fault.as_ref().and_then(|fault| fault.retry_at);
        if retry_at.is_some_and(|retry_at| now < retry_at) {
            return;
        }
        let change = LedChange {
            node: &self.node,
            on,
            ball: &ball,
            generation: &stamp.generation,
            hop: stamp.hop,
        };
        match self.led.show(&change, !self.here.is_empty()) {
            Ok(()) => self.on_success(),
            Err(error) => self.on_fault(&error, now, None),
        }
    }

    /// Once a heartbeat: tries an LED again that failed, and renews one that goes out by itself.
    pub fn on_heartbeat(&mut self, now: Time) {
        let lit = !self.here.is_empty();
        let due = match &self.fault {
            Some(fault) => fault.retry_at.is_none_or(|retry_at| now >= retry_at),
            None => lit,
        };
        if !due {
            return;
        }
        match self.led.refresh(lit) {
            Some(Ok(())) => self.on_success(),
            Some(Err(error)) => self.on_fault(&error, now, Some(now + RETRY)),
            None => {}
        }
    }

    /// Logs a fault once for as long as it lasts.
    fn on_fault(&mut self, error: &LedError, now: Time, retry_at: Option<Time>) {
        let logged = match &self.fault {
            Some(fault) => fault.logged,
            None => {
                let log_it = self.next_log.is_none_or(|next| now >= next);
                if log_it {
                    self.next_log = Some(now + LOG_INTERVAL);
                    let sentence = "the node plays on without its LED and tries again by itself";
                    self.log
                        .push_back((Level::ERROR, format!("{error}; {sentence}")));
                }
                log_it
            }
        };
        self.fault = Some(Fault {
            sentence: error.to_string(),
            logged,
            retry_at,
        });
    }

    fn on_success(&mut self) {
        if self.fault.take().is_some_and(|fault| fault.logged) {
            let sentence = "the LED works again".to_owned();
            self.log.push_back((Level::INFO, sentence));
        }
    }

    /// Whether [`Self::on_heartbeat`] has something to do.
    pub fn needs_heartbeat(&self) -> bool {
        self.fault.is_some() || !self.here.is_empty() && self.led.goes_off_by_itself()
    }

    /// The next line for the log.
    pub fn next_log_line(&mut self) -> Option<(Level, String)> {
        self.log.pop_front()
    }

    /// Whether the LED is to be lit, and what is wrong with it.
    pub fn status(&self) -> LedStatus {
        LedStatus {
            lit: !self.here.is_empty(),
            fault: self.fault.as_ref().map(|fault| fault.sentence.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{BallId, Generation, Stamp};
    use std::sync::{Arc, Mutex};

    const EARLY: Time = Time::from_micros(1_000_000);

    struct Flaky(Arc<Mutex<Vec<(bool, bool)>>>, Arc<Mutex<bool>>);

    impl Led for Flaky {
        fn show(&mut self, change: &LedChange<'_>, lit: bool) -> Result<(), LedError> {
            self.0.lock().unwrap().push((change.on, lit));
            if *self.1.lock().unwrap() {
                let source = std::io::ErrorKind::StorageFull.into();
                return Err(LedError::Trace {
                    path: "led".into(),
                    source,
                });
            }
            Ok(())
        }
    }

    #[test]
    fn lit_while_any_ball_is_here_and_well_again_after_a_fault() {
        let (seen, broken) = (Arc::default(), Arc::new(Mutex::new(false)));
        let mut leds = Leds::new(
            "pi1",
            Box::new(Flaky(Arc::clone(&seen), Arc::clone(&broken))),
        );
        let generation = Generation { round: 1, nonce: 1 };
        let possession = |ball| Possession {
            ball: BallId(ball),
            stamp: Stamp { generation, hop: 0 },
        };
        leds.show(possession(1), true, EARLY);
        leds.show(possession(2), true, EARLY);
        *broken.lock().unwrap() = true;
        leds.show(possession(1), false, EARLY);
        assert!(leds.status().lit && leds.status().fault.is_some());
        *broken.lock().unwrap() = false;
        leds.show(possession(2), false, EARLY);
        assert_eq!(
            *seen.lock().unwrap(),
            [(true, true), (true, true), (false, true), (false, false)]
        );
        assert_eq!(leds.status(), LedStatus::default());
    }

    /// An LED that fails while it is broken, and counts how often it was set.
    struct Counting(Arc<Mutex<(bool, u32, bool)>>);

    impl Led for Counting {
        fn show(&mut self, _change: &LedChange<'_>, lit: bool) -> Result<(), LedError> {
            self.refresh(lit).unwrap()
        }

        fn refresh(&mut self, lit: bool) -> Option<Result<(), LedError>> {
            let mut led = self.0.lock().unwrap();
            led.1 += 1;
            if led.0 {
                return Some(Err(LedError::NotAPi));
            }
            led.2 = lit;
            Some(Ok(()))
        }
    }

    #[test]
    fn a_broken_led_is_tried_once_a_second_and_catches_up_when_it_is_repaired() {
        let led = Arc::new(Mutex::new((true, 0, false)));
        let mut leds = Leds::new("pi1", Box::new(Counting(Arc::clone(&led))));
        let generation = Generation { round: 1, nonce: 1 };
        let ball = Possession {
            ball: BallId(1),
            stamp: Stamp { generation, hop: 0 },
        };
        leds.show(ball, true, EARLY);
        leds.on_heartbeat(EARLY);
        assert_eq!(led.lock().unwrap().1, 2);
        for hop in 1..1000 {
            let on = hop % 2 == 0;
            leds.show(ball, on, EARLY + Duration::from_micros(900 * hop));
            leds.on_heartbeat(EARLY + Duration::from_micros(900 * hop));
        }
        assert_eq!(led.lock().unwrap().1, 2, "a second has not passed");
        assert!(leds.status().fault.is_some());
        leds.show(ball, true, EARLY + Duration::from_millis(950));
        led.lock().unwrap().0 = false;
        leds.on_heartbeat(EARLY + RETRY);
        assert!(led.lock().unwrap().2, "lit without a new change");
        assert_eq!(leds.status().fault, None);
        leds.on_heartbeat(EARLY + RETRY);
        assert_eq!(led.lock().unwrap().1, 4, "kept lit once a heartbeat");
        leds.show(ball, false, EARLY + RETRY);
        leds.on_heartbeat(EARLY + RETRY);
        assert_eq!(
            led.lock().unwrap().1,
            5,
            "an LED that is off is not renewed"
        );
    }

    #[test]
    fn a_new_led_takes_over_what_is_here() {
        let (old, new) = (Arc::default(), Arc::default());
        let led = |seen: &Arc<_>| Box::new(Flaky(Arc::clone(seen), Arc::default()));
        let mut leds = Leds::new("pi1", led(&old));
        let generation = Generation { round: 1, nonce: 1 };
        let stamp = Stamp { generation, hop: 0 };
        let ball = BallId(1);
        leds.show(Possession { ball, stamp }, true, EARLY);
        let other = Possession {
            ball: BallId(2),
            stamp,
        };
        leds.show(other, true, EARLY);
        let dark = leds.replace(|| Leds::new("pi1", led(&new)), EARLY);
        // The second ball has left before the new LED was open.
        leds.show(other, false, EARLY);
        leds.light_again(&dark, EARLY);
        let lit_twice_and_off = [(true, true), (true, true), (false, false), (false, false)];
        assert_eq!(*old.lock().unwrap(), lit_twice_and_off);
        assert_eq!(*new.lock().unwrap(), [(false, true), (true, true)]);
        assert!(leds.status().lit);
    }
}
