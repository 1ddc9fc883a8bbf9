//! The model checker: every order of events in a small ring of shipped nodes, within bounds.
//!
//! The nodes are [`carom::ring::Node`] as it is shipped, and they speak its messages. Time goes on
//! in ticks of an eighth or a quarter of a lease, and has no end: a ring that is left in peace
//! comes round to states that are known already (`canon.rs`). What can happen at any moment:
//! a line arrives, late lines in any order; a tick passes, if no line is overdue; a fault of
//! `bounds.rs` begins or ends. What must never happen is in `watch.rs` and `calm.rs`.
//!
//! Simplified: a heartbeat reaches whoever can be reached once a tick and at once. That is the
//! bolder network: an older heartbeat makes the lease in a pass shorter, never longer. While
//! nothing gets through, or a pass is late, echoes are as old as they would be.
//!
//! `tests/model/run` says how to start it, and `NOT_COVERED` below what it does not show.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test with a main of its own: whatever is wrong ends it"
)]

mod audit;
mod bounds;
mod calm;
mod canon;
mod clock;
mod faults;
mod intern;
mod model;
mod scenes;
mod state;
mod tell;
mod watch;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use carom::clock::now as clock_now;
use stateright::{Checker, HasDiscoveries, Model};

use bounds::Bounds;
use model::Ring;
use scenes::Scene;
use watch::Totals;

const NOT_COVERED: &str = "\
Not covered:
  more faults at once, more nodes, more balls than stated above; rows and play-on; ring files that differ
  moments within a tick: lines arrive on the tick, timers fire at their very moment
  lines slower than --patience ticks on a whole link, unless as a stray or behind a cut
  random numbers: one draw for each node and life (and a second order of them with --reverse)
  clocks that drift, unless with --skew; processes of the same name started twice
  the links, the daemon and the LED: those are the simulator's and the tests' with real processes";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test` passes its own options on; only those after `explore` are ours.
    let ours = arguments.first().is_some_and(|first| first == "explore");
    if ours {
        arguments.remove(0);
    } else {
        arguments.clear();
    }
    let scenes = match (ours, arguments.iter().position(|word| word == "--scenes")) {
        (false, _) => scenes::QUICK,
        (true, Some(place)) => {
            arguments.remove(place);
            let name = arguments.get(place).cloned().unwrap_or_default();
            let Some(scenes) = scenes::named(&name) else {
                eprintln!("--scenes takes one of: {}", scenes::names());
                return ExitCode::from(2);
            };
            arguments.remove(place);
            scenes
        }
        (true, None) => &[scenes::OWN],
    };
    explore(scenes, &arguments)
}

/// Explores every scene with these options on top of its own.
fn explore(scenes: &[Scene], options: &[String]) -> ExitCode {
    let begun = clock_now();
    let mut totals = Totals::default();
    for scene in scenes {
        let own = scene.options.split_whitespace().map(str::to_owned);
        let bounds = match Bounds::parse(own.chain(options.iter().cloned())) {
            Ok(bounds) => bounds,
            Err(fault) => {
                eprintln!("{fault}");
                return ExitCode::from(2);
            }
        };
        println!("\n{}:", scene.says);
        print!("{bounds}");
        if !run(bounds, &mut totals) {
            return ExitCode::FAILURE;
        }
    }
    println!(
        "\n{totals}in {:.0} s",
        clock_now().since(begun).as_secs_f64()
    );
    println!("{NOT_COVERED}");
    if let (true, Some(unseen)) = (scenes.len() > 1, totals.unseen()) {
        println!("FAILED: never seen: {unseen}; such a run proves nothing");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Explores one ring; whether every promise was kept.
fn run(bounds: Bounds, totals: &mut Totals) -> bool {
    let begun = clock_now();
    let (threads, limit) = (bounds.threads, bounds.seconds.map(Duration::from_secs));
    let mut builder = Ring::new(bounds)
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures);
    if let Some(limit) = limit {
        builder = builder.timeout(limit);
    }
    let checker = builder.spawn_bfs().join();
    let elapsed = clock_now().since(begun);
    println!(
        "  {} states ({} steps to them), {} steps deep at most, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth() - 1,
        elapsed.as_secs_f64()
    );
    totals.add(checker.unique_state_count(), &checker.model().watch);
    if let Some(path) = checker.discoveries().into_values().next() {
        println!("FAILED, and this is how:\n{}", tell::path(path));
        return false;
    }
    let beyond = checker.model().watch.read(watch::Event::Beyond);
    match (limit.is_some_and(|limit| elapsed >= limit), beyond) {
        (true, _) => println!("  NOT all of it: the time was over"),
        (false, 0) => println!("  all of it, and time without end"),
        (false, _) => println!("  all of it but for {beyond} steps beyond the bound on rounds"),
    }
    true
}
