//! Runs many seeds, on as many threads as there are cores; the first failure is shrunk and printed.

use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::checkers::refinement;
use crate::healing;
use crate::plan::Plan;
use crate::play;
use crate::shrink::shrink;
use crate::tally::Summary;
use crate::trace::Trace;

/// Seeds that an ordinary test run tries.
const FEW: u64 = 300;

/// A long sweep prints its progress at this interval.
const PROGRESS_EVERY: u64 = 20_000;

/// Does what `CAROM_SIM_SEED`, `CAROM_SIM_SEEDS`, `CAROM_SIM_FIRST` and `CAROM_SIM_TRACE` say; with
/// `CAROM_SIM_HEAL` for rings that are to heal.
pub(crate) fn from_environment() {
    let number = |name: &str| {
        env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let heals = env::var_os("CAROM_SIM_HEAL").is_some();
    if let Some(seed) = number("CAROM_SIM_SEED") {
        let traced = env::var_os("CAROM_SIM_TRACE").is_some();
        if heals {
            healing::replay(seed, traced);
        } else {
            replay(seed, traced);
        }
        return;
    }
    let first = number("CAROM_SIM_FIRST").unwrap_or(1);
    let seeds = number("CAROM_SIM_SEEDS").unwrap_or(FEW);
    let failed = if heals {
        sweep(first, seeds, |seed| {
            let healed = healing::heal(seed, Trace::default());
            healed
                .map(|()| Summary::default())
                .map_err(|unhealed| unhealed.what)
        })
        .1
    } else {
        let (summary, failed) = sweep(first, seeds, |seed| {
            let plan = Plan::draw(seed);
            let world = play(&plan, Trace::default());
            world.failure.map_or_else(
                || Ok(Summary::of(&plan, &world.tally)),
                |failure| Err(format!("{}: {}", failure.promise, failure.what)),
            )
        });
        println!("{summary}");
        failed
    };
    for &seed in failed.iter().take(10) {
        println!("failed: seed {seed}");
    }
    if let Some(&seed) = failed.first() {
        if heals {
            println!("replay: tests/sim/run --heal --seed {seed} --trace");
        } else {
            print_failure(seed);
        }
        panic!("{} of {seeds} seeds failed", failed.len());
    }
    let promise = if heals {
        "every ring healed"
    } else {
        "every promise kept"
    };
    println!("{seeds} seeds from {first}: {promise}");
    if !heals {
        refinement::print_summary(seeds);
    }
}

/// Runs the seeds; returns the sum of their summaries, and the seeds that failed.
fn sweep(
    first: u64,
    seeds: u64,
    run: impl Fn(u64) -> Result<Summary, String> + Sync,
) -> (Summary, Vec<u64>) {
    let (next, keep_on) = (
        AtomicU64::new(first),
        AtomicBool::new(env::var_os("CAROM_SIM_ALL").is_some()),
    );
    let stop = AtomicBool::new(false);
    let work = || {
        let (mut summary, mut failed) = (Summary::default(), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                break;
            }
            let begun = seed - first;
            if begun > 0 && begun.is_multiple_of(PROGRESS_EVERY) {
                println!("{begun} of {seeds} seeds");
            }
            match run(seed) {
                Ok(one) => summary = summary + one,
                Err(what) => {
                    println!("seed {seed}: {what}");
                    failed.push(seed);
                    stop.store(!keep_on.load(Ordering::Relaxed), Ordering::Relaxed);
                }
            }
        }
        (summary, failed)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (mut summary, mut failed) = (Summary::default(), Vec::new());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (one, more) = worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            summary = summary + one;
            failed.extend(more);
        }
    });
    failed.sort_unstable();
    (summary, failed)
}

/// Replays one seed as it is.
fn replay(seed: u64, traced: bool) {
    let plan = Plan::draw(seed);
    println!("{}", describe(&plan));
    let trace = if traced {
        Trace::recording()
    } else {
        Trace::default()
    };
    let world = play(&plan, trace);
    for line in &world.trace.lines {
        println!("{line}");
    }
    if world.failure.is_some() {
        print_failure(seed);
        panic!("seed {seed} failed");
    }
    println!(
        "seed {seed}: every promise kept in {} inputs",
        world.handled
    );
}

/// Prints a failure: seed, commit, and the trace of the smallest plan that still fails.
fn print_failure(seed: u64) {
    let plan = Plan::draw(seed);
    let Some(failure) = play(&plan, Trace::default()).failure else {
        return;
    };
    let (plan, failure) = shrink(&plan, &failure);
    println!(
        "seed {seed}, commit {}",
        env::var("CAROM_COMMIT").unwrap_or("unknown".to_owned())
    );
    println!("{}", describe(&plan));
    for line in play(&plan, Trace::recording()).trace.lines {
        println!("{line}");
    }
    println!(
        "{} at {:.6} s: {}",
        failure.promise,
        failure.at as f64 / 1e9,
        failure.what
    );
    println!("replay: tests/sim/run --seed {seed} --trace");
}

fn describe(plan: &Plan) -> String {
    let topology = &plan.topology;
    let speeds: Vec<i64> = topology
        .balls
        .iter()
        .map(|initial| initial.state.velocity[0] as i64)
        .collect();
    let mut text = format!(
        "{} nodes, {:?}, {:?}, {:?}, {} window chains, {:?}, lease {:?}, balls at {speeds:?} px/s, {:?}, drifts {:?} ppm, timers late by {} ns, faults end at {:.6} s",
        topology.nodes.len(),
        topology.shape,
        topology.on_partition,
        topology.voters,
        topology.window_chains.len(),
        topology.external_balls,
        topology.lease,
        plan.profile,
        plan.drifts,
        plan.lateness,
        plan.faults_end as f64 / 1e9,
    );
    for fault in &plan.faults {
        text.push_str(&format!("\n  {fault}"));
    }
    text
}
