//! A cloned SD card: two machines play one node.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use carom::key;
use serde_json::Value;

use crate::harness::{Process, wait_for};
use crate::testbed::{Servers, Testbed, is_inside, status};

/// The machine of the copy.
const COPY: usize = 6;

const OTHERS: [usize; 4] = [1, 2, 4, 5];

/// Long, so that no link ends because the machine that runs this test is busy.
const LEASE: Duration = Duration::from_secs(2);

/// How long the nodes may take to agree: a process leaves the ring after six leases at the latest, and again if both did.
const SOON: Duration = Duration::from_secs(40);

fn keyed_bed() -> Testbed {
    let bed = Testbed::set(5, Servers::Good, LEASE);
    key::create(&bed.path("ring.key")).unwrap();
    bed.write_ring("ring.toml", "key-file = \"ring.key\"", &[]);
    bed
}

/// What each of the others says of pi3.
fn views() -> [Option<Value>; 4] {
    OTHERS.map(|machine| Some(status(machine)?["nodes"][2].clone()))
}

/// The process of pi3 to which each of the others is connected.
fn processes() -> BTreeSet<Option<String>> {
    let incarnation = |view: Option<Value>| Some(view?["incarnation"].as_str()?.to_owned());
    views().into_iter().map(incarnation).collect()
}

/// Waits until all others are connected to one process of pi3, and returns which.
fn wait_for_agreement() -> String {
    wait_for(SOON, "all nodes to have one pi3", || {
        let processes = processes();
        let mut all = processes.into_iter();
        all.next()?.filter(|_| all.next().is_none())
    })
}

fn elections() -> u64 {
    let of = |&machine: &usize| status(machine)?["counters"]["elections"].as_u64();
    [1, 2, 3, 4, 5, COPY].iter().filter_map(of).sum()
}

/// The nodes keep to that process for a while, and the ball goes round.
fn assert_settled(process: &str) {
    sleep(LEASE * 2);
    let (before, hops_before) = (elections(), hops());
    for _ in 0..50 {
        sleep(Duration::from_millis(100));
        assert_eq!(processes(), BTreeSet::from([Some(process.to_owned())]));
    }
    assert_eq!(elections(), before, "elections");
    assert!(hops() > hops_before + 20, "the ball stands still");
}

fn hops() -> u64 {
    let of = |&machine: &usize| status(machine)?["counters"]["hops"].as_u64();
    OTHERS.iter().filter_map(of).sum()
}

#[test]
fn the_copy_that_was_there_first_stays_and_the_original_is_refused_everywhere() {
    if !is_inside(
        "duplicate::the_copy_that_was_there_first_stays_and_the_original_is_refused_everywhere",
    ) {
        return;
    }
    let bed = keyed_bed();
    let _others: [Process; 4] = OTHERS.map(|node| bed.start("ring.toml", node, node));
    let _copy = bed.start("ring.toml", 3, COPY);
    let process = wait_for_agreement();
    let mut original = bed.start("ring.toml", 3, 3);
    // Everywhere both addresses are named.
    let sentence =
        "another process named pi3 is in the ring, at 10.78.0.6, beside the one at 10.78.0.3";
    for machine in [1, 2, 3, 4, 5] {
        bed.wait_for_log(machine, sentence, SOON);
    }
    assert_settled(&process);
    for view in views() {
        let duplicate = &view.unwrap()["duplicate"];
        assert_eq!(duplicate["connected"], "10.78.0.6");
        assert_eq!(duplicate["refused"], "10.78.0.3");
    }
    let own = status(3).unwrap();
    let told = own["nodes"][2]["duplicate"]["told"].as_str().unwrap();
    assert!(told.contains(sentence), "{told}");
    assert_eq!(own["condition"], "starting", "it does not vote: {own}");
    original.kill();
    wait_for(SOON, "the duplicate to be forgotten", || {
        let views = views();
        views
            .iter()
            .all(|view| view.as_ref().unwrap()["duplicate"].is_null())
            .then_some(())
    });
}

#[test]
fn two_processes_that_share_the_ring_become_one() {
    if !is_inside("duplicate::two_processes_that_share_the_ring_become_one") {
        return;
    }
    let bed = keyed_bed();
    let key = "key-file = \"ring.key\"";
    // The original reaches pi1 and pi2 only, the copy pi4 and pi5 only.
    bed.write_ring("original.toml", key, &[4, 5]);
    bed.write_ring("copy.toml", key, &[1, 2]);
    let original = bed.start("original.toml", 3, 3);
    let copy = bed.start("copy.toml", 3, COPY);
    let _others: [Process; 4] = OTHERS.map(|node| bed.start("ring.toml", node, node));
    wait_for(SOON, "the nodes to have two pi3", || {
        let processes = processes();
        (processes.len() == 2 && !processes.contains(&None)).then_some(())
    });
    // From now on each of the two reaches all.
    for file in ["original.toml", "copy.toml"] {
        bed.write_ring(file, key, &[]);
    }
    original.hang_up();
    copy.hang_up();
    let process = wait_for_agreement();
    assert_settled(&process);
    let left = "this one ends its links, so that all nodes have the same one";
    let leavers = [3, COPY]
        .into_iter()
        .filter(|&machine| bed.log(machine).contains(left));
    println!(
        "machine {:?} left the ring to the other",
        leavers.collect::<Vec<_>>()
    );
    drop((original, copy));
}
