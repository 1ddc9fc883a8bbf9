//! The traps of the protocol note, by name; what each rule is there for.

use std::sync::Arc;

use carom::ring::message::VERSION;
use carom::ring::{Hello, Incarnation, Input, Message, Node, NodeId, Output, Time};

use crate::clock::MOST_DRIFT;
use crate::plan::Plan;
use crate::play;
use crate::script::{
    LEASE, all_is_well, holder, holder_now, join, kept, next_pass, part, plan, ring, started,
    times, wait,
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
    // The sender hears the reborn node while it still waits for the acknowledgement.
    world.reset(sender, receiver);
    world.mend(receiver, sender);
    all_is_well(&mut world);
    assert!(times(&world, "never acknowledged") > 0);
    assert_eq!(times(&world, "WON"), 1, "the ball was never lost");
}

#[test]
fn three_nodes_granted_one_reboots_inside_the_lease_a_rival_asks_it() {
    let mut world = ring(5, 40 * LEASE);
    let [a, b, _, d, e] = [0, 1, 2, 3, 4].map(|step| (holder(&world).unwrap() + step) % 5);
    part(&mut world, a, d);
    part(&mut world, a, e);
    wait(&mut world, 3 * LEASE);
    assert_eq!(holder(&world), Some(a));
    assert!(times(&world, "stands for") > 1, "the two outsiders ask");
    world.kill(b, true);
    world.start(b);
    wait(&mut world, LEASE / 2);
    assert!(times(&world, "link to pi4 up") > 0);
    wait(&mut world, 2 * LEASE);
    kept(&world);
    join(&mut world, a, d);
    join(&mut world, a, e);
    all_is_well(&mut world);
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
        let before = times(&world, "hears");
        world.resume(receiver);
        wait(&mut world, LEASE / 100);
        let read = world
            .trace
            .lines
            .iter()
            .filter(|line| line.contains("hears"))
            .skip(before);
        late += read.filter(|line| line.contains(": pass ball")).count();
        all_is_well(&mut world);
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
    all_is_well(&mut world);
}

#[test]
fn grants_that_arrive_late_count_from_the_asking() {
    let mut world = ring(5, 40 * LEASE);
    let holder = holder_now(&mut world);
    let voters: Vec<usize> = (0..5).filter(|&voter| voter != holder).collect();
    let until = world.now + LEASE * 7 / 10;
    for &voter in &voters {
        world.net.stall(voter, holder, until);
    }
    // Everyone grants once more; the grants come when what they stand for is almost over.
    let asked = times(&world, "acquire") + voters.len();
    world.run_to(until, |world| times(world, "acquire") >= asked);
    for &voter in &voters {
        world.net.cut(holder, voter, true);
    }
    world.run_until(until + LEASE / 100);
    for &voter in &voters {
        world.net.cut(voter, holder, true);
    }
    wait(&mut world, 2 * LEASE);
    kept(&world);
    assert_ne!(holder_now(&mut world), holder);
}

#[test]
fn a_slow_clock_holds_no_longer_than_a_fast_one_lends() {
    // The rival has to ask in the last hundredth of the lease: many try.
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
        part(&mut world, holder, rival);
        wait(&mut world, 2 * LEASE);
        part(&mut world, holder, voter);
        wait(&mut world, 2 * LEASE);
        kept(&world);
    }
}

#[test]
fn a_pass_that_comes_again_when_the_ball_has_flown_on() {
    let mut quiet = plan(3, LEASE / 10);
    quiet.air.duplicate_permille = 500;
    let mut world = started(&quiet);
    wait(&mut world, 40 * LEASE);
    kept(&world);
    assert!(times(&world, "a stray line") > 50);
    assert_eq!(times(&world, "WON"), 1);
}

#[test]
fn two_candidates_split_the_vote() {
    let mut world = ring(5, 40 * LEASE);
    let gone = holder_now(&mut world);
    let before = times(&world, "stands for");
    world.kill(gone, true);
    wait(&mut world, LEASE / 10);
    // From here on nobody hears anybody for a while, so that several stand before they hear.
    for (from, to) in (0..25).map(|way| (way / 5, way % 5)) {
        if from != to {
            world.net.slow(from, to, LEASE / 4);
        }
    }
    wait(&mut world, LEASE * 2);
    assert!(times(&world, "stands for") > before + 1, "several stand");
    assert!(times(&world, "lost ball") > 0, "and nobody wins");
    for (from, to) in (0..25).map(|way| (way / 5, way % 5)) {
        world.net.slow(from, to, 0);
    }
    all_is_well(&mut world);
}

#[test]
fn old_holder_returns_from_a_partition() {
    let mut world = ring(3, 40 * LEASE);
    let old = holder_now(&mut world);
    for other in (0..3).filter(|&other| other != old) {
        part(&mut world, old, other);
    }
    wait(&mut world, 3 * LEASE);
    assert_ne!(holder_now(&mut world), old);
    for other in (0..3).filter(|&other| other != old) {
        join(&mut world, old, other);
    }
    all_is_well(&mut world);
    assert_eq!(times(&world, "retired"), 1);
    assert_eq!(times(&world, "WON"), 2);
}

#[test]
fn a_candidate_that_is_stopped_while_its_grants_come_in() {
    for seed in 1..20 {
        let mut world = started(&Plan {
            seed,
            ..plan(5, 40 * LEASE)
        });
        let dead = holder_now(&mut world);
        let before = times(&world, "stands for");
        world.kill(dead, true);
        world.run_to(world.now + 2 * LEASE, |world| {
            times(world, "stands for") > before
        });
        let stands = |line: &&String| line.contains("stands for");
        let line = world.trace.lines.iter().rfind(stands).unwrap();
        let name = line.split_whitespace().nth(1).unwrap();
        let candidate = name.trim_start_matches("pi").parse::<usize>().unwrap() - 1;
        world.pause(candidate);
        wait(&mut world, 2 * LEASE + seed * LEASE / 20);
        assert_ne!(holder_now(&mut world), candidate);
        world.resume(candidate);
        all_is_well(&mut world);
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
    assert_eq!(holder(&world), None, "nobody may trust his memory yet");
    wait(&mut world, LEASE / 2);
    assert!(holder(&world).is_some());
    all_is_well(&mut world);
}

#[test]
fn clock_steps() {
    // What a clock shows is nobody's business: the same run on clocks that are weeks ahead.
    for seed in 1..40 {
        let plan = Plan::draw(seed);
        let ahead = Plan {
            epoch: 40 * 86_400_000_000_000,
            ..plan.clone()
        };
        let lines = play(&plan, Trace::kept()).trace.lines;
        assert!(
            lines == play(&ahead, Trace::kept()).trace.lines,
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
    kept(&world);
    assert!(times(&world, "link to pi3 down") > 0);
    holder_now(&mut world);
    world.mend(from, deaf);
    all_is_well(&mut world);
}

#[test]
fn a_node_that_can_hear_but_not_speak() {
    let mut world = ring(4, 40 * LEASE);
    let dumb = holder_now(&mut world);
    let others: Vec<usize> = (0..4).filter(|&other| other != dumb).collect();
    for &other in &others {
        world.net.cut(dumb, other, true);
    }
    wait(&mut world, LEASE * 3 / 2);
    kept(&world);
    assert!(others.contains(&holder_now(&mut world)));
    for &other in &others {
        world.mend(dumb, other);
    }
    all_is_well(&mut world);
}

#[test]
fn the_same_node_started_twice() {
    let quiet = Plan::quiet(3);
    let lease = quiet.topology.lease;
    let at = |leases: u32, part: u32| Time::default() + lease * leases + lease * part / 4;
    let mut twin = Node::new(quiet.topology, NodeId(0), Incarnation(7), at(0, 0));
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
        let answer = twin.handle(at(leases, 3), ask(leases));
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
        "it lights nothing and asks for nothing"
    );
    let answer = twin.handle(at(12, 0), ask(99));
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
        "a lease after the last refusal its voice counts"
    );
}

fn heartbeat() -> Input {
    let message = Message::Heartbeat {
        at: 1,
        echo: None,
        since: 0,
    };
    Input::Received {
        from: NodeId(1),
        message,
    }
}

fn ask(seq: u32) -> Input {
    let generation = carom::ring::Generation {
        round: 100 + u64::from(seq),
        nonce: 1,
    };
    let claim =
        carom::ring::message::LeaseRequest::of_candidate(carom::ring::BallId(1), generation);
    let message = Message::Acquire {
        seq: seq.into(),
        balls: vec![claim],
    };
    Input::Received {
        from: NodeId(1),
        message,
    }
}

#[test]
fn the_ring_file_differs_between_nodes() {
    let mut world = ring(4, LEASE / 4);
    let strange = 1;
    world.hosts[strange].strange = 1;
    world.kill(strange, true);
    world.start(strange);
    wait(&mut world, 10 * LEASE);
    kept(&world);
    let process = world.hosts[strange].process.as_ref().unwrap();
    assert!(process.links.iter().all(Option::is_none), "it is refused");
    assert_ne!(holder_now(&mut world), strange);
    world.hosts[strange].strange = 0;
    world.kill(strange, true);
    world.start(strange);
    all_is_well(&mut world);
}

#[test]
fn membership_changes() {
    // Three of five and four of seven need not meet, so the two never talk.
    let (five, seven) = (Plan::quiet(5).topology, Plan::quiet(7).topology);
    for (mine, theirs) in [(&five, &seven), (&seven, &five)] {
        let hello = |topology: &Arc<carom::ring::Topology>| Hello {
            version: VERSION,
            ring: topology.ring.clone(),
            node: "pi2".to_owned(),
            incarnation: Incarnation(1),
            topology: topology.fingerprint(),
        };
        assert_eq!(hello(mine).introduce(mine, NodeId(0)), Ok(NodeId(1)));
        let refusal = hello(theirs).introduce(mine, NodeId(0)).unwrap_err();
        assert!(refusal.contains(&mine.fingerprint()) && refusal.contains(&theirs.fingerprint()));
    }
}
