//! Turns possessions into LED changes; a node whose LED fails keeps playing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock;
use crate::http::LedStatus;
use crate::led::{Led, LedChange, LedError, NoLed};
use crate::ring::{BallId, Possession, Stamp, Time};

/// How often an LED that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How often the log may tell that an LED failed, should it come and go.
const NEWS: Duration = Duration::from_secs(60);

/// The LED of one node.
pub struct Lights {
    node: String,
    led: Box<dyn Led>,
    here: BTreeMap<BallId, Stamp>,
    fault: Option<Fault>,
    /// A new fault before this moment is not logged.
    next_news: Option<Time>,
}

/// Why the LED does not work, for as long as it does not.
struct Fault {
    sentence: String,
    logged: bool,
    /// Until then changes are not tried: opening a device that is not there takes its time.
    pause: Option<Time>,
}

impl Lights {
    /// The LED of the node of that name.
    pub fn new(node: &str, led: Box<dyn Led>) -> Self {
        Self {
            node: node.to_owned(),
            led,
            here: BTreeMap::new(),
            fault: None,
            next_news: None,
        }
    }

    /// The same, where it may already be known why it does not work.
    pub fn with_fault(node: &str, led: Box<dyn Led>, fault: Option<&LedError>) -> Self {
        let mut lights = Self::new(node, led);
        if let Some(fault) = fault {
            lights.complain(fault, clock::now(), None);
        }
        lights
    }

    /// Shows that a ball came or went.
    pub fn show(&mut self, possession: Possession, on: bool, now: Time) {
        let Possession { ball, stamp } = possession;
        if on {
            self.here.insert(ball, stamp);
        } else {
            self.here.remove(&ball);
        }
        self.set(possession, on, now);
    }

    /// Puts another LED in the place of this one: off with the old, then on with the new where a
    /// ball is here. `make` is called once the old one is let go, for both may use the same pin.
    pub fn replace(&mut self, make: impl FnOnce() -> Self, now: Time) {
        let here = std::mem::take(&mut self.here);
        for (&ball, &stamp) in &here {
            self.set(Possession { ball, stamp }, false, now);
        }
        self.led = Box::new(NoLed);
        *self = make();
        for (ball, stamp) in here {
            self.show(Possession { ball, stamp }, true, now);
        }
    }

    fn set(&mut self, possession: Possession, on: bool, now: Time) {
        let Possession { ball, stamp } = possession;
        let pause = self.fault.as_ref().and_then(|fault| fault.pause);
        if pause.is_some_and(|end| now < end) {
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
            Ok(()) => self.recover(),
            Err(error) => self.complain(&error, now, None),
        }
    }

    /// Once a heartbeat: tries again what failed, and keeps a light lit that goes out by itself.
    pub fn tick(&mut self, now: Time) {
        let lit = !self.here.is_empty();
        let due = match &self.fault {
            Some(fault) => fault.pause.is_none_or(|end| now >= end),
            None => lit,
        };
        if !due {
            return;
        }
        match self.led.refresh(lit) {
            Some(Ok(())) => self.recover(),
            Some(Err(error)) => self.complain(&error, now, Some(now + RETRY)),
            None => {}
        }
    }

    /// Logs a fault once for as long as it lasts.
    fn complain(&mut self, error: &LedError, now: Time, pause: Option<Time>) {
        let logged = match &self.fault {
            Some(fault) => fault.logged,
            None => {
                let is_news = self.next_news.is_none_or(|next| now >= next);
                if is_news {
                    self.next_news = Some(now + NEWS);
                    tracing::error!(
                        "{error}; the node plays on without its LED and tries again by itself"
                    );
                }
                is_news
            }
        };
        self.fault = Some(Fault {
            sentence: error.to_string(),
            logged,
            pause,
        });
    }

    fn recover(&mut self) {
        if self.fault.take().is_some_and(|fault| fault.logged) {
            tracing::info!("the LED works again");
        }
    }

    /// Whether it is to be lit, and what is wrong with it.
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
    use crate::ring::Generation;
    use std::cell::RefCell;
    use std::rc::Rc;

    const EARLY: Time = Time::from_micros(1_000_000);

    struct Flaky(Rc<RefCell<Vec<(bool, bool)>>>, Rc<RefCell<bool>>);

    impl Led for Flaky {
        fn show(&mut self, change: &LedChange<'_>, lit: bool) -> Result<(), LedError> {
            self.0.borrow_mut().push((change.on, lit));
            if *self.1.borrow() {
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
        let (seen, broken) = (Rc::default(), Rc::new(RefCell::new(false)));
        let mut lights = Lights::new("pi1", Box::new(Flaky(Rc::clone(&seen), Rc::clone(&broken))));
        let generation = Generation { round: 1, nonce: 1 };
        let stay = |ball| Possession {
            ball: BallId(ball),
            stamp: Stamp { generation, hop: 0 },
        };
        lights.show(stay(1), true, EARLY);
        lights.show(stay(2), true, EARLY);
        *broken.borrow_mut() = true;
        lights.show(stay(1), false, EARLY);
        assert!(lights.status().lit && lights.status().fault.is_some());
        *broken.borrow_mut() = false;
        lights.show(stay(2), false, EARLY);
        assert_eq!(
            *seen.borrow(),
            [(true, true), (true, true), (false, true), (false, false)]
        );
        assert_eq!(lights.status(), LedStatus::default());
    }
    /// A lamp that fails while it is broken, and counts how often it was asked.
    struct Lamp(Rc<RefCell<(bool, u32, bool)>>);

    impl Led for Lamp {
        fn show(&mut self, _change: &LedChange<'_>, lit: bool) -> Result<(), LedError> {
            self.refresh(lit).unwrap()
        }

        fn refresh(&mut self, lit: bool) -> Option<Result<(), LedError>> {
            let mut lamp = self.0.borrow_mut();
            lamp.1 += 1;
            if lamp.0 {
                return Some(Err(LedError::NotAPi));
            }
            lamp.2 = lit;
            Some(Ok(()))
        }
    }

    #[test]
    fn a_broken_lamp_is_tried_once_a_second_and_catches_up_when_it_is_mended() {
        let lamp = Rc::new(RefCell::new((true, 0, false)));
        let mut lights = Lights::new("pi1", Box::new(Lamp(Rc::clone(&lamp))));
        let generation = Generation { round: 1, nonce: 1 };
        let ball = Possession {
            ball: BallId(1),
            stamp: Stamp { generation, hop: 0 },
        };
        lights.show(ball, true, EARLY);
        lights.tick(EARLY);
        assert_eq!(lamp.borrow().1, 2);
        for hop in 1..1000 {
            let on = hop % 2 == 0;
            lights.show(ball, on, EARLY + Duration::from_micros(900 * hop));
            lights.tick(EARLY + Duration::from_micros(900 * hop));
        }
        assert_eq!(lamp.borrow().1, 2, "a second has not passed");
        assert!(lights.status().fault.is_some());
        lights.show(ball, true, EARLY + Duration::from_millis(950));
        lamp.borrow_mut().0 = false;
        lights.tick(EARLY + RETRY);
        assert!(lamp.borrow().2, "lit without a new change");
        assert_eq!(lights.status().fault, None);
        lights.tick(EARLY + RETRY);
        assert_eq!(lamp.borrow().1, 4, "kept lit once a heartbeat");
        lights.show(ball, false, EARLY + RETRY);
        lights.tick(EARLY + RETRY);
        assert_eq!(lamp.borrow().1, 5, "a dark lamp needs no keeping");
    }

    #[test]
    fn a_new_led_takes_over_what_is_here() {
        let (old, new) = (Rc::default(), Rc::default());
        let led = |seen: &Rc<_>| Box::new(Flaky(Rc::clone(seen), Rc::default()));
        let mut lights = Lights::new("pi1", led(&old));
        let generation = Generation { round: 1, nonce: 1 };
        let stamp = Stamp { generation, hop: 0 };
        let ball = BallId(1);
        lights.show(Possession { ball, stamp }, true, EARLY);
        lights.replace(|| Lights::new("pi1", led(&new)), EARLY);
        assert_eq!(*old.borrow(), [(true, true), (false, false)]);
        assert_eq!(*new.borrow(), [(true, true)]);
        assert!(lights.status().lit);
    }
}
