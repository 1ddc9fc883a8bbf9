//! What an idle ring costs.

use std::thread::sleep;
use std::time::Duration;

use crate::harness::{Cluster, Plan, Usage, exclusive, millis, now};

/// In percent of one core. A quiet machine of 2026 needs less than half of it (docs/evidence/processes.md).
const MOST_CPU: f64 = 0.3;
/// Voluntary switches a second of all threads of a node among five: 40 heartbeats, if no two come at once, its own included,
/// and 8 requests for a lease or 32 answers.
const MOST_SWITCHES_OF_FIVE: f64 = 60.0;
/// The same of a node that is alone in its ring: once in two leases, and its ball reaches an edge every ten seconds.
const MOST_SWITCHES_ALONE: f64 = 2.0;
/// The same of the services' thread, in any ring.
const MOST_SWITCHES_OF_SERVICES: f64 = 1.0;
/// Memory of its own. The pages of the executable and of the C library are not bounded here: the kernel decides how
/// many of them are mapped, shares them among processes, and drops them when memory is short.
const MOST_OWN_KIB: u64 = 1280;
/// The services, the ring, the reactor's helper, the log, two for the lab, and one that waits for the end of the LED keeper.
const THREADS: usize = 7;
/// The same three limits for the LED keeper, a process beside the node. It wakes once after a ball has left for longer than
/// a lease.
const MOST_CPU_OF_KEEPER: f64 = 0.05;
const MOST_SWITCHES_OF_KEEPER: f64 = 5.0;
const MOST_KIB_OF_KEEPER: u64 = 1024;

/// One node's figures over a span; rates are per second.
struct Figures {
    cpu_percent: f64,
    services_switches: f64,
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
        // A tick is ten milliseconds, a third of what is allowed, so use the finer counter where there is one.
        let exact = if all_millis > 0.0 {
            all_millis
        } else {
            cpu_millis as f64
        };
        Self {
            cpu_percent: exact / 10.0 / seconds,
            services_switches: rate(before.main_switches, after.main_switches),
            all_switches: rate(before.all_switches, after.all_switches),
            threads: after.threads,
            own_kib: after.own_kib,
            rss_kib: after.rss_kib,
            lit,
        }
    }
}

/// Measures for ten seconds and prints a table; returns what exceeded its limit.
fn measure(ring: &Cluster, most_switches: f64) -> Vec<String> {
    let nodes = ring.running();
    let measure = || -> Vec<[Usage; 2]> {
        let usage = |node: &usize| {
            let process = ring.process(*node);
            [process.usage(), Usage::of(process.keeper().unwrap())]
        };
        nodes.iter().map(usage).collect()
    };
    let (begun, before) = (now(), measure());
    sleep(Duration::from_secs(10));
    let (ended, after) = (now(), measure());
    let seen = ring.assert_one_ball();
    let seconds = (ended - begun) as f64 / 1e9;
    println!(
        "nodes: {}, lease {:?}, for {seconds:.2} s; switches are voluntary, a second",
        nodes.len(),
        ring.plan.lease
    );
    println!(
        "node  lit %  CPU %  switches: services  all {THREADS} threads  (limit)  own MiB  RSS MiB"
    );
    let mut faults = Vec::new();
    for (&node, (before, after)) in nodes.iter().zip(before.iter().zip(&after)) {
        let lit = millis(seen.lit_time(node, begun, ended)) / 1e3 / seconds;
        let figures = Figures::between(before[0], after[0], seconds, lit);
        faults.extend(judge(node, &figures, most_switches));
        let figures = Figures::between(before[1], after[1], seconds, lit);
        faults.extend(judge_keeper(node, &figures));
    }
    faults
}

/// Measures again where the first measurement shows too much: on a busy machine every wake costs more, and fewer
/// messages come together.
fn assert_idle(ring: &Cluster, most_switches: f64) {
    let mut faults = measure(ring, most_switches);
    if !faults.is_empty() {
        println!("too much at the first measurement: {faults:?}");
        faults = measure(ring, most_switches);
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn five_idle_nodes_hardly_wake_and_hardly_weigh() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan::five(Duration::from_secs(10)));
    sleep(Duration::from_secs(1));
    assert_idle(&ring, MOST_SWITCHES_OF_FIVE);
}

#[test]
fn a_node_alone_in_its_ring_sleeps_until_its_ball_reaches_an_edge() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan {
        nodes: 1,
        ..Plan::five(Duration::from_secs(10))
    });
    sleep(Duration::from_secs(1));
    assert_idle(&ring, MOST_SWITCHES_ALONE);
}

/// Prints a line about the keeper of that node; returns what exceeds its limit.
fn judge_keeper(node: usize, figures: &Figures) -> Vec<String> {
    let name = format!("the keeper of pi{}", node + 1);
    let (cpu, switches, own) = (figures.cpu_percent, figures.all_switches, figures.own_kib);
    println!(
        "  its keeper: {cpu:.3} % of a core, {switches:.1} switches, own {own} KiB, RSS {} KiB",
        figures.rss_kib
    );
    let mut faults = Vec::new();
    if cpu >= MOST_CPU_OF_KEEPER {
        faults.push(format!("{name} took {cpu:.3} % of a core"));
    }
    if switches > MOST_SWITCHES_OF_KEEPER {
        faults.push(format!("{name} woke {switches:.1} times a second"));
    }
    if own >= MOST_KIB_OF_KEEPER {
        faults.push(format!("{name} has {own} KiB of its own"));
    }
    faults
}

/// Prints a line of the table; returns what exceeds its limit.
fn judge(node: usize, figures: &Figures, most_switches: f64) -> Vec<String> {
    let name = format!("pi{}", node + 1);
    println!(
        "{name}   {:5.0}  {:5.2}  {:18.1}  {:13.1}  {most_switches:7.0}  {:7.2}  {:7.2}",
        figures.lit * 100.0,
        figures.cpu_percent,
        figures.services_switches,
        figures.all_switches,
        figures.own_kib as f64 / 1024.0,
        figures.rss_kib as f64 / 1024.0,
    );
    assert_eq!(figures.threads, THREADS);
    let mut faults = Vec::new();
    if figures.cpu_percent >= MOST_CPU {
        let cpu = figures.cpu_percent;
        faults.push(format!("{name} took {cpu:.2} % of a core"));
    }
    let switches = [
        ("its threads", figures.all_switches, most_switches),
        (
            "its services",
            figures.services_switches,
            MOST_SWITCHES_OF_SERVICES,
        ),
    ];
    for (whose, woke, most) in switches {
        if woke > most {
            faults.push(format!("{name}: {whose} woke {woke:.1} times a second"));
        }
    }
    if figures.own_kib >= MOST_OWN_KIB {
        faults.push(format!("{name} has {} KiB of its own", figures.own_kib));
    }
    faults
}
