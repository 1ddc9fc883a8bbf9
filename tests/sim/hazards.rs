//! The hazards of the protocol, by name: for each, the reason for a rule.

use std::sync::Arc;

use carom::ring::message::{LeaseRequest, VERSION};
use carom::ring::{
    BallId, Generation, Hello, Incarnation, Input, Message, Node, NodeId, Output, Time, Topology,
};

use crate::clock::MOST_DRIFT;
use crate::plan::Plan;
use crate::play;
use crate::script::{
    LEASE, assert_no_failure, assert_recovered, cut_both, heal_both, holder, holder_now, next_pass,
    plan, ring, started, trace_count, wait,
};
use crate::trace::Trace;

#[test]
fn acknowledgement_lost_receiver_passes_on_receiver_reboots_sender_resends() {
    let mut world = ring(4, LEASE * 2 / 5);
    let (sender, receiver) = next_pass(&mut world);
    world.net.cut(receiver, sender, true);
    let (next, third) = next_pass(&mut world);
    assert_eq!(next, receiver);
    world.run_to(world.now + LEASE, |world| holder(world) == Some(third));
    world.kill(receiver, false);
    world.start(receiver);
    // The sender is connected to the restarted node while it still waits for the acknowledgement.
    world.reset(sender, receiver);
    world.heal(receiver, sender);
    assert_recovered(&mut world);
    assert!(trace_count(&world, "never acknowledged") > 0);
    assert_eq!(trace_count(&world, "WON"), 1, "the ball was never lost");
}

#[test]
fn three_nodes_granted_one_reboots_within_the_lease_a_rival_requests_it() {
    let mut world = ring(5, 40 * LEASE);
    let [a, b, _, d, e] = [0, 1, 2, 3, 4].map(|step| (holder(&world).unwrap() + step) % 5);
    cut_both(&mut world, a, d);
    cut_both(&mut world, a, e);
    wait(&mut world, 3 * LEASE);
    assert_eq!(holder(&world), Some(a));
    assert!(
        trace_count(&world, "starts an election") > 1,
        "two outsiders try"
    );
    world.kill(b, true);
    world.start(b);
    wait(&mut world, LEASE / 2);
    assert!(trace_count(&world, "link to pi4 up") > 0);
    wait(&mut world, 2 * LEASE);
    assert_no_failure(&world);
    heal_both(&mut world, a, d);
    heal_both(&mut world, a, e);
    assert_recovered(&mut world);
}

#[test]
fn pass_delayed_in_the_socket_past_its_deadline() {
    // On resume the process reads its sockets in any order: try some.
    let mut late = 0;
    for seed in 1..20 {
        let mut world = started(&Plan {
            seed,
            ..plan(3, LEASE / 2)
        });
        let (_, receiver) = next_pass(&mut world);
        world.pause(receiver);
        wait(&mut world, 2 * LEASE);
        let before = trace_count(&world, "receives");
        world.resume(receiver);
        wait(&mut world, LEASE / 100);
        let read = world
            .trace
            .lines
            .iter()
            .filter(|line| line.contains("receives"))
            .skip(before);
        late += read.filter(|line| line.contains(": pass ball")).count();
        assert_recovered(&mut world);
    }
    assert!(late > 0, "no pass was ever read late");
}

#[test]
fn grant_that_arrives_after_the_holder_passed_the_ball_on() {
    let mut world = ring(3, LEASE / 2);
    let (_, holder) = next_pass(&mut world);
    for voter in (0..3).filter(|&voter| voter != holder) {
        world.net.stall(voter, holder, world.now + LEASE * 7 / 10);
    }
    next_pass(&mut world);
    wait(&mut world, LEASE);
    assert_recovered(&mut world);
}

#[test]
fn late_grants_count_from_the_time_of_the_request() {
    let mut world = ring(5, 40 * LEASE);
    let holder = holder_now(&mut world);
    let voters: Vec<usize> = (0..5).filter(|&voter| voter != holder).collect();
    let until = world.now + LEASE * 7 / 10;
    for &voter in &voters {
        world.net.stall(voter, holder, until);
    }
    // Everyone grants once more; the grants arrive when their lease has almost expired.
    let requested = trace_count(&world, "acquire") + voters.len();
    world.run_to(until, |world| trace_count(world, "acquire") >= requested);
    for &voter in &voters {
        world.net.cut(holder, voter, true);
    }
    world.run_until(until + LEASE / 100);
    for &voter in &voters {
        world.net.cut(voter, holder, true);
    }
    wait(&mut world, 2 * LEASE);
    assert_no_failure(&world);
    assert_ne!(holder_now(&mut world), holder);
}

#[test]
fn a_holder_with_a_slow_clock_stops_before_voters_with_fast_clocks_grant_again() {
    // The rival has to send its request in the last one percent of the lease: try many seeds.
    for seed in 1..400 {
        let mut world = started(&Plan {
            seed,
            ..plan(3, 40 * LEASE)
        });
        let holder = holder_now(&mut world);
        let (voter, rival) = ((holder + 1) % 3, (holder + 2) % 3);
        for host in 0..3 {
            let drift = if host == holder {
                -MOST_DRIFT
            } else {
                MOST_DRIFT
            };
            world.drift(host, drift);
        }
        cut_both(&mut world, holder, rival);
        wait(&mut world, 2 * LEASE);
        cut_both(&mut world, holder, voter);
        wait(&mut world, 2 * LEASE);
        assert_no_failure(&world);
    }
}

#[test]
fn a_pass_that_arrives_again_after_the_ball_was_passed_on() {
    let mut plan = plan(3, LEASE / 10);
    plan.profile.duplicate_permille = 500;
    let mut world = started(&plan);
    wait(&mut world, 40 * LEASE);
    assert_no_failure(&world);
    assert!(trace_count(&world, "a stray message") > 50);
    assert_eq!(trace_count(&world, "WON"), 1);
}

#[test]
fn two_candidates_split_the_vote() {
    let mut world = ring(5, 40 * LEASE);
    let gone = holder_now(&mut world);
    let before = trace_count(&world, "starts an election");
    world.kill(gone, true);
    wait(&mut world, LEASE / 10);
    // From here on messages are slow, so that several start an election before they hear of another.
    for (from, to) in (0..25).map(|way| (way / 5, way % 5)) {
        if from != to {
            world.net.slow(from, to, LEASE / 4);
        }
    }
    wait(&mut world, LEASE * 2);
    assert!(
        trace_count(&world, "starts an election") > before + 1,
        "several are candidates"
    );
    assert!(trace_count(&world, "lost ball") > 0, "and nobody wins");
    for (from, to) in (0..25).map(|way| (way / 5, way % 5)) {
        world.net.slow(from, to, 0);
    }
    assert_recovered(&mut world);
}

#[test]
fn old_holder_returns_from_a_partition() {
    let mut world = ring(3, 40 * LEASE);
    let old = holder_now(&mut world);
    for other in (0..3).filter(|&other| other != old) {
        cut_both(&mut world, old, other);
    }
    wait(&mut world, 3 * LEASE);
    assert_ne!(holder_now(&mut world), old);
    for other in (0..3).filter(|&other| other != old) {
        heal_both(&mut world, old, other);
    }
    assert_recovered(&mut world);
    assert_eq!(trace_count(&world, "retired"), 1);
    assert_eq!(trace_count(&world, "WON"), 2);
}

#[test]
fn a_candidate_that_is_stopped_while_its_grants_come_in() {
    for seed in 1..20 {
        let mut world = started(&Plan {
            seed,
            ..plan(5, 40 * LEASE)
        });
        let dead = holder_now(&mut world);
        let before = trace_count(&world, "starts an election");
        world.kill(dead, true);
        world.run_to(world.now + 2 * LEASE, |world| {
            trace_count(world, "starts an election") > before
        });
        let stands = |line: &&String| line.contains("starts an election");
        let line = world.trace.lines.iter().rfind(stands).unwrap();
        let name = line.split_whitespace().nth(1).unwrap();
        let candidate = name.trim_start_matches("pi").parse::<usize>().unwrap() - 1;
        world.pause(candidate);
        wait(&mut world, 2 * LEASE + seed * LEASE / 20);
        assert_ne!(holder_now(&mut world), candidate);
        world.resume(candidate);
        assert_recovered(&mut world);
    }
}

#[test]
fn whole_ring_power_cycled() {
    let mut world = ring(5, LEASE / 2);
    for host in 0..5 {
        world.kill(host, false);
    }
    wait(&mut world, LEASE / 10);
    for host in 0..5 {
        world.start(host);
    }
    wait(&mut world, LEASE);
    assert_eq!(holder(&world), None, "all are in quarantine");
    wait(&mut world, LEASE / 2);
    assert!(holder(&world).is_some());
    assert_recovered(&mut world);
}

#[test]
fn clock_steps() {
    // The absolute value of a clock must not matter: the same run on clocks that are weeks ahead.
    for seed in 1..40 {
        let plan = Plan::draw(seed);
        let ahead = Plan {
            epoch: 40 * 86_400_000_000_000,
            ..plan.clone()
        };
        let lines = play(&plan, Trace::recording()).trace.lines;
        assert!(
            lines == play(&ahead, Trace::recording()).trace.lines,
            "seed {seed}"
        );
    }
}

#[test]
fn one_way_links() {
    let mut world = ring(4, LEASE / 2);
    let (deaf, from) = (2, 1);
    world.net.cut(from, deaf, true);
    wait(&mut world, 6 * LEASE);
    assert_no_failure(&world);
    assert!(trace_count(&world, "link to pi3 down") > 0);
    holder_now(&mut world);
    world.heal(from, deaf);
    assert_recovered(&mut world);
}

#[test]
fn a_node_that_can_receive_but_not_send() {
    let mut world = ring(4, 40 * LEASE);
    let dumb = holder_now(&mut world);
    let others: Vec<usize> = (0..4).filter(|&other| other != dumb).collect();
    for &other in &others {
        world.net.cut(dumb, other, true);
    }
    wait(&mut world, LEASE * 3 / 2);
    assert_no_failure(&world);
    assert!(others.contains(&holder_now(&mut world)));
    for &other in &others {
        world.heal(dumb, other);
    }
    assert_recovered(&mut world);
}

#[test]
fn the_same_node_started_twice() {
    let plan = Plan::without_faults(3);
    let lease = plan.topology.lease;
    let at = |leases: u32, part: u32| Time::default() + lease * leases + lease * part / 4;
    let mut twin = Node::new(plan.topology, NodeId(0), Incarnation(7), at(0, 0));
    let (peer, incarnation) = (NodeId(1), Incarnation(9));
    let mut out = twin.handle(at(0, 0), Input::LinkUp { peer, incarnation });
    // A third node, which the first process is linked with, refuses the second one twice a lease.
    for leases in 0..10 {
        for part in 0..4 {
            out.extend(twin.handle(at(leases, part), Input::Tick));
            out.extend(twin.handle(at(leases, part), heartbeat()));
            if part % 2 == 1 {
                out.extend(twin.handle(at(leases, part), Input::Duplicate));
            }
        }
        let answer = twin.handle(at(leases, 3), lease_request(leases));
        assert!(answer.iter().any(|output| matches!(
            output,
            Output::Send {
                message: Message::Denied { .. },
                ..
            }
        )));
    }
    let speaks = |output: &Output| matches!(output, Output::LedOn(_) | Output::Broadcast(_));
    assert!(
        !out.iter().any(speaks),
        "it switches no LED on and requests nothing"
    );
    let answer = twin.handle(at(12, 0), lease_request(99));
    let granted = |output: &Output| {
        matches!(
            output,
            Output::Send {
                message: Message::Granted { .. },
                ..
            }
        )
    };
    assert!(
        answer.iter().any(granted),
        "a lease after the last refusal it grants again"
    );
}

fn heartbeat() -> Input {
    let message = Message::Heartbeat {
        at: 1,
        echo: None,
        since: 0,
        near: false,
    };
    let from = NodeId(1);
    Input::Received { from, message }
}

fn lease_request(seq: u32) -> Input {
    let generation = Generation {
        round: 100 + u64::from(seq),
        nonce: 1,
    };
    let balls = vec![LeaseRequest::of_candidate(BallId(1), generation)];
    let seq = seq.into();
    let message = Message::Acquire { seq, balls };
    Input::Received {
        from: NodeId(1),
        message,
    }
}

#[test]
fn the_ring_file_differs_between_nodes() {
    let mut world = ring(4, LEASE / 4);
    let changed = 1;
    world.hosts[changed].other_file = 1;
    world.kill(changed, true);
    world.start(changed);
    wait(&mut world, 10 * LEASE);
    assert_no_failure(&world);
    let process = world.hosts[changed].process.as_ref().unwrap();
    assert!(process.links.iter().all(Option::is_none), "it is refused");
    assert_ne!(holder_now(&mut world), changed);
    world.hosts[changed].other_file = 0;
    world.kill(changed, true);
    world.start(changed);
    assert_recovered(&mut world);
}

#[test]
fn membership_changes() {
    // Three of five and four of seven need not overlap, so the two rings never talk.
    let [five, seven] = [5, 7].map(|nodes| Plan::without_faults(nodes).topology);
    for (mine, theirs) in [(&five, &seven), (&seven, &five)] {
        let hello = |topology: &Arc<Topology>, node: &str| Hello {
            version: VERSION,
            ring: topology.ring.clone(),
            node: node.to_owned(),
            incarnation: Incarnation(1),
            topology: topology.fingerprint(),
            continues: false,
            obituary: None,
        };
        let own = hello(mine, "pi1");
        assert_eq!(hello(mine, "pi2").introduce(&own, mine), Ok(NodeId(1)));
        let refusal = hello(theirs, "pi2").introduce(&own, mine).unwrap_err();
        assert!(refusal.contains(&mine.fingerprint()) && refusal.contains(&theirs.fingerprint()));
    }
}
