//! A world that a test moves by hand.

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
    let mut plan = Plan::quiet(nodes);
    let mut topology = (*plan.topology).clone();
    for serve in &mut topology.balls {
        let [_, up] = serve.state.velocity;
        let velocity = [800.0 / (crossing as f64 / 1e9), up];
        serve.state = BallState {
            velocity,
            ..serve.state
        };
    }
    assert_eq!(nanos(topology.lease), LEASE);
    plan.topology = Arc::new(topology);
    plan
}

/// That plan's world, settled, its ball under way.
pub(crate) fn ring(nodes: usize, crossing: Nanos) -> World {
    started(&plan(nodes, crossing))
}

/// A plan's world, settled, its ball under way.
pub(crate) fn started(plan: &Plan) -> World {
    let mut world = World::new(plan, Trace::kept());
    world.run_until(4 * LEASE);
    assert!(world.run_to(6 * LEASE, |world| holder(world).is_some()));
    world
}

/// Who possesses the first ball.
pub(crate) fn holder(world: &World) -> Option<usize> {
    (0..world.hosts.len()).find(|&host| world.hosts[host].possesses(0, world.now).is_some())
}

/// Who possesses it, now that somebody must.
pub(crate) fn holder_now(world: &mut World) -> usize {
    world.run_to(world.now + LEASE, |world| holder(world).is_some());
    holder(world).unwrap_or_else(|| panic!("nobody has the ball: {}", told(world)))
}

/// Runs until somebody sends the ball on; says who to whom.
pub(crate) fn next_pass(world: &mut World) -> (usize, usize) {
    let before = passes(world);
    let passed = world.run_to(world.now + 100 * LEASE, |world| passes(world) > before);
    assert!(passed, "no pass: {}", told(world));
    (world.last[0].sender, world.last[0].receiver)
}

fn passes(world: &World) -> u64 {
    world.last[0].passes
}

/// Cuts both ways between two hosts.
pub(crate) fn part(world: &mut World, a: usize, b: usize) {
    world.net.cut(a, b, true);
    world.net.cut(b, a, true);
}

/// Mends them.
pub(crate) fn join(world: &mut World, a: usize, b: usize) {
    world.mend(a, b);
    world.mend(b, a);
}

/// Lets time pass.
pub(crate) fn wait(world: &mut World, span: Nanos) {
    world.run_until(world.now + span);
}

/// No promise was broken, and the ball is with one node now.
pub(crate) fn all_is_well(world: &mut World) {
    wait(world, 4 * LEASE);
    kept(world);
    holder_now(world);
    kept(world);
}

/// No promise was broken so far.
pub(crate) fn kept(world: &World) {
    assert!(world.failure.is_none(), "{}", told(world));
}

/// How often a line of the trace says so.
pub(crate) fn times(world: &World, what: &str) -> usize {
    world
        .trace
        .lines
        .iter()
        .filter(|line| line.contains(what))
        .count()
}

fn told(world: &World) -> String {
    let skipped = world.trace.lines.len().saturating_sub(80);
    let lines = world.trace.lines.iter().skip(skipped);
    lines.fold(String::from("\n"), |text, line| text + line + "\n")
}
