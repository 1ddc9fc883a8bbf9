//! The simulator: the shipped node in a ring of every size, under every fault, from one seed.
//!
//! `tests/sim/run` says how to sweep seeds and how to replay one.

#![allow(
    clippy::indexing_slicing,
    reason = "hosts, balls and connections are numbered from 0; a wrong number must end the test"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a checker looks only at the variants that concern it"
)]
#![allow(clippy::print_stdout, reason = "a sweep prints what it found")]

mod apply_faults;
mod checkers;
mod clock;
mod cost;
mod event_queue;
mod faults;
mod guests;
mod hazards;
mod healing;
mod host;
mod islands;
mod large;
mod liar;
mod links;
mod network;
mod obituaries;
mod outputs;
mod plan;
#[path = "../common/refinement/mod.rs"]
mod refinement;
mod regressions;
mod script;
mod shrink;
mod silence;
mod swarm;
mod sweep;
mod tally;
#[path = "../common/topology.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod topology;
mod trace;
mod voters;
mod windows;
mod wire;
mod world;

use plan::Plan;
use trace::Trace;
use world::World;

/// Runs one plan to its end or to the first failure.
pub(crate) fn play(plan: &Plan, trace: Trace) -> World {
    let mut world = World::new(plan, trace);
    world.run();
    world
}

/// Runs the seeds that the environment asks for, or a few hundred if it asks for none.
#[test]
fn sweep() {
    sweep::from_environment();
}

#[test]
fn the_same_seed_replays_byte_for_byte() {
    for seed in 1..30 {
        let plan = Plan::draw(seed);
        let once = play(&plan, Trace::recording()).trace.lines;
        let again = play(&Plan::draw(seed), Trace::recording()).trace.lines;
        assert!(!once.is_empty());
        assert!(once == again, "seed {seed} took two ways");
    }
}
