//! Guests whose graves are forgotten: two never shine under one identity all the same.

use std::sync::Arc;

use carom::ring::{BallId, BallState, Input};

use crate::plan::Plan;
use crate::script::{LEASE, join, kept, part, plan, started, wait};
use crate::world::World;

/// The only identity that is kept for guests here.
const GUEST: BallId = BallId(2);

/// Three nodes, one ball, room for one guest.
fn ring() -> World {
    let quiet = plan(3, 40 * LEASE);
    let mut topology = (*quiet.topology).clone();
    topology.external_balls.guests = 1;
    started(&Plan {
        topology: Arc::new(topology),
        ..quiet
    })
}

fn come(world: &mut World, host: usize) {
    let [width, height] = [400.0, 300.0];
    let state = BallState {
        position: [width, height],
        velocity: [1.0, 0.0],
        radius: 20.0,
        color: [1, 2, 3],
    };
    world.feed(host, Input::AddGuest(state));
}

fn shines(world: &World, host: usize) -> bool {
    world.hosts[host].possesses(1, world.now).is_some()
}

/// Somebody comes to the third node and leaves again, twice: rounds rise.
fn two_visits(world: &mut World) {
    for _ in 0..2 {
        come(world, 2);
        assert!(world.run_to(world.now + LEASE, |world| shines(world, 2)));
        world.feed(2, Input::RemoveGuest(GUEST));
        wait(world, LEASE);
        assert!(!shines(world, 2));
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
fn a_majority_forgets_a_grave_and_the_third_node_has_a_guest_too() {
    let mut world = ring();
    two_visits(&mut world);
    restart(&mut world, [0, 1]);
    come(&mut world, 0);
    wait(&mut world, LEASE / 20);
    come(&mut world, 2);
    wait(&mut world, 4 * LEASE);
    kept(&world);
    assert!(shines(&world, 2));
}

#[test]
fn a_majority_forgets_a_guest_that_a_node_cut_off_still_lets_leave() {
    let mut world = ring();
    two_visits(&mut world);
    come(&mut world, 2);
    assert!(world.run_to(world.now + LEASE, |world| shines(world, 2)));
    (0..2).for_each(|other| part(&mut world, 2, other));
    world.feed(2, Input::RemoveGuest(GUEST));
    restart(&mut world, [0, 1]);
    come(&mut world, 0);
    assert!(world.run_to(world.now + LEASE, |world| shines(world, 0)));
    (0..2).for_each(|other| join(&mut world, 2, other));
    let left = |world: &World| {
        let process = world.hosts[2].process.as_ref();
        process.is_some_and(|process| !process.node.ball_views().any(|view| view.ball == GUEST))
    };
    assert!(world.run_to(world.now + 4 * LEASE, left));
    assert!(shines(&world, 0), "the other has begun meanwhile");
    come(&mut world, 2);
    wait(&mut world, 4 * LEASE);
    kept(&world);
}
