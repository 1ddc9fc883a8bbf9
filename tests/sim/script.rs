//! Helpers for scripted tests, which drive the world step by step.

use carom::ring::BallState;
use std::sync::Arc;

use crate::clock::Nanos;
use crate::plan::{Plan, nanos};
use crate::trace::Trace;
use crate::world::World;

/// The lease of a scripted ring.
pub(crate) const LEASE: Nanos = 500_000_000;

/// A plan of so many nodes and one ball that crosses a screen in that time.
pub(crate) fn plan(nodes: usize, crossing: Nanos) -> Plan {
    let mut plan = Plan::without_faults(nodes);
    let mut topology = (*plan.topology).clone();
    for initial in &mut topology.balls {
        let [_, up] = initial.state.velocity;
        let velocity = [800.0 / (crossing as f64 / 1e9), up];
        initial.state = BallState {
            velocity,
            ..initial.state
        };
    }
    assert_eq!(nanos(topology.lease), LEASE);
    plan.topology = Arc::new(topology);
    plan
}

/// The settled world of such a plan, its ball under way.
pub(crate) fn ring(nodes: usize, crossing: Nanos) -> World {
    started(&plan(nodes, crossing))
}

/// The settled world of a plan, its ball under way.
pub(crate) fn started(plan: &Plan) -> World {
    let mut world = World::new(plan, Trace::recording());
    world.run_until(4 * LEASE);
    assert!(world.run_to(6 * LEASE, |world| holder(world).is_some()));
    world
}

/// Who possesses the first ball.
pub(crate) fn holder(world: &World) -> Option<usize> {
    (0..world.hosts.len()).find(|&host| world.hosts[host].possesses(0, world.now).is_some())
}

/// Who possesses the first ball; waits up to a lease for a holder.
pub(crate) fn holder_now(world: &mut World) -> usize {
    world.run_to(world.now + LEASE, |world| holder(world).is_some());
    holder(world).unwrap_or_else(|| panic!("nobody has the ball: {}", last_lines(world)))
}

/// Runs until the next pass; returns its sender and receiver.
pub(crate) fn next_pass(world: &mut World) -> (usize, usize) {
    let before = passes(world);
    let passed = world.run_to(world.now + 100 * LEASE, |world| passes(world) > before);
    assert!(passed, "no pass: {}", last_lines(world));
    (world.last[0].sender, world.last[0].receiver)
}

fn passes(world: &World) -> u64 {
    world.last[0].passes
}

/// Cuts both directions between two hosts.
pub(crate) fn cut_both(world: &mut World, a: usize, b: usize) {
    world.net.cut(a, b, true);
    world.net.cut(b, a, true);
}

/// Ends both cuts.
pub(crate) fn heal_both(world: &mut World, a: usize, b: usize) {
    world.heal(a, b);
    world.heal(b, a);
}

/// Lets time pass.
pub(crate) fn wait(world: &mut World, span: Nanos) {
    world.run_until(world.now + span);
}

/// Waits four leases, then asserts that no promise was broken and that one node has the ball.
pub(crate) fn assert_recovered(world: &mut World) {
    wait(world, 4 * LEASE);
    assert_no_failure(world);
    holder_now(world);
    assert_no_failure(world);
}

/// Asserts that no promise was broken so far.
pub(crate) fn assert_no_failure(world: &World) {
    assert!(world.failure.is_none(), "{}", last_lines(world));
}

/// How many lines of the trace contain this text.
pub(crate) fn trace_count(world: &World, what: &str) -> usize {
    world
        .trace
        .lines
        .iter()
        .filter(|line| line.contains(what))
        .count()
}

fn last_lines(world: &World) -> String {
    let skipped = world.trace.lines.len().saturating_sub(80);
    let lines = world.trace.lines.iter().skip(skipped);
    lines.fold(String::from("\n"), |text, line| text + line + "\n")
}
