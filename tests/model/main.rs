//! The model checker: every order of events in a small ring of shipped nodes, within bounds.
//!
//! The nodes are [`carom::ring::Node`] as it is shipped, and they exchange its messages. Time advances
//! in ticks of an eighth or a quarter of a lease, and has no end: a ring without faults returns to
//! states that are known already (`canonical.rs`). Possible at any moment: a message arrives, strays
//! in any order; a tick passes, if no message is overdue; a fault of `bounds.rs` begins or ends.
//! `invariants.rs`, `liveness.rs`, `windows.rs` and `recovery.rs` say what is checked.
//!
//! Simplification: once a tick a heartbeat reaches every node that can be reached, without delay.
//! This is the harder case, because an older heartbeat makes the lease in a pass shorter, never
//! longer. While nothing gets through, or a pass is late, echoes are as old as they would be.
//!
//! `tests/model/run` says how to start it, and `NOT_COVERED` below what it does not show.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test with a main of its own: any failure ends it"
)]

mod bounds;
mod canonical;
mod canonical_message;
mod clock;
mod equivalence;
mod faults;
mod hasher;
mod interning;
mod invariants;
mod liveness;
mod model;
mod recovery;
mod scenarios;
mod state;
#[path = "../common/topology.rs"]
#[allow(dead_code, reason = "the simulator uses the rest")]
mod topology;
mod trace;
mod windows;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use carom::clock::now as clock_now;
use stateright::{Checker, HasDiscoveries, Model};

use bounds::Bounds;
use invariants::Totals;
use model::Ring;
use scenarios::Scenario;

const NOT_COVERED: &str = "\
Not covered:
  more faults at once, more nodes, more balls than stated above; rows and play-on; ring files that differ
  more than one window; windows that answer late or never; late copies that join as guests
  moments within a tick: messages arrive on the tick, timers fire at their exact moment
  messages slower than --max-delay ticks on a link without a fault, unless as a stray or behind a cut
  random numbers: one draw for each node and incarnation (and a second order of them with --reverse)
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
    let scenarios = match (
        ours,
        arguments.iter().position(|word| word == "--scenarios"),
    ) {
        (false, _) => scenarios::QUICK,
        (true, Some(place)) => {
            arguments.remove(place);
            let name = arguments.get(place).cloned().unwrap_or_default();
            let Some(scenarios) = scenarios::named(&name) else {
                eprintln!("--scenarios takes one of: {}", scenarios::names());
                return ExitCode::from(2);
            };
            arguments.remove(place);
            scenarios
        }
        (true, None) => &[scenarios::OWN],
    };
    explore(scenarios, &arguments)
}

/// Explores every scenario with these options on top of its own.
fn explore(scenarios: &[Scenario], options: &[String]) -> ExitCode {
    let begun = clock_now();
    let mut totals = Totals::default();
    for scenario in scenarios {
        let own = scenario.options.split_whitespace().map(str::to_owned);
        let bounds = match Bounds::parse(own.chain(options.iter().cloned())) {
            Ok(bounds) => bounds,
            Err(fault) => {
                eprintln!("{fault}");
                return ExitCode::from(2);
            }
        };
        println!("\n{}:", scenario.says);
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
    // The quick scenarios are too small to see everything.
    let many = scenarios.len() > scenarios::QUICK.len();
    let usual = scenarios.len() == scenarios::USUAL.len();
    if let (true, Some(never_seen)) = (many, totals.never_seen(usual)) {
        println!("FAILED: never seen: {never_seen}; such a run proves nothing");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Explores one ring and returns whether every promise was kept.
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
    let longest = checker.model().coverage.longest_times();
    let [plain, lost] = longest.map(|leases| match leases {
        0.0 => "(not measured)".to_owned(),
        leases => format!("{leases:.3} leases"),
    });
    println!(
        "  without a possession in an island for at most {plain}, with an election lost {lost}"
    );
    totals.add(checker.unique_state_count(), &checker.model().coverage);
    if let Some(path) = checker.discoveries().into_values().next() {
        println!("FAILED, and this is how:\n{}", trace::path(path));
        return false;
    }
    let beyond = checker
        .model()
        .coverage
        .read(invariants::Event::BeyondBounds);
    match (limit.is_some_and(|limit| elapsed >= limit), beyond) {
        (true, _) => println!("  NOT all states: stopped by the time limit"),
        (false, 0) => println!("  all states, with time without end"),
        (false, _) => println!("  all states but for {beyond} steps beyond the bound on rounds"),
    }
    true
}
