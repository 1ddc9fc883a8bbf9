//! The simulator: the shipped node in a ring of every size, under every fault, from one seed.
//!
//! `tests/sim/run` says how to sweep seeds and how to replay one.

#![allow(
    clippy::indexing_slicing,
    reason = "hosts, balls and connections are numbered from 0; a wrong number must end the test"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a checker looks at what concerns it and at nothing else"
)]
#![allow(clippy::print_stdout, reason = "a sweep tells what it found")]

mod agenda;
mod checkers;
mod clock;
mod cost;
mod deeds;
mod faults;
mod guests;
mod host;
mod islands;
mod links;
mod network;
mod outputs;
mod plan;
mod regressions;
mod script;
mod shrink;
mod swarm;
mod sweep;
mod trace;
mod traps;
mod windows;
mod world;

use plan::Plan;
use trace::Trace;
use world::World;

/// Runs one plan; what broke, if anything, and the trace if it was wanted.
pub(crate) fn play(plan: &Plan, trace: Trace) -> World {
    let mut world = World::new(plan, trace);
    world.run();
    world
}

/// The seeds or the one seed that the environment asks for; a few hundred if it asks for nothing.
#[test]
fn sweep() {
    sweep::from_environment();
}

#[test]
fn the_same_seed_replays_byte_for_byte() {
    for seed in 1..30 {
        let plan = Plan::draw(seed);
        let once = play(&plan, Trace::kept()).trace.lines;
        let again = play(&Plan::draw(seed), Trace::kept()).trace.lines;
        assert!(!once.is_empty());
        assert!(once == again, "seed {seed} took two ways");
    }
}
