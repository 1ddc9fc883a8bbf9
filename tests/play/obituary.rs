//! Obituaries: the other nodes know at once that a process was killed, and no other end looks like one.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cluster, Plan, exclusive, nanos, now, signal, spread, wait_for};

/// How late the others may know it, in the middle case. Tests share their processors with others.
const SOON: Duration = Duration::from_millis(50);

const KILLS: usize = 10;

/// A lease so long that no election comes between.
fn slow() -> Plan {
    Plan {
        lease: Duration::from_secs(1),
        ..Plan::five(Duration::from_millis(500))
    }
}

/// What each of these nodes has counted.
fn counted(ring: &Cluster, nodes: &[usize]) -> Vec<u64> {
    let of = |&node: &usize| ring.counter(&[node], "obituaries");
    nodes.iter().map(of).collect()
}

/// What follows a kill, each so long after it.
struct Outcome {
    /// The LED of the node that was killed went off.
    off: u64,
    /// Each other node was seen to know of its end.
    known: Vec<u64>,
    /// The LED of another node went on.
    back: u64,
}

/// Kills the node that has the ball.
fn kill_holder(ring: &mut Cluster) -> Outcome {
    let holder = ring.wait_for_arrival(&[0, 1, 2, 3, 4]);
    let others: Vec<usize> = (0..5).filter(|&node| node != holder).collect();
    let before = counted(ring, &others);
    let killed = ring.kill(holder);
    let known = others.iter().zip(before).map(|(&node, before)| {
        wait_for(Duration::from_secs(1), "the obituary", || {
            (ring.counter(&[node], "obituaries") > before).then(|| now() - killed)
        })
    });
    let known = known.collect();
    let seen = ring.observe();
    let off = seen.first_after(killed, holder);
    let off = off.filter(|off| !off.on && off.by_keeper);
    let off = off.expect("the LED goes off").at - killed;
    let back = wait_for(ring.plan.lease * 3, "the ball", || {
        let seen = ring.observe();
        let changes = others
            .iter()
            .filter_map(|&node| seen.first_after(killed, node));
        let ons = changes.filter(|change| change.on);
        ons.map(|change| change.at - killed).min()
    });
    ring.spawn(holder);
    ring.wait_until_whole(Duration::from_secs(5));
    Outcome { off, known, back }
}

fn assert_all_know(mut ring: Cluster) {
    let (mut offs, mut known, mut backs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..KILLS {
        let after = kill_holder(&mut ring);
        assert!(
            after.known.iter().all(|&one| after.off < one),
            "the LED goes off first"
        );
        offs.push(after.off);
        known.extend(after.known);
        backs.push(after.back);
    }
    ring.assert_one_ball();
    println!("kill -9 of the holder: its LED off after {}", spread(&offs));
    println!(
        "  its end known to each other node after {}",
        spread(&known)
    );
    println!("  the next LED on after {}", spread(&backs));
    backs.sort_unstable();
    let in_time = nanos(ring.plan.lease) / 4;
    assert!(backs[KILLS / 2] < in_time, "no lease is waited for");
    known.sort_unstable();
    assert!(known[known.len() / 2] <= nanos(SOON));
    ring.assert_logged(&[0, 1, 2, 3, 4], "which proves nothing", 0);
}

/// Whether the kernel has stopped the process: it sends SIGCONT only to those that are.
fn is_stopped(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.contains(") T ")
}

#[test]
fn every_other_node_knows_at_once_that_a_process_was_killed() {
    let _exclusive = exclusive();
    assert_all_know(Cluster::start_whole(slow()));
}

#[test]
fn the_same_in_a_ring_with_a_key() {
    let _exclusive = exclusive();
    let (ring, _key) = Cluster::start_keyed(slow());
    assert_all_know(ring);
}

#[test]
fn no_other_end_looks_like_one_and_another_keeper_has_the_secret() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan {
        lease: Duration::from_millis(400),
        ..Plan::five(Duration::from_millis(200))
    });
    let all = [0, 1, 2, 3, 4];
    // Stopped for longer than a lease: its process lives.
    let (holder, _) = ring.stop_while_lit(1);
    sleep(ring.plan.lease * 2);
    ring.resume(holder);
    ring.wait_until_whole(Duration::from_secs(3));
    // A planned stop.
    ring.terminate(2);
    ring.spawn(2);
    ring.wait_until_whole(Duration::from_secs(3));
    // Both processes killed: nobody is left who could tell it. While the daemon is stopped, it starts no other keeper.
    let keeper = ring.process(3).keeper().expect("a keeper");
    signal(ring.process(3).id(), Signal::STOP);
    signal(keeper, Signal::KILL);
    ring.kill(3);
    sleep(Duration::from_millis(300));
    assert_eq!(ring.counter(&[0, 1, 2, 4], "obituaries"), 0);
    ring.spawn(3);
    ring.wait_until_whole(Duration::from_secs(3));
    // A stopped keeper: when its daemon ends, the kernel lets it go on.
    let keeper = ring.process(0).keeper().expect("a keeper");
    signal(keeper, Signal::STOP);
    wait_for(Duration::from_secs(1), "the keeper to stop", || {
        is_stopped(keeper).then_some(())
    });
    ring.kill(0);
    wait_for(Duration::from_secs(1), "the obituaries", || {
        (ring.counter(&[1, 2, 3, 4], "obituaries") == 4).then_some(())
    });
    ring.spawn(0);
    ring.wait_until_whole(Duration::from_secs(3));
    // The keeper alone: another one takes its place.
    let first = ring.process(4).keeper().expect("a keeper");
    signal(first, Signal::KILL);
    wait_for(Duration::from_secs(3), "another keeper", || {
        ring.process(4).keeper().filter(|&keeper| keeper != first)
    });
    ring.assert_logged(&[4], "another one runs now", 1);
    assert_eq!(ring.counter(&all, "obituaries"), 4);
    ring.kill(4);
    wait_for(Duration::from_secs(1), "the obituaries", || {
        (ring.counter(&[0, 1, 2, 3], "obituaries") == 7).then_some(())
    });
    ring.assert_logged(
        &[0, 1, 2, 3],
        "pi5 has ended: its LED keeper has proved it",
        4,
    );
    ring.assert_one_ball();
}
