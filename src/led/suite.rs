//! What every backend must do.
//!
//! The trace and the kernel's LEDs are tested on any machine. Pins need hardware: on a Pi, or on the
//! emulated one of `tests/pi`, these variables say which pin is free and how to read its level:
//! `CAROM_TEST_PIN` (BCM number), `CAROM_TEST_CHIP` (device), `CAROM_TEST_LED` (name of an LED of the kernel
//! that is on that pin), `CAROM_TEST_LEVELS` (a command that prints the register GPLEV0).

use std::process::Command;
use std::time::Duration;

use super::*;

pub(super) fn change(on: bool, hop: u64) -> LedChange<'static> {
    LedChange {
        node: "pi1",
        on,
        ball: &1,
        generation: &"3.00000000c0ffee00",
        hop,
    }
}

/// Opens an LED twice and switches it on and off; `lit` reads by another way whether it is on.
fn passes(make: &dyn Fn() -> Box<dyn Led>, lit: &dyn Fn() -> bool) {
    for round in [1, 2] {
        let mut led = make();
        assert!(!lit(), "dark when it was opened, round {round}");
        led.show(&change(true, 1), true).unwrap();
        assert!(lit(), "lit by the first ball");
        led.show(&change(true, 1), true).unwrap();
        assert!(lit(), "lit while there are two");
        led.show(&change(false, 1), true).unwrap();
        assert!(lit(), "lit while there is one");
        if let Some(held) = led.refresh(true) {
            held.unwrap();
            assert!(lit(), "lit when it is held");
        }
        led.show(&change(false, 1), false).unwrap();
        assert!(!lit(), "dark when the last has gone");
        for hop in 2..50 {
            led.show(&change(true, hop), true).unwrap();
            assert!(lit(), "lit at hop {hop}");
            led.show(&change(false, hop), false).unwrap();
            assert!(!lit(), "dark after hop {hop}");
        }
        put_out_by_another(&mut *led, lit);
        if led.refresh(true).is_some() {
            assert!(lit(), "lit by hand");
            drop(led);
            assert!(!lit(), "dark when it was dropped");
        }
    }
}

/// Another process switches the LED off, as often as it likes, and this one goes on. Leaves the LED off.
fn put_out_by_another(led: &mut dyn Led, lit: &dyn Fn() -> bool) {
    let switch = led.take_off_switch().unwrap();
    assert!(
        led.take_off_switch().is_none(),
        "once for each time it was opened"
    );
    if matches!(switch.how, OffWay::Pin { .. }) {
        // The library gives a pin to one user in each process. `tests/pi` has two processes.
        return;
    }
    led.show(&change(true, 60), true).unwrap();
    let mut other = switch.open(|| 43).unwrap();
    assert!(lit(), "opening it changes nothing");
    for hop in [60, 61] {
        other.put_out().unwrap();
        assert!(!lit(), "put out");
        other.put_out().unwrap();
        led.on_put_out();
        led.show(&change(true, hop + 1), true).unwrap();
        assert!(lit(), "lit again");
    }
    led.show(&change(false, 62), false).unwrap();
    assert!(!lit());
    other.put_out().unwrap();
    assert!(!lit());
}

/// Makes the LED of a driver, as the daemon does.
fn switched<L: LedDriver + 'static>(
    open: impl Fn() -> Result<L, LedError> + Send + Sync + 'static,
) -> impl Fn() -> Box<dyn Led> {
    let open = std::sync::Arc::new(open);
    move || {
        let open = std::sync::Arc::clone(&open);
        let (led, error) = SwitchedLed::new(Box::new(move || Ok(Box::new(open()?))));
        assert!(error.is_none(), "{}", error.unwrap());
        Box::new(led)
    }
}

#[test]
fn the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("led");
    let make = || -> Box<dyn Led> {
        let (trace, fault) = Trace::open(path.clone(), || 42);
        assert!(fault.is_none());
        Box::new(trace)
    };
    let lit = || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let count = |word| text.matches(word).count();
        count(" on ") > count(" off ")
    };
    passes(&make, &lit);
}

#[test]
fn an_led_of_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let led = folder.path().join("PWR");
    std::fs::create_dir(&led).unwrap();
    std::fs::write(led.join("max_brightness"), "255\n").unwrap();
    std::fs::write(led.join("brightness"), "255\n").unwrap();
    let settings = sysfs::Settings {
        folder: folder.path().to_owned(),
        name: Some("PWR".to_owned()),
        active_low: false,
        expiry: Duration::ZERO,
    };
    let make = switched(move || sysfs::open(&settings));
    let lit = || std::fs::read_to_string(led.join("brightness")).unwrap() == "255";
    passes(&make, &lit);
}

/// The pin that may be used, and a function that reads whether it is high.
fn pin() -> Option<(u16, impl Fn() -> bool)> {
    let Ok(pin) = std::env::var("CAROM_TEST_PIN") else {
        println!("skipped: CAROM_TEST_PIN names no free pin");
        return None;
    };
    let pin: u16 = pin.parse().unwrap();
    let command = std::env::var("CAROM_TEST_LEVELS").unwrap();
    let high = move || {
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let levels = text.trim().trim_start_matches("0x");
        u32::from_str_radix(levels, 16).unwrap() >> pin & 1 == 1
    };
    Some((pin, high))
}

#[test]
fn a_pin_through_memory() {
    let Some((number, high)) = pin() else { return };
    passes(&switched(move || gpio::open(number, false)), &high);
    passes(&switched(move || gpio::open(number, true)), &|| !high());
}

#[test]
fn a_pin_through_the_character_device() {
    let Some((number, high)) = pin() else { return };
    let chip = std::env::var("CAROM_TEST_CHIP").unwrap();
    let open = |active_low| {
        let chip = std::path::PathBuf::from(chip.clone());
        move || gpiochip::open(Some(&chip), number, active_low)
    };
    passes(&switched(open(false)), &high);
    // Found by its label, the device of the header is the same.
    let header = gpiochip::header().unwrap();
    assert_eq!(header, std::path::Path::new(&chip));
    passes(
        &switched(move || gpiochip::open(None, number, false)),
        &high,
    );
    // Once the kernel has the pin back, it is an input and reads low: an active-low pin is tested only while held.
    let held = gpiochip::open(Some(chip.as_ref()), number, true).unwrap();
    assert!(high(), "dark is high");
    let taken = gpiochip::open(Some(chip.as_ref()), number, true);
    let taken = taken.err().unwrap();
    let sentence = taken.to_string();
    assert!(sentence.contains("is in use by \"carom\""), "{sentence}");
    let taken = gpio::open(number, false).err().unwrap().to_string();
    assert!(taken.contains("is in use by \"carom\""), "{taken}");
    drop(held);
    for (number, sentence) in [
        (200, "none of number 200"),
        (u16::MAX, "none of number 65535"),
    ] {
        let none = gpiochip::open(Some(chip.as_ref()), number, true);
        let none = none.err().unwrap().to_string();
        assert!(none.contains(sentence), "{none}");
    }
    let above = gpiochip::open(None, 28, true).err().unwrap().to_string();
    assert!(above.contains("not on the header"), "{above}");
}

#[test]
fn a_pin_that_the_kernel_has_as_an_led() {
    let Ok(name) = std::env::var("CAROM_TEST_LED") else {
        println!("skipped: CAROM_TEST_LED names no LED of the kernel");
        return;
    };
    let Some((_, high)) = pin() else { return };
    for expiry in [Duration::ZERO, Duration::from_secs(5)] {
        let settings = sysfs::Settings {
            folder: sysfs::LEDS.into(),
            name: Some(name.clone()),
            active_low: false,
            expiry,
        };
        passes(&switched(move || sysfs::open(&settings)), &high);
    }
}
