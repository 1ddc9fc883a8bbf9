//! What the simulator found once, by name, so that it stays found.

use crate::checkers::never_lost::settled;
use crate::plan::Plan;
use crate::script::{
    LEASE, assert_no_failure, assert_recovered, cut_both, holder, holder_now, next_pass, plan,
    ring, started, trace_count, wait,
};
use crate::world::World;

/// Seed 1148 at its time: the ball of a leaving node had reached its edge and nobody could take it,
/// so the timer of the edge fired again and again until the node left.
#[test]
fn two_nodes_leave_together_and_neither_spins() {
    let mut world = ring(2, LEASE / 50);
    let holder = holder_now(&mut world);
    let other = 1 - holder;
    world.net.stall(other, holder, world.now + LEASE / 2);
    world.drain(other);
    world.run_to(world.now + LEASE, |world| {
        trace_count(world, "receives from pi") > 0 && holder_has(world, holder)
    });
    world.drain(holder);
    wait(&mut world, 3 * LEASE);
    assert_no_failure(&world);
}

fn holder_has(world: &World, host: usize) -> bool {
    world.hosts[host].possesses(0, world.now).is_some()
}

/// Seed 10625 at its time: a fast ball died far from where it was last renewed, and the stagger of
/// the candidates between was so long that it came back only after 1.3 leases.
#[test]
fn a_fast_ball_that_dies_far_from_its_last_renewal_is_back_in_time() {
    for seed in 1..40 {
        let mut world = started(&crate::plan::Plan {
            seed,
            ..plan(12, LEASE / 40)
        });
        wait(&mut world, 4 * LEASE + seed * LEASE / 40);
        let holder = holder_now(&mut world);
        assert!(settled(&world, &world.islands[0].clone(), 3 * LEASE));
        world.kill(holder, true);
        // The checker of P2 measures the time.
        wait(&mut world, 2 * LEASE);
        assert_no_failure(&world);
    }
}

/// Seeds 109244 and 111899 at their time: when one candidate of a large ring gave up, all that
/// had granted to it started elections at once, again and again for three leases.
#[test]
fn a_large_slow_ring_starts_without_a_storm_of_candidates() {
    for nodes in [20, 38] {
        let mut plan = plan(nodes, LEASE / 2);
        (plan.profile.delay, plan.profile.jitter) = (LEASE / 60, LEASE / 90);
        let mut topology = (*plan.topology).clone();
        topology.on_partition = carom::ring::OnPartition::PlayOn;
        plan.topology = std::sync::Arc::new(topology);
        let mut world = started(&plan);
        wait(&mut world, LEASE);
        assert_no_failure(&world);
        let candidacies = trace_count(&world, "starts an election");
        assert!(candidacies < 2 * nodes, "{candidacies} candidacies");
    }
}

/// Seed 27752 at its time: a node was told to leave and crashed before its ball was taken. The ball
/// is lost with the crash, not with the planned stop.
#[test]
fn a_crash_during_a_planned_stop_counts_as_a_crash() {
    let mut world = ring(5, LEASE / 50);
    let holder = holder_now(&mut world);
    world.drain(holder);
    world.kill(holder, false);
    wait(&mut world, 3 * LEASE);
    assert_no_failure(&world);
    assert_eq!(
        trace_count(&world, "WON"),
        2,
        "the first election, and one more"
    );
}

/// The settled ring of five in which one node, not the holder, has just been told to leave.
fn ring_with_a_planned_stop() -> (World, usize) {
    let mut world = ring(5, LEASE / 20);
    let leaving = (holder_now(&mut world) + 2) % 5;
    world.drain(leaving);
    (world, leaving)
}

/// The same when the node has left, has been started again, and has the ball.
fn ring_after_a_planned_stop() -> (World, usize) {
    let (mut world, left) = ring_with_a_planned_stop();
    let is_back = |world: &World| world.hosts[left].lifetimes == 2 && holder(world) == Some(left);
    assert!(world.run_to(world.now + 2 * LEASE, is_back));
    (world, left)
}

/// Seed 86600 at its time: the checker of planned stops did not see that the leaving node was stopped.
#[test]
fn a_node_that_is_stopped_while_it_leaves_is_not_blamed() {
    let (mut world, leaving) = ring_with_a_planned_stop();
    world.pause(leaving);
    wait(&mut world, 2 * LEASE);
    world.resume(leaving);
    assert_recovered(&mut world);
}

/// Seed 96707 at its time: a connection between two others broke, and with it a ball was lost.
#[test]
fn a_planned_stop_is_not_blamed_for_a_broken_connection_of_others() {
    let (mut world, leaving) = ring_with_a_planned_stop();
    let (sender, receiver) = next_pass(&mut world);
    assert!(sender != leaving && receiver != leaving);
    world.reset(sender, receiver);
    assert_recovered(&mut world);
}

/// Seed 542185 at its time: the node was back already when it was stopped.
#[test]
fn a_planned_stop_is_not_blamed_for_a_pause_of_the_next_process() {
    let (mut world, left) = ring_after_a_planned_stop();
    world.pause(left);
    wait(&mut world, 2 * LEASE);
    world.resume(left);
    assert_recovered(&mut world);
}

/// Seed 712620 at its time: the node was back already when it was cut off.
#[test]
fn a_planned_stop_is_not_blamed_for_a_cut_of_the_next_process() {
    let (mut world, left) = ring_after_a_planned_stop();
    for other in (0..5).filter(|&other| other != left) {
        cut_both(&mut world, left, other);
    }
    wait(&mut world, 2 * LEASE);
    assert_no_failure(&world);
}

/// Seed 883466 at its time: two nodes with a tenth of a lease between them split the vote four times
/// in a row and had no ball for three leases. Since then the higher one retries early.
#[test]
fn a_split_vote_is_not_split_again_and_again() {
    let most = (0..5000_u64).map(|seed| {
        let mut plan = Plan {
            seed,
            ..plan(2, LEASE)
        };
        (plan.profile.delay, plan.profile.jitter) = (LEASE / 45, LEASE / 130);
        let mut world = started(&plan);
        wait(&mut world, LEASE);
        assert_no_failure(&world);
        trace_count(&world, "starts an election")
    });
    let most = most.max().unwrap_or(0);
    assert!(most <= 6, "{most} candidacies of two nodes");
}
