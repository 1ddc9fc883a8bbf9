//! The pins of the emulated Pi, read repeatedly from outside.
//!
//! Every reading takes a while: a pin had its level at some moment between `before` and `after`.
//! Nothing more precise is known.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use crate::harness::{nanos, now, wait_for};
use crate::machine::Monitor;

/// The register GPLEV0 of a Pi 3: the levels of pins 0 to 31.
const GPLEV0: &str = r#"{"command-line":"xp /1xw 0x3f200034"}"#;
/// Between two readings: the emulated processors want to run as well.
const PAUSE: Duration = Duration::from_micros(500);

/// One reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// CLOCK_MONOTONIC in nanoseconds when it was asked for, and when the answer was here.
    pub(crate) before: u64,
    pub(crate) after: u64,
    levels: u32,
}

impl Reading {
    pub(crate) fn high(&self, pin: u8) -> bool {
        self.levels >> pin & 1 == 1
    }
}

/// One span with the pin high: each end lies between two readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct High {
    /// Asked for the last low one, and had the first high one.
    pub(crate) rise: (u64, u64),
    /// Asked for the last high one, and had the next low one.
    pub(crate) fall: (u64, u64),
}

/// Reads the pins until it is dropped.
pub(crate) struct Pins {
    readings: Arc<Mutex<Vec<Reading>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pins {
    pub(crate) fn watch(mut monitor: Monitor) -> Self {
        let readings = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (into, ended) = (Arc::clone(&readings), Arc::clone(&stop));
        let thread = spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let reading = read(&mut monitor);
                into.lock().unwrap().push(reading);
                sleep(PAUSE);
            }
        });
        Self {
            readings,
            stop,
            thread: Some(thread),
        }
    }

    /// All readings that were asked for in that span.
    pub(crate) fn between(&self, from: u64, to: u64) -> Vec<Reading> {
        let readings = self.readings.lock().unwrap();
        let inside = |reading: &&Reading| reading.before >= from && reading.after <= to;
        readings.iter().filter(inside).copied().collect()
    }

    /// The level that a reading from now on shows.
    pub(crate) fn level(&self, pin: u8) -> bool {
        let from = now();
        wait_for(Duration::from_secs(30), "a reading of the pins", || {
            let readings = self.readings.lock().unwrap();
            let last = readings.last().filter(|reading| reading.before >= from)?;
            Some(last.high(pin))
        })
    }

    /// Waits until the pin has that level.
    pub(crate) fn wait(&self, pin: u8, high: bool, limit: Duration) {
        let what = format!("pin {pin} to be {}", if high { "high" } else { "low" });
        wait_for(limit, &what, || (self.level(pin) == high).then_some(()));
    }

    /// Watches for so long that the pin has that level all the time.
    pub(crate) fn stays(&self, pin: u8, high: bool, span: Duration) -> bool {
        let from = now();
        sleep(span);
        let seen = self.between(from, from + nanos(span));
        assert!(seen.len() > 3, "too few readings: {}", seen.len());
        seen.iter().all(|reading| reading.high(pin) == high)
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It fails where QEMU has ended first, and then the test has failed already.
            let _ = thread.join();
        }
    }
}

fn read(monitor: &mut Monitor) -> Reading {
    let before = now();
    let told = monitor.ask("human-monitor-command", GPLEV0);
    let after = now();
    // As in "3f200034: 0x00020000".
    let text = told.as_str().unwrap_or_default();
    let levels = text.trim().rsplit("0x").next().unwrap_or_default();
    let levels = u32::from_str_radix(levels, 16).unwrap_or_else(|_| panic!("no level: {text:?}"));
    Reading {
        before,
        after,
        levels,
    }
}

/// The spans with the pin high that began and ended among the readings.
pub(crate) fn highs(readings: &[Reading], pin: u8) -> Vec<High> {
    let mut highs = Vec::new();
    let mut rise = None;
    for pair in readings.windows(2) {
        let [one, next] = pair else { continue };
        match (one.high(pin), next.high(pin)) {
            (false, true) => rise = Some((one.before, next.after)),
            (true, false) => {
                if let Some(rise) = rise.take() {
                    let fall = (one.before, next.after);
                    highs.push(High { rise, fall });
                }
            }
            (true, true) | (false, false) => {}
        }
    }
    highs
}

/// Joins spans that are less than `longest` apart; also returns the number of such dips and the
/// longest duration that one may have had, in nanoseconds.
pub(crate) fn join(highs: &[High], longest: Duration) -> (Vec<High>, usize, u64) {
    let mut joined: Vec<High> = Vec::new();
    let (mut dips, mut most) = (0, 0);
    for &high in highs {
        if let Some(last) = joined.last_mut() {
            let dark = high.rise.1 - last.fall.0;
            if dark < nanos(longest) {
                last.fall = high.fall;
                dips += 1;
                most = most.max(dark);
                continue;
            }
        }
        joined.push(high);
    }
    (joined, dips, most)
}
