//! An emulated Raspberry Pi 3 as a node of a ring: its LED's pin, read from outside, must be high exactly
//! while it has the ball, whatever happens to its daemon.
//!
//! `tests/pi/run` installs what this needs, lays out the machine's image, and runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed set-up ends the test, and figures are for people"
)]

mod harness;
mod machine;
mod pins;
mod ring;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use harness::{millis, nanos, now, wait_for};
use machine::Machine;
use pins::{Pins, highs, join};
use ring::{DWELL, LEASE, Ring};
use verdict::Verdict;

/// Where the LED is, in the ring file and on the board.
const PIN: u8 = 17;
/// Where `tests/pi/image` put the board's green LED.
const ACT_PIN: u8 = 27;
/// A restarted one-shot is off for microseconds on a Pi, and for longer on an emulated one on a busy machine.
const DIP: Duration = Duration::from_millis(50);
/// How late the LED keeper of an emulated Pi may be on a busy machine.
const LATE: Duration = Duration::from_millis(200);
/// How long anything in the ring may take.
const LONG: Duration = Duration::from_secs(60);

const GPIO: &str = "{ backend = \"gpio\", pin = 17 }";
const GPIOCHIP: &str = "{ backend = \"gpiochip\", pin = 17 }";
const ACT: &str = "{ backend = \"act\" }";

fn main() -> ExitCode {
    let mut folder: Option<PathBuf> = None;
    let mut passes = 20;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--folder" => folder = words.next().map(PathBuf::from),
            "--passes" => passes = words.next().and_then(|n| n.parse().ok()).unwrap_or(passes),
            // For the script, or what `cargo test` says to every test.
            _ => {}
        }
    }
    let Some(folder) = folder else {
        println!("skipped: the emulated Pi needs an image, which tests/pi/run makes for it");
        return ExitCode::SUCCESS;
    };
    let begun = now();
    let mut ring = Ring::set(&folder);
    let mut machine = Machine::boot(&folder, &ring.ports_of_pi());
    println!("booted in {:.1} s", millis(now() - begun) / 1e3);
    let pins = Pins::watch(machine.pins());
    let mut play = Play {
        wrong: Vec::new(),
        begun,
    };
    play.suite(&mut machine);
    ring.start();
    let mut bench = Bench {
        ring,
        pins,
        machine,
    };
    play.by_hand(&mut bench);
    play.gpio(&mut bench, passes);
    play.gpiochip(&mut bench, passes / 2);
    play.act(&mut bench, passes / 2);
    if !play.wrong.is_empty() {
        let log = bench.machine.shell("tail -n 40 /tmp/log").1;
        println!("log of the emulated Pi:\n{log}");
    }
    println!("took {:.1} s", millis(now() - begun) / 1e3);
    println!(
        "{} passed, {} failed",
        usize::from(play.wrong.is_empty()),
        play.wrong.len()
    );
    for wrong in &play.wrong {
        println!("FAILED: {wrong}");
    }
    ExitCode::from(u8::from(!play.wrong.is_empty()))
}

/// The machine, the others, and the view on the pins.
struct Bench {
    ring: Ring,
    // Dropped before the machine, which it reads.
    pins: Pins,
    machine: Machine,
}

impl Bench {
    /// Starts the unit with that LED: as systemd would, it runs the stop hook when the daemon has ended.
    fn start(&mut self, led: &str, hook_at_once: bool) {
        let file = self.ring.file(led);
        self.machine.write("/tmp/ring.toml", &file);
        self.machine.must("rm -f /run/ended /run/hook /run/go");
        if hook_at_once {
            self.machine.must("touch /run/go");
        }
        self.machine.must("unit /tmp/ring.toml &");
    }

    fn signal(&mut self, signal: &str) {
        self.machine
            .must(&format!("kill -{signal} $(cat /run/pid)"));
    }

    /// Waits for a file that the unit writes: an exit code.
    fn wait_for_file(&mut self, path: &str) -> String {
        let machine = &mut self.machine;
        wait_for(LONG, path, || {
            let (code, told) = machine.shell(&format!("cat {path} 2>/dev/null"));
            (code == 0 && !told.is_empty()).then_some(told)
        })
    }

    /// Runs until the pin was high so often; returns the verdict.
    fn play(&mut self, pin: u8, passes: usize) -> Verdict {
        self.pins.wait(pin, true, LONG);
        let from = now();
        let look = |bench: &Self| {
            let seen = highs(&bench.pins.between(from, now()), pin);
            // A one-shot is ended and begun again to make it last: a fast enough reading sees that.
            let longest = if pin == ACT_PIN { DIP } else { Duration::ZERO };
            join(&seen, longest)
        };
        wait_for(LONG, "passes through the emulated Pi", || {
            sleep(DWELL);
            (look(self).0.len() >= passes + 2).then_some(())
        });
        // The end of the last possession is the next node's trace line.
        sleep(DWELL);
        let (highs, dips, longest) = look(self);
        if dips > 0 {
            println!(
                "  {dips} dips while the one-shot was begun again, the longest {:.1} ms at the most",
                millis(longest)
            );
        }
        let end = highs.last().map_or(0, |high| high.fall.1);
        let mut lines = self.ring.lines();
        lines.retain(|line| line.at >= from && line.at <= end);
        verdict::judge(&highs, &lines)
    }
}

/// The steps, and what went wrong in them.
struct Play {
    wrong: Vec<String>,
    begun: u64,
}

impl Play {
    fn step(&self, what: &str) {
        println!("[{:6.1} s] {what}", millis(now() - self.begun) / 1e3);
    }

    fn check(&mut self, holds: bool, what: &str) {
        println!("  {}: {what}", if holds { "ok" } else { "FAILED" });
        if !holds {
            self.wrong.push(what.to_owned());
        }
    }

    fn passes(&mut self, verdict: &Verdict, wanted: usize) {
        verdict.print(6);
        self.check(
            verdict.passes_through.len() >= wanted,
            &format!("at least {wanted} passes through the emulated Pi"),
        );
        self.check(
            // The ball may wait for an emulated processor on a busy machine, but not that long.
            verdict
                .disagreement()
                .is_some_and(|apart| apart < nanos(LEASE)),
            &format!("pin and possession apart by less than a lease, {LEASE:?}"),
        );
        self.check(
            verdict.wrong.is_empty(),
            "high once in every visit, and never while another LED is on",
        );
        self.wrong.extend(verdict.wrong.iter().cloned());
    }

    /// The unit tests of the LEDs, on real pins.
    fn suite(&mut self, machine: &mut Machine) {
        self.step("the suite that every light must pass, in the machine");
        let (code, told) = machine.shell(
            "CAROM_TEST_PIN=17 CAROM_TEST_CHIP=/dev/gpiochip0 CAROM_TEST_LEVELS='devmem 0x3f200034' \
             carom-tests led:: --test-threads 1 2>&1",
        );
        println!("{}", indent(&told));
        self.check(
            code == 0 && !told.contains("skipped: CAROM_TEST_PIN"),
            "gpio and gpiochip pass it",
        );
        set_dark_trigger(machine);
        let (code, told) = machine.shell(
            "CAROM_TEST_PIN=27 CAROM_TEST_LED=ACT CAROM_TEST_LEVELS='devmem 0x3f200034' \
             carom-tests led::suite::a_pin_that_the_kernel --nocapture 2>&1",
        );
        self.check(
            code == 0 && !told.contains("skipped"),
            "so does an LED of the kernel, with and without the one-shot trigger",
        );
        if code != 0 {
            println!("{}", indent(&told));
        }
    }

    /// `carom led`, as it is used to check the wiring.
    fn by_hand(&mut self, bench: &mut Bench) {
        self.step("carom led");
        let mut led = |bench: &mut Bench, led: &str, words: &str| {
            let file = bench.ring.file(led);
            bench.machine.write("/tmp/ring.toml", &file);
            let line = format!("carom led {words} --config /tmp/ring.toml --node pi3 2>&1");
            let (code, told) = bench.machine.shell(&line);
            self.check(code == 0, &told);
            bench.pins.level(PIN)
        };
        let on = led(bench, GPIO, "on");
        let off = led(bench, GPIO, "off");
        let spent = led(bench, GPIOCHIP, "on --for 1s");
        let from = now();
        let blinked = led(bench, GPIOCHIP, "blink --for 3s");
        let blinks = highs(&bench.pins.between(from, now()), PIN).len();
        self.check(on && !off, "on stays lit when it has ended, until off");
        self.check(!spent && !blinked, "what has a span is dark after it");
        self.check(
            (3..=4).contains(&blinks),
            &format!("blinked {blinks} times in 3 s"),
        );
    }

    fn gpio(&mut self, bench: &mut Bench, passes: usize) {
        self.step("gpio: passes");
        bench.start(GPIO, true);
        let verdict = bench.play(PIN, passes);
        self.passes(&verdict, passes);
        self.terminate(bench);
        self.kill(bench, GPIO);

        self.step("gpio: power cut and reboot while it has the ball");
        bench.start(GPIO, true);
        bench.pins.wait(PIN, true, LONG);
        let from = now();
        bench.machine.reset();
        bench.machine.come_back();
        let lit = bench.pins.between(from, now());
        let lit = lit.iter().filter(|reading| reading.high(PIN)).count();
        // The very first readings may come before the reset.
        self.check(lit <= 3, "low from the reset on, all through the boot");
        bench.start(GPIO, true);
        let verdict = bench.play(PIN, 3);
        self.passes(&verdict, 3);
        self.terminate(bench);
    }

    fn gpiochip(&mut self, bench: &mut Bench, passes: usize) {
        self.step("gpiochip: passes");
        bench.start(GPIOCHIP, true);
        let verdict = bench.play(PIN, passes);
        self.passes(&verdict, passes);
        self.step("gpiochip: a second program asks for the pin");
        let (code, told) = bench
            .machine
            .shell("sed 's/tests-pi/other/' /tmp/ring.toml >/tmp/other.toml; carom led on --config /tmp/other.toml --node pi3 2>&1");
        self.check(
            code == 1 && told.contains("pin 17 (BCM) is in use by \"carom\""),
            &format!("refused: {told}"),
        );
        self.terminate(bench);
        self.step("gpiochip: a user without rights");
        let (code, told) = bench
            .machine
            .shell("chmod 644 /tmp/ring.toml; su nobody -s /bin/sh -c 'carom led on --config /tmp/ring.toml --node pi3' 2>&1");
        self.check(
            code == 1
                && told.contains("no right to use /dev/gpiochip0: add the user to the group gpio"),
            &format!("refused: {told}"),
        );
        self.kill(bench, GPIOCHIP);
    }

    fn act(&mut self, bench: &mut Bench, passes: usize) {
        self.step("act: passes, on the kernel's LED with its one-shot trigger");
        let earlier = set_dark_trigger(&mut bench.machine);
        bench.start(ACT, true);
        let verdict = bench.play(ACT_PIN, passes);
        self.passes(&verdict, passes);
        let trigger = bench.machine.must("cat /sys/class/leds/ACT/trigger");
        self.check(
            trigger.contains("[transient]"),
            "lit by the one-shot trigger",
        );

        self.step("act: the daemon hangs while it has the ball");
        bench.pins.wait(ACT_PIN, true, LONG);
        bench.signal("STOP");
        let stopped = now();
        if bench.pins.level(ACT_PIN) {
            bench.pins.wait(ACT_PIN, false, LEASE);
            println!("  dark {:.0} ms after it hung", millis(now() - stopped));
        }
        self.check(
            bench.pins.stays(ACT_PIN, false, LEASE * 2),
            "dark within a lease, though no process put it out",
        );
        bench.signal("CONT");
        bench.pins.wait(ACT_PIN, true, LONG);
        println!("  it plays again");
        bench.signal("TERM");
        bench.wait_for_file("/run/hook");
        let trigger = bench.machine.must("cat /sys/class/leds/ACT/trigger");
        self.check(trigger == earlier, "its trigger is what it was before");
    }

    /// A planned stop with the ball.
    fn terminate(&mut self, bench: &mut Bench) {
        self.step("SIGTERM while it has the ball");
        let pin = PIN;
        bench.pins.wait(pin, true, LONG);
        let asked = now();
        bench.signal("TERM");
        let code = bench.wait_for_file("/run/ended");
        let hops = bench.ring.hops();
        self.check(code == "0", "it ended well");
        let lit = bench.pins.between(asked, now());
        match lit.iter().rfind(|reading| reading.high(pin)) {
            Some(last) => println!(
                "  dark {:.0} ms after the signal",
                millis(last.after - asked)
            ),
            None => println!("  dark before the first reading after the signal"),
        }
        bench.wait_for_file("/run/hook");
        self.check(
            bench.pins.stays(pin, false, LEASE),
            "low after it, and it stays low",
        );
        self.check(bench.ring.hops() > hops, "the others play on");
    }

    /// The daemon is stopped with the ball, and killed with it: the LED keeper switches the LED off, without the stop hook.
    fn kill(&mut self, bench: &mut Bench, led: &str) {
        bench.start(led, false);
        // The keeper may be late by what a busy host takes from the emulated processor.
        for (signal, limit) in [("STOP", LEASE + LATE), ("KILL", LATE)] {
            self.step(&format!("SIG{signal} while it has the ball"));
            bench.pins.wait(PIN, true, LONG);
            bench.signal(signal);
            let sent = now();
            if bench.pins.level(PIN) {
                bench.pins.wait(PIN, false, limit);
            }
            println!("  dark {:.0} ms after it", millis(now() - sent));
            self.check(bench.pins.stays(PIN, false, LEASE), "low, and it stays low");
            if signal == "STOP" {
                bench.signal("CONT");
            }
        }
        bench.wait_for_file("/run/ended");
        bench.machine.must("touch /run/go");
        let code = bench.wait_for_file("/run/hook");
        self.check(code == "0", "the stop hook ran");
        self.check(bench.pins.stays(PIN, false, LEASE), "still low after it");
        let hops = bench.ring.hops();
        sleep(LEASE * 2);
        self.check(bench.ring.hops() > hops, "the others took the ball back");
    }
}

/// Gives the green LED a trigger that does not switch it on; returns what `trigger` then contains.
fn set_dark_trigger(machine: &mut Machine) -> String {
    machine.must("echo kbd-scrolllock >/sys/class/leds/ACT/trigger");
    machine.must("cat /sys/class/leds/ACT/trigger")
}

fn indent(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
