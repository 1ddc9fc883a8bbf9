//! What an idle ring costs.

use std::thread::sleep;
use std::time::Duration;

use crate::harness::{Cluster, Plan, Usage, exclusive, millis, now};

/// In percent of one core.
const MOST_CPU: f64 = 0.5;
/// Per second, in addition to the heartbeats.
const MOST_SWITCHES: f64 = 10.0;
/// Memory of its own. The pages of the executable and of the C library are not bounded here: the kernel decides how
/// many of them are mapped, shares them among processes, and drops them when memory is short.
const MOST_OWN_KIB: u64 = 1536;

/// One node's figures over a span; rates are per second.
struct Figures {
    cpu_millis: u64,
    cpu_percent: f64,
    main_millis: f64,
    all_millis: f64,
    main_switches: f64,
    all_switches: f64,
    threads: usize,
    own_kib: u64,
    rss_kib: u64,
    /// The share of the time during which it had the ball.
    lit: f64,
}

impl Figures {
    fn between(before: Usage, after: Usage, seconds: f64, lit: f64) -> Self {
        let rate = |before: u64, after: u64| (after - before) as f64 / seconds;
        let cpu_millis = after.cpu_millis - before.cpu_millis;
        let all_millis = millis(after.all_nanos - before.all_nanos);
        // A tick is ten milliseconds, a fifth of what is allowed, so use the finer counter where there is one.
        let exact = if all_millis > 0.0 {
            all_millis
        } else {
            cpu_millis as f64
        };
        Self {
            cpu_millis,
            cpu_percent: exact / 10.0 / seconds,
            main_millis: millis(after.main_nanos - before.main_nanos),
            all_millis,
            main_switches: rate(before.main_switches, after.main_switches),
            all_switches: rate(before.all_switches, after.all_switches),
            threads: after.threads,
            own_kib: after.own_kib,
            rss_kib: after.rss_kib,
            lit,
        }
    }
}

/// How often a node of five wakes at most, per quarter of a lease, if no two messages come at once.
struct Wakes {
    /// A heartbeat from each of four peers, and one tick of its own.
    heartbeats: f64,
    /// With the ball: four grants. Without: one request.
    renewals: f64,
}

impl Wakes {
    fn expected(lease: Duration, lit: f64) -> Self {
        let quarters = 4.0 / lease.as_secs_f64();
        Self {
            heartbeats: quarters * 5.0,
            renewals: quarters * (4.0 * lit + (1.0 - lit)),
        }
    }
}

/// Measures for ten seconds and prints a table; returns what exceeded its limit.
fn measure(ring: &Cluster) -> Vec<String> {
    let nodes = ring.running();
    let measure = || -> Vec<Usage> {
        let usage = |node: &usize| ring.process(*node).usage();
        nodes.iter().map(usage).collect()
    };
    let (begun, before) = (now(), measure());
    sleep(Duration::from_secs(10));
    let (ended, after) = (now(), measure());
    let seen = ring.assert_one_ball();
    let seconds = (ended - begun) as f64 / 1e9;
    println!(
        "five nodes, lease {:?}, for {seconds:.2} s; switches are voluntary, a second",
        ring.plan.lease
    );
    println!(
        "node  lit %  CPU ms: ticks  main  all  CPU %  switches: main  expected: heartbeats  renewals  all {} threads  own MiB  RSS MiB",
        after[0].threads
    );
    let mut faults = Vec::new();
    for (&node, (&before, &after)) in nodes.iter().zip(before.iter().zip(&after)) {
        let lit = millis(seen.lit_time(node, begun, ended)) / 1e3 / seconds;
        let figures = Figures::between(before, after, seconds, lit);
        faults.extend(judge(
            node,
            &figures,
            &Wakes::expected(ring.plan.lease, lit),
        ));
    }
    faults
}

#[test]
fn five_idle_nodes_hardly_wake_and_hardly_weigh() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan::five(Duration::from_secs(10)));
    sleep(Duration::from_secs(1));
    let mut faults = measure(&ring);
    if !faults.is_empty() {
        // On a busy machine every wake costs more and fewer messages come together: measure once more.
        println!("too much at the first measurement: {faults:?}");
        faults = measure(&ring);
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// Prints a line of the table; returns what exceeds its limit.
fn judge(node: usize, figures: &Figures, expected: &Wakes) -> Vec<String> {
    let name = format!("pi{}", node + 1);
    println!(
        "{name}   {:5.0}  {:13}  {:4.1}  {:3.1}  {:5.2}  {:14.1}  {:20.1}  {:8.1}  {:13.1}  {:7.2}  {:7.2}",
        figures.lit * 100.0,
        figures.cpu_millis,
        figures.main_millis,
        figures.all_millis,
        figures.cpu_percent,
        figures.main_switches,
        expected.heartbeats,
        expected.renewals,
        figures.all_switches,
        figures.own_kib as f64 / 1024.0,
        figures.rss_kib as f64 / 1024.0,
    );
    assert_eq!(
        figures.threads, 5,
        "the main thread, the reactor's helper, the log, and two for the lab"
    );
    let mut faults = Vec::new();
    if figures.cpu_percent >= MOST_CPU {
        faults.push(format!(
            "{name} took {:.2} % of a core",
            figures.cpu_percent
        ));
    }
    let beyond = figures.main_switches - expected.heartbeats;
    if beyond >= MOST_SWITCHES {
        faults.push(format!("{name} woke {beyond:.1} times a second too often"));
    }
    if figures.own_kib >= MOST_OWN_KIB {
        faults.push(format!("{name} has {} KiB of its own", figures.own_kib));
    }
    faults
}
