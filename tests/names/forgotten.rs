//! Names that stop being answered while the address stays as it is.

use std::time::Duration;

use carom::key;

use crate::harness::{Process, millis, now};
use crate::testbed::{LEASE, Servers, Testbed, is_inside, name_of};

const ALL: [usize; 4] = [1, 2, 3, 4];

/// How soon a link is there again: the node that is listed later waits for two seconds, and an attempt takes up to two.
const AGAIN: Duration = Duration::from_secs(6);

#[test]
fn a_link_is_made_again_by_the_last_address_or_from_the_other_side() {
    if !is_inside("forgotten::a_link_is_made_again_by_the_last_address_or_from_the_other_side") {
        return;
    }
    let bed = Testbed::set(4, Servers::Good, LEASE);
    bed.write_ring("ring.toml", "", &[]);
    let mut nodes: Vec<Process> = ALL.map(|node| bed.start("ring.toml", node, node)).into();
    bed.wait_until_linked(&ALL, Duration::from_secs(10));
    bed.server.forget(&name_of(3));
    // The nodes before it know where it was.
    let begun = now();
    nodes[2] = bed.start_again(&mut nodes[2], 3);
    bed.wait_until_linked(&ALL, AGAIN);
    println!(
        "a forgotten node restarts: linked after {:.0} ms",
        millis(now() - begun)
    );
    // A node that has never heard of the name is dialled from there.
    let begun = now();
    nodes[0] = bed.start_again(&mut nodes[0], 1);
    bed.wait_until_linked(&ALL, AGAIN);
    println!(
        "a node that cannot look it up restarts: linked after {:.0} ms",
        millis(now() - begun)
    );
    let log = bed.log(1);
    assert!(log.contains("its address is not checked"), "{log}");
}

#[test]
fn with_a_key_the_address_that_a_peer_came_from_is_dialled() {
    if !is_inside("forgotten::with_a_key_the_address_that_a_peer_came_from_is_dialled") {
        return;
    }
    let bed = Testbed::set(4, Servers::Good, LEASE);
    key::create(&bed.path("ring.key")).unwrap();
    bed.write_ring("ring.toml", "key-file = \"ring.key\"", &[]);
    // From its side, no other node can be reached: as behind a filter that takes what comes and lets nothing new out.
    bed.write_ring("lame.toml", "key-file = \"ring.key\"", &[1, 2, 4]);
    let [first, second, fourth] = [1, 2, 4].map(|node| bed.start("ring.toml", node, node));
    let mut third = bed.start("ring.toml", 3, 3);
    bed.wait_until_linked(&ALL, Duration::from_secs(10));
    bed.server.forget(&name_of(3));
    // pi4 never looked pi3 up: pi3 has dialled it. Now pi3 cannot dial.
    third.kill();
    let begun = now();
    let third = bed.start("lame.toml", 3, 3);
    bed.wait_until_linked(&ALL, AGAIN);
    println!(
        "dialled where it came from: linked after {:.0} ms",
        millis(now() - begun)
    );
    drop((first, second, third, fourth));
}

#[test]
fn one_link_of_a_pair_is_kept_and_nothing_flaps() {
    if !is_inside("forgotten::one_link_of_a_pair_is_kept_and_nothing_flaps") {
        return;
    }
    // A long lease, so that no link ends because the machine that runs this test is busy.
    let bed = Testbed::set(4, Servers::Good, LEASE * 4);
    bed.write_ring("ring.toml", "", &[]);
    // The nodes that are listed later have waited for their turn when the others start: both dial.
    let later = [3, 4].map(|node| bed.start("ring.toml", node, node));
    std::thread::sleep(Duration::from_secs(3));
    let first = [1, 2].map(|node| bed.start("ring.toml", node, node));
    bed.wait_until_linked(&ALL, Duration::from_secs(10));
    std::thread::sleep(Duration::from_secs(1));
    let ends = || -> usize {
        ALL.iter()
            .map(|&node| bed.log(node).matches("no longer connected").count())
            .sum()
    };
    let before = ends();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(ends(), before, "links end");
    assert!(bed.are_linked(&ALL, &ALL));
    drop((later, first));
}
