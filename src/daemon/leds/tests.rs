//! Changes, faults, replacement, and what the keeper does.

use super::*;
use crate::led::{OffSwitch, OffWay};
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

/// What is asked of an LED that the keeper may switch off.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<&'static str>>>);

impl Led for Kept {
    fn show(&mut self, change: &LedChange<'_>, _lit: bool) -> Result<(), LedError> {
        self.0
            .lock()
            .unwrap()
            .push(if change.on { "on" } else { "off" });
        Ok(())
    }

    fn refresh(&mut self, lit: bool) -> Option<Result<(), LedError>> {
        let what = if lit { "refresh on" } else { "refresh off" };
        self.0.lock().unwrap().push(what);
        Some(Ok(()))
    }

    fn take_off_switch(&mut self) -> Option<OffSwitch> {
        let opened = self.0.lock().unwrap().is_empty();
        let (path, value) = ("/dev/null".into(), "0".to_owned());
        let how = OffWay::File { path, value };
        opened.then_some(OffSwitch { how, line: None })
    }

    fn on_put_out(&mut self) {
        self.0.lock().unwrap().push("put out");
    }
}

#[test]
fn what_the_keeper_has_switched_off_is_not_shown_to_go_off_again_and_is_lit_again_if_it_is_still_here()
 {
    let lease = Duration::from_millis(300);
    let led = Kept::default();
    let keeper = Keeper::on_a_thread(lease);
    let mut leds = Leds::new("pi1", Box::new(led.clone())).kept_by(keeper);
    let seen = || std::mem::take(&mut *led.0.lock().unwrap());
    let stamp = Stamp {
        generation: Generation { round: 1, nonce: 1 },
        hop: 0,
    };
    let [one, other] = [1, 2].map(|ball| Possession {
        ball: BallId(ball),
        stamp,
    });
    let now = clock::now();
    leds.set_deadline(Some(now + lease), now);
    leds.show(one, true, now);
    leds.show(other, true, now);
    assert_eq!(seen(), ["on", "on"]);
    // As if the process had been stopped for two leases.
    std::thread::sleep(lease * 2);
    let now = clock::now();
    leds.show(one, false, now);
    assert_eq!(seen(), ["put out", "refresh on"]);
    assert!(leds.needs_heartbeat());
    leds.on_heartbeat(now);
    assert_eq!(seen(), ["on", "refresh on"]);
    leds.show(other, false, now);
    assert_eq!(seen(), ["off"]);
    assert!(!leds.needs_heartbeat());
}
