//! How fast a ball that leaves every screen at once goes round five daemons, compared with the lower
//! bound: a bare token in a ring of five processes with blocking sockets.
//!
//! `cargo bench --bench ring [-- --pairs 7 --seconds 2]`. Both are run in turn, pair by pair, and
//! only the ratio within a pair counts: the noise of the machine hits both.

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
    /// Voluntary context switches of all threads per hop.
    pub(crate) switches: f64,
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
    let pairs = number(&arguments, "--pairs").unwrap_or(7);
    let span = Duration::from_secs(number(&arguments, "--seconds").unwrap_or(2));
    println!("{NODES} processes each, {pairs} pairs of {span:?}");
    println!(
        "pair  bare hops/s  carom hops/s  bare/carom  CPU us/hop bare carom  switches/hop bare carom"
    );
    let mut ratios = Vec::new();
    for pair in 1..=pairs {
        let floor = bare::run(span, false);
        let ours = carom::run(span, false);
        let ratio = floor.rate / ours.rate;
        println!(
            "{pair:4}  {:11.0}  {:12.0}  {ratio:10.2}  {:15.1} {:5.1}  {:17.2} {:5.2}",
            floor.rate, ours.rate, floor.cpu, ours.cpu, floor.switches, ours.switches
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let middle = ratios[ratios.len() / 2];
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    println!(
        "a hop of carom takes {middle:.2} times a bare hop (median of the pairs; {least:.2} to {most:.2})"
    );
    match (bare::run(span, true).calls, carom::run(span, true).calls) {
        (Some(floor), Some(ours)) => println!(
            "system calls a hop: bare {floor:.1}, carom {ours:.1} (a run of its own, under strace)"
        ),
        _ => println!("system calls a hop: not counted, strace is not installed"),
    }
}

fn number(arguments: &[String], name: &str) -> Option<u64> {
    let index = arguments.iter().position(|argument| argument == name)?;
    arguments.get(index + 1)?.parse().ok()
}
