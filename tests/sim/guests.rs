//! Guests whose tombstones are lost: two nodes never have a guest of the same identity at once.

use std::sync::Arc;

use carom::ring::{BallId, BallState, Input};

use crate::plan::Plan;
use crate::script::{LEASE, assert_no_failure, cut_both, heal_both, plan, started, wait};
use crate::world::World;

/// The only identity that is reserved for guests here.
const GUEST: BallId = BallId(2);

/// Three nodes, one ball, room for one guest.
fn ring() -> World {
    let plan = plan(3, 40 * LEASE);
    let mut topology = (*plan.topology).clone();
    topology.external_balls.guests = 1;
    started(&Plan {
        topology: Arc::new(topology),
        ..plan
    })
}

fn add_guest(world: &mut World, host: usize) {
    let [width, height] = [400.0, 300.0];
    let state = BallState {
        position: [width, height],
        velocity: [1.0, 0.0],
        radius: 20.0,
        color: [1, 2, 3],
    };
    world.handle(host, Input::AddGuest(state));
}

fn has_guest(world: &World, host: usize) -> bool {
    world.hosts[host].possesses(1, world.now).is_some()
}

/// A guest joins at the third node and leaves again, twice, so that the rounds rise.
fn two_guests_in_turn(world: &mut World) {
    for _ in 0..2 {
        add_guest(world, 2);
        assert!(world.run_to(world.now + LEASE, |world| has_guest(world, 2)));
        world.handle(2, Input::RemoveGuest(GUEST));
        wait(world, LEASE);
        assert!(!has_guest(world, 2));
    }
}

fn restart(world: &mut World, hosts: [usize; 2]) {
    for host in hosts {
        world.kill(host, false);
        world.start(host);
    }
    wait(world, 2 * LEASE);
}

#[test]
fn a_majority_loses_a_tombstone_and_the_next_guest_joins_above_it_alone() {
    let mut world = ring();
    two_guests_in_turn(&mut world);
    restart(&mut world, [0, 1]);
    add_guest(&mut world, 0);
    wait(&mut world, LEASE / 20);
    add_guest(&mut world, 2);
    wait(&mut world, 4 * LEASE);
    assert_no_failure(&world);
    assert!(has_guest(&world, 0), "it began above the tombstone");
    assert!(!has_guest(&world, 2), "the only number is taken");
}

#[test]
fn a_majority_forgets_a_guest_while_a_node_that_is_cut_off_removes_it() {
    let mut world = ring();
    two_guests_in_turn(&mut world);
    add_guest(&mut world, 2);
    assert!(world.run_to(world.now + LEASE, |world| has_guest(world, 2)));
    (0..2).for_each(|other| cut_both(&mut world, 2, other));
    world.handle(2, Input::RemoveGuest(GUEST));
    restart(&mut world, [0, 1]);
    add_guest(&mut world, 0);
    assert!(world.run_to(world.now + LEASE, |world| has_guest(world, 0)));
    (0..2).for_each(|other| heal_both(&mut world, 2, other));
    let left = |world: &World| {
        let process = world.hosts[2].process.as_ref();
        process.is_some_and(|process| !process.node.ball_views().any(|view| view.ball == GUEST))
    };
    assert!(world.run_to(world.now + 4 * LEASE, left));
    assert!(has_guest(&world, 0), "another guest has joined meanwhile");
    add_guest(&mut world, 2);
    wait(&mut world, 4 * LEASE);
    assert_no_failure(&world);
}
