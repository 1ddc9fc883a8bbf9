//! Chaos: seven real daemons, or more, in network namespaces, with faults that a seed determines.
//!
//! `tests/chaos/run` installs what this needs and runs it. Whether a promise was kept is decided
//! from outside, by merging what the LEDs of all nodes traced: see `verdict.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "a failed set-up ends the test, and figures are for people"
)]

#[path = "../common/bridge.rs"]
mod bridge;
mod fault;
mod harness;
mod inject;
mod kills;
mod memory;
mod report;
mod ring;
mod testbed;
mod verdict;
mod visitors;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use fault::{Fault, Kind};
use harness::{millis, now};
use kills::Bounds;
use report::Report;
use ring::{Ring, lease, nodes};
use testbed::Testbed;
use verdict::{Judge, Span, Verdict, WHOLE_WITHIN};
use visitors::Visitors;

const USAGE: &str = "tests/chaos/run [--faults N] [--seed S] [--load SECONDS] [--only KIND] [--nodes N] [--visitors] [--plain] [--logs] [--lease MS] [--kills N] [--most-median MS] [--most-p99 MS]";

/// The command line.
struct Arguments {
    /// An empty folder; without one the test is skipped.
    folder: Option<PathBuf>,
    faults: usize,
    seed: u64,
    /// How long all processors are busy at the end.
    load: Duration,
    only: Option<Kind>,
    /// Whether pages are open and the rate endpoints saturated.
    visitors: bool,
    /// Whether the daemons have a real-time priority.
    realtime: bool,
    /// Whether failures come with traces and logs of all nodes.
    logs: bool,
    /// In place of faults: how often the holder is killed.
    kills: Option<usize>,
    /// What they must not exceed.
    bounds: Bounds,
}

impl Arguments {
    fn read(words: impl Iterator<Item = String>) -> Option<Self> {
        let mut all = Self {
            folder: None,
            faults: 60,
            seed: 7,
            load: Duration::ZERO,
            only: None,
            visitors: false,
            realtime: true,
            logs: false,
            kills: None,
            bounds: Bounds::default(),
        };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--folder" => all.folder = Some(words.next()?.into()),
                "--faults" => all.faults = words.next()?.parse().ok()?,
                "--seed" => all.seed = words.next()?.parse().ok()?,
                "--load" => all.load = Duration::from_secs(words.next()?.parse().ok()?),
                "--only" => all.only = Some(Kind::find(&words.next()?)?),
                "--nodes" => ring::set_nodes(
                    words
                        .next()?
                        .parse()
                        .ok()
                        .filter(|count| (7..=250).contains(count))?,
                ),
                "--lease" => {
                    ring::set_lease(Duration::from_millis(words.next()?.parse().ok()?));
                }
                "--kills" => all.kills = Some(words.next()?.parse().ok()?),
                "--most-median" => all.bounds.median = Some(words.next()?.parse().ok()?),
                "--most-p99" => all.bounds.p99 = Some(words.next()?.parse().ok()?),
                "--visitors" => all.visitors = true,
                "--plain" => all.realtime = false,
                "--logs" => all.logs = true,
                // Arguments that `cargo test` passes to every test.
                _ if all.folder.is_none() => {}
                _ => return None,
            }
        }
        Some(all)
    }
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(visitors::ROLE) {
        let count = std::env::args().nth(2).and_then(|count| count.parse().ok());
        ring::set_nodes(count.expect("the number of nodes"));
        visitors::run();
        return ExitCode::SUCCESS;
    }
    if std::env::args().nth(1).as_deref() == Some(memory::ROLE) {
        memory::eat();
        return ExitCode::SUCCESS;
    }
    let Some(arguments) = Arguments::read(std::env::args().skip(1)) else {
        println!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    let Some(folder) = arguments.folder.clone() else {
        println!("skipped: chaos needs a network of its own, which tests/chaos/run makes for it");
        return ExitCode::SUCCESS;
    };
    assert!(testbed::is_private(), "this network is in use");
    let begun = now();
    let ring = Ring::start(
        Testbed::set(&folder, nodes(), arguments.realtime),
        fault::DWELLS[0],
    );
    let mut chaos = Chaos {
        ring,
        judge: Judge::default(),
        report: Report::default(),
        refused: BTreeMap::new(),
        begun,
        logs: arguments.logs,
    };
    let visitors = arguments.visitors.then(Visitors::start);
    match arguments.kills {
        None => chaos.run(&arguments),
        Some(count) => chaos.kill(count, &arguments),
    }
    if let Some(visitors) = visitors {
        chaos.count_visits(visitors.end());
    }
    chaos.look_for_panics();
    chaos.report.compare_with_the_aim();
    if arguments.kills.is_some() {
        chaos.report.print_failures();
    } else {
        chaos.report.print(arguments.seed);
    }
    println!("took {:.1} s", millis(now() - begun) / 1e3);
    ExitCode::from(u8::from(!chaos.report.failures.is_empty()))
}

/// A run under way.
struct Chaos {
    ring: Ring,
    judge: Judge,
    report: Report,
    /// Passes refused by every process so far.
    refused: BTreeMap<String, u64>,
    begun: u64,
    logs: bool,
}

impl Chaos {
    fn run(&mut self, arguments: &Arguments) {
        let Arguments {
            faults,
            seed,
            only,
            load,
            ..
        } = *arguments;
        let priority = if self.ring.testbed.realtime {
            "real-time"
        } else {
            "ordinary"
        };
        println!(
            "{} nodes of {priority} priority, lease {:?}, {faults} faults of seed {seed}; * had the ball",
            nodes(),
            lease()
        );
        if !self.starts(self.begun) {
            return;
        }
        for fault in fault::deal(seed, faults, nodes(), only) {
            if fault.dwell != self.ring.dwell && !self.begin(fault.dwell) {
                return;
            }
            if !self.one(&fault) {
                return;
            }
        }
        if !load.is_zero() {
            self.one(&inject::load(faults + 1, self.ring.dwell, load));
        }
    }

    /// Kills the holder again and again. The ball stays long on each screen, so that it is there.
    fn kill(&mut self, count: usize, arguments: &Arguments) {
        if self.begin(fault::DWELLS[1]) {
            let wrong = kills::run(&mut self.ring, count, arguments.seed, arguments.bounds);
            self.report.failures.extend(wrong);
        }
    }

    /// Starts a new ring, with a ball that stays that long on each screen.
    fn begin(&mut self, dwell: u64) -> bool {
        let begun = now();
        self.ring.begin(dwell);
        self.judge = Judge::default();
        self.starts(begun)
    }

    fn starts(&mut self, begun: u64) -> bool {
        let started = self.ring.settle(begun, Duration::from_secs(10));
        if let Err(why) = started {
            let sentence = format!("the ring did not start: {why}");
            self.report.failures.push(sentence);
            return false;
        }
        println!("the ball stays {} ms on each screen", self.ring.dwell);
        true
    }

    fn count_visits(&mut self, (read, sent): (u64, u64)) {
        println!(
            "visitors read {read} bytes of events and sent {sent} bytes to the rate endpoints"
        );
        if read == 0 || sent == 0 {
            let sentence = "the visitors did not get through".to_owned();
            self.report.failures.push(sentence);
        }
    }

    fn look_for_panics(&mut self) {
        for node in 0..nodes() {
            if self.ring.log(node).to_lowercase().contains("panic") {
                let sentence = format!("pi{} panicked: see its log", node + 1);
                self.report.failures.push(sentence);
            }
        }
    }

    /// One fault from its injection to the verdict; false if the ring did not recover.
    fn one(&mut self, fault: &Fault) -> bool {
        let from = now();
        let damage = inject::inject(&mut self.ring, fault);
        let settled = self.ring.settle(damage.healed, Duration::from_secs(10));
        let whole = now();
        self.ring.watch(lease() * 5 / 4 + fault.rest);
        let span = Span {
            from,
            whole,
            to: now(),
        };
        let taken = self.ring.take();
        let excerpt = taken.0.clone();
        let mut verdict = self.judge.judge(fault, &damage, &span, taken);
        verdict.wrong.append(&mut self.ring.wrong);
        let spent = settled.as_ref().copied().unwrap_or(u64::MAX);
        if spent > WHOLE_WITHIN {
            let sentence = format!("the ring took {:.0} ms to be whole again", millis(spent));
            verdict.wrong.push(sentence);
        }
        self.count_refused();
        self.report.add(fault.kind, spent, &verdict);
        println!("{}", line(fault, &damage.whom, spent, &verdict));
        if !verdict.wrong.is_empty() {
            self.print_scheduling_delays();
        }
        for wrong in &verdict.wrong {
            println!("      {wrong}");
            let sentence = format!(
                "fault {} ({} {}): {wrong}",
                fault.number, fault.kind, damage.whom
            );
            self.report.failures.push(sentence);
        }
        if self.logs && !verdict.wrong.is_empty() {
            println!(
                "      at {} healed {} whole {whole}",
                damage.at, damage.healed
            );
            for line in excerpt {
                let (word, at) = (if line.on { "on " } else { "off" }, line.at);
                println!("      {at} pi{} {word} {:?}", line.node + 1, line.stamp);
            }
            for node in 0..nodes() {
                println!("--- log of pi{}\n{}", node + 1, self.ring.log(node));
            }
        }
        match settled {
            Ok(_) => true,
            Err(why) => {
                let sentence = format!("fault {}: given up: {why}", fault.number);
                self.report.failures.push(sentence);
                false
            }
        }
    }

    /// Prints scheduling delays, which may explain a failure but do not excuse it.
    fn print_scheduling_delays(&self) {
        for node in 0..nodes() {
            let Some(status) = self.ring.status(node) else {
                continue;
            };
            let counters = &status["counters"];
            if counters["stalls"] != 0 {
                println!(
                    "      pi{} came late {} times since its start, stops included; {} ms at most",
                    node + 1,
                    counters["stalls"],
                    counters["longest_stall_ms"]
                );
            }
        }
    }

    fn count_refused(&mut self) {
        for node in 0..nodes() {
            let Some(status) = self.ring.status(node) else {
                continue;
            };
            let incarnation = status["incarnation"].to_string();
            let refused = status["counters"]["refused_passes"].as_u64();
            self.refused
                .insert(incarnation, refused.expect("a counter of that name"));
        }
        self.report.refused_passes = self.refused.values().sum();
    }
}

fn line(fault: &Fault, whom: &str, whole: u64, verdict: &Verdict) -> String {
    let relit = match verdict.relit {
        0 => "never dark".to_owned(),
        dark => format!("relit after {:.1} ms", millis(dark)),
    };
    format!(
        "{:>4}  {:<17} {whom:<32} {relit:<22} whole {:>6.0} ms  {}",
        fault.number,
        fault.kind,
        millis(whole),
        if verdict.wrong.is_empty() {
            "ok"
        } else {
            "FAILED"
        }
    )
}
