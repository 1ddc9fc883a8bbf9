//! Name servers that answer late, or never.

use std::time::Duration;

use crate::harness::{Process, carom, get_from, millis, now, wait_for};
use crate::testbed::{LEASE, Servers, Testbed, address, is_inside};

/// The tasks that the unit allows.
const TASKS: usize = 32;

#[test]
fn a_dead_first_name_server_costs_time_and_nothing_else() {
    if !is_inside("slow::a_dead_first_name_server_costs_time_and_nothing_else") {
        return;
    }
    let bed = Testbed::set(3, Servers::DeadFirst, LEASE);
    bed.write_ring("ring.toml", "", &[]);
    let begun = now();
    let nodes: Vec<Process> = (1..=3)
        .map(|node| bed.start("ring.toml", node, node))
        .collect();
    bed.wait_until_linked(&[1, 2, 3], Duration::from_secs(20));
    println!(
        "a dead name server before a good one: linked after {:.1} s",
        millis(now() - begun) / 1e3
    );
    // A person who asks does not get the blame of the name server for the nodes, either.
    let asked = carom(&["status", "--config"])
        .arg(bed.path("ring.toml"))
        .output()
        .unwrap();
    let shown = String::from_utf8(asked.stdout).unwrap();
    assert!(asked.status.success() && shown.contains("3 up"), "{shown}");
    assert!(!shown.contains("no connection"), "{shown}");
    let log = bed.log(1);
    assert!(
        log.contains("the name pi2.carom.test is still being looked up"),
        "{log}"
    );
    assert!(
        !log.contains("no answer from pi2"),
        "the host is not to blame: {log}"
    );
    for node in &nodes {
        let threads = node.usage().threads;
        assert!(threads <= 20, "{threads} threads");
    }
}

#[test]
fn without_name_servers_a_node_stays_within_its_tasks_answers_and_stops() {
    if !is_inside("slow::without_name_servers_a_node_stays_within_its_tasks_answers_and_stops") {
        return;
    }
    const NAMES: usize = 41;
    let bed = Testbed::set(NAMES, Servers::DeadFirst, LEASE);
    bed.server.fall_silent();
    bed.write_ring("ring.toml", "", &[]);
    // A user of the test's own, so that the limit counts the tasks of this process only; it may not write here.
    let user = ["setpriv", "--reuid", "64123", "--clear-groups", "--"];
    let limit = format!("--nproc={TASKS}");
    let by: Vec<&str> = user.into_iter().chain(["prlimit", &limit]).collect();
    for node in [1, 21] {
        let mut process = bed.start_with("ring.toml", node, node, &by);
        let http = (address(node), 8_080).into();
        let is_well = || get_from(http, "/healthz").is_ok_and(|(code, _)| code == 200);
        wait_for(Duration::from_secs(5), "the node to answer", || {
            is_well().then_some(())
        });
        let (until, mut most, mut slowest) = (now() + 15_000_000_000, 0, 0);
        let cpu = process.usage().cpu_millis;
        while now() < until {
            most = most.max(process.usage().threads);
            let asked = now();
            assert!(is_well(), "/healthz is silent");
            slowest = slowest.max(now() - asked);
            std::thread::sleep(Duration::from_millis(100));
        }
        let cpu = process.usage().cpu_millis - cpu;
        let asked = process.terminate();
        let status = process.wait_for_end(Duration::from_secs(5));
        println!(
            "pi{node}, {} names and no name server, {TASKS} tasks allowed: at most {most} threads, {cpu} ms of CPU in 15 s, \
             /healthz within {:.1} ms, the end {:.0} ms after SIGTERM",
            NAMES - 1,
            millis(slowest),
            millis(now() - asked)
        );
        assert!(status.success(), "{status}");
        assert!(now() - asked < 1_500_000_000, "it ends at once");
        assert!(most <= 20, "{most} threads");
        assert!(cpu < 3_000, "{cpu} ms of CPU");
        let log = bed.log(node);
        assert!(log.contains("is still being looked up"), "{log}");
    }
}

#[test]
fn under_a_limit_of_tasks_that_leaves_no_thread_a_node_goes_on_and_tries_again() {
    if !is_inside(
        "slow::under_a_limit_of_tasks_that_leaves_no_thread_a_node_goes_on_and_tries_again",
    ) {
        return;
    }
    let bed = Testbed::set(3, Servers::Good, LEASE);
    bed.write_ring("ring.toml", "", &[]);
    let first = bed.start("ring.toml", 1, 1);
    wait_for(Duration::from_secs(5), "the node to answer", || {
        get_from((address(1), 8_080).into(), "/healthz").ok()
    });
    // No more than the node itself and its LED keeper need: without those that look names up.
    let counts = (0..40).map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        first.usage().threads
    });
    let base = counts.min().unwrap();
    drop(first);
    let limit = format!("--nproc={}", base + 1);
    let by = [
        "setpriv",
        "--reuid",
        "64124",
        "--clear-groups",
        "--",
        "prlimit",
        &limit,
    ];
    let mut process = bed.start_with("ring.toml", 1, 1, &by);
    bed.wait_for_log(
        1,
        "pi2 cannot be reached: the name pi2.carom.test cannot be looked up",
        Duration::from_secs(10),
    );
    // The others find it by its name, and are believed.
    let _others = [2, 3].map(|node| bed.start("ring.toml", node, node));
    bed.wait_until_linked(&[1, 2, 3], Duration::from_secs(10));
    process.terminate();
    assert!(process.wait_for_end(Duration::from_secs(3)).success());
}
