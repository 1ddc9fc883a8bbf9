//! How fast a ball that leaves every screen at once goes round five daemons, compared with the lower
//! bound: a bare token in a ring of five processes with blocking sockets. And what a key costs.
//!
//! `cargo bench --bench ring [-- --rounds 7 --seconds 2]`. All are run in turn, round by round, and
//! only the ratio within a round counts: the noise of the machine hits all.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark ends with a panic where it cannot measure, prints, and times itself"
)]

mod bare;
mod carom;
mod process;

use std::time::Duration;

/// What one run showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Hops per second.
    pub(crate) rate: f64,
    /// CPU microseconds of all processes per hop.
    pub(crate) cpu: f64,
    /// System calls per hop; `None` where strace is not installed.
    pub(crate) calls: Option<f64>,
}

/// How many nodes each ring has.
pub(crate) const NODES: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, rest @ ..] = arguments.as_slice()
        && role == "bare-node"
    {
        bare::node(rest);
        return;
    }
    let rounds = number(&arguments, "--rounds").unwrap_or(7);
    let span = Duration::from_secs(number(&arguments, "--seconds").unwrap_or(2));
    println!("{NODES} processes each, {rounds} rounds of {span:?} each");
    println!(
        "round  hops/s: bare  carom  with a key  bare/carom  bare/with a key  CPU us/hop: bare  carom  with a key"
    );
    let (mut plain, mut keyed) = (Vec::new(), Vec::new());
    let half = span / 2;
    for round in 1..=rounds {
        // A machine changes its speed from one second to the next: each ring of ours is compared with the mean of the
        // bare ones before and after it.
        let before = bare::run(half, false);
        let ours = carom::run(span, false, false);
        let between = bare::run(half, false);
        let with_key = carom::run(span, false, true);
        let after = bare::run(half, false);
        let over_floor = (before.rate + between.rate) / 2.0 / ours.rate;
        let key_over_floor = (between.rate + after.rate) / 2.0 / with_key.rate;
        println!(
            "{round:5}  {:12.0}  {:5.0}  {:10.0}  {over_floor:10.2}  {key_over_floor:15.2}  {:16.1}  {:5.1}  {:10.1}",
            between.rate, ours.rate, with_key.rate, between.cpu, ours.cpu, with_key.cpu
        );
        plain.push(over_floor);
        keyed.push(key_over_floor);
    }
    println!("a hop of carom takes {} a bare hop", Spread::of(&mut plain));
    println!(
        "a hop with a key takes {} a bare hop",
        Spread::of(&mut keyed)
    );
    let calls = [
        ("bare", bare::run(span, true).calls),
        ("carom", carom::run(span, true, false).calls),
        ("carom with a key", carom::run(span, true, true).calls),
    ];
    for (name, calls) in calls {
        match calls {
            Some(calls) => {
                println!("system calls a hop, {name}: {calls:.1} (a run of its own, under strace)");
            }
            None => println!("system calls a hop, {name}: not counted, strace gave no sum"),
        }
    }
}

/// The median of some ratios, and the least and the largest.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(ratios: &mut [f64]) -> Self {
        ratios.sort_by(f64::total_cmp);
        Self {
            median: ratios[ratios.len() / 2],
            least: ratios[0],
            most: ratios[ratios.len() - 1],
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:.2} times (median of the rounds; {:.2} to {:.2})",
            self.median, self.least, self.most
        )
    }
}

fn number(arguments: &[String], name: &str) -> Option<u64> {
    let index = arguments.iter().position(|argument| argument == name)?;
    arguments.get(index + 1)?.parse().ok()
}
