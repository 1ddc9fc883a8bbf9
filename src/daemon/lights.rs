//! Turns possessions into LED changes; a node whose LED fails keeps playing.

use std::collections::BTreeMap;

use crate::http::LedStatus;
use crate::led::{Change, Led, LedError, Nothing};
use crate::ring::{BallId, Possession, Stamp};

/// The LED of one node.
pub struct Lights {
    node: String,
    led: Box<dyn Led>,
    here: BTreeMap<BallId, Stamp>,
    fault: Option<String>,
}

impl Lights {
    /// The LED of the node of that name.
    pub fn new(node: &str, led: Box<dyn Led>) -> Self {
        Self {
            node: node.to_owned(),
            led,
            here: BTreeMap::new(),
            fault: None,
        }
    }

    /// The same, where it may already be known why it does not work.
    pub fn with_fault(node: &str, led: Box<dyn Led>, fault: Option<&LedError>) -> Self {
        let mut lights = Self::new(node, led);
        if let Some(fault) = fault {
            lights.complain(fault);
        }
        lights
    }

    /// Shows that a ball came or went.
    pub fn show(&mut self, possession: Possession, on: bool) {
        let Possession { ball, stamp } = possession;
        if on {
            self.here.insert(ball, stamp);
        } else {
            self.here.remove(&ball);
        }
        self.set(possession, on);
    }

    /// Puts another LED in the place of this one: off with the old, then on with the new where a
    /// ball is here. `make` is called once the old one is let go, for both may use the same pin.
    pub fn replace(&mut self, make: impl FnOnce() -> Self) {
        let here = std::mem::take(&mut self.here);
        for (&ball, &stamp) in &here {
            self.set(Possession { ball, stamp }, false);
        }
        self.led = Box::new(Nothing);
        *self = make();
        for (ball, stamp) in here {
            self.show(Possession { ball, stamp }, true);
        }
    }

    fn set(&mut self, possession: Possession, on: bool) {
        let Possession { ball, stamp } = possession;
        let change = Change {
            node: &self.node,
            on,
            ball: &ball,
            generation: &stamp.generation,
            hop: stamp.hop,
        };
        match self.led.show(&change, !self.here.is_empty()) {
            Ok(()) => {
                if self.fault.take().is_some() {
                    tracing::info!("the LED works again");
                }
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Logs a fault once for as long as it lasts.
    fn complain(&mut self, error: &LedError) {
        if self.fault.is_none() {
            tracing::error!(
                "{error}; the node plays on without its LED and tries again at every change"
            );
        }
        self.fault = Some(error.to_string());
    }

    /// Whether it is lit, and what is wrong with it.
    pub fn status(&self) -> LedStatus {
        LedStatus {
            lit: !self.here.is_empty(),
            fault: self.fault.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Generation;
    use std::cell::RefCell;
    use std::rc::Rc;

    struct Flaky(Rc<RefCell<Vec<(bool, bool)>>>, Rc<RefCell<bool>>);

    impl Led for Flaky {
        fn show(&mut self, change: &Change<'_>, lit: bool) -> Result<(), LedError> {
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
        lights.show(stay(1), true);
        lights.show(stay(2), true);
        *broken.borrow_mut() = true;
        lights.show(stay(1), false);
        assert!(lights.status().lit && lights.status().fault.is_some());
        *broken.borrow_mut() = false;
        lights.show(stay(2), false);
        assert_eq!(
            *seen.borrow(),
            [(true, true), (true, true), (false, true), (false, false)]
        );
        assert_eq!(lights.status(), LedStatus::default());
    }

    #[test]
    fn a_new_led_takes_over_what_is_here() {
        let (old, new) = (Rc::default(), Rc::default());
        let led = |seen: &Rc<_>| Box::new(Flaky(Rc::clone(seen), Rc::default()));
        let mut lights = Lights::new("pi1", led(&old));
        let generation = Generation { round: 1, nonce: 1 };
        let stamp = Stamp { generation, hop: 0 };
        let ball = BallId(1);
        lights.show(Possession { ball, stamp }, true);
        lights.replace(|| Lights::new("pi1", led(&new)));
        assert_eq!(*old.borrow(), [(true, true), (false, false)]);
        assert_eq!(*new.borrow(), [(true, true)]);
        assert!(lights.status().lit);
    }
}
