//! The LED keeper: a process that is stopped or killed leaves no LED on.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    Cluster, LedChange, Plan, exclusive, millis, nanos, signal, spread, wait_for,
};

/// How late the keeper may be, in the middle case and in the worst. Tests share their processors with others, and these daemons
/// have no real-time priority.
const LATE: Duration = Duration::from_millis(20);
const LATEST: Duration = Duration::from_millis(100);

const KILLS: usize = 10;

/// The line with which the keeper has switched off what `node` showed at that moment.
fn put_out(ring: &Cluster, node: usize, moment: u64) -> LedChange {
    wait_for(Duration::from_secs(3), "the keeper", || {
        let seen = ring.observe();
        let first = seen.first_after(moment, node)?.clone();
        assert!(first.by_keeper, "{first:?}");
        Some(first)
    })
}

/// Asserts that an LED was on for no longer than this, but for how late the keeper may be.
fn assert_quick(mut spans: Vec<u64>, allowed: Duration) {
    spans.sort_unstable();
    let (median, most) = (spans[(spans.len() - 1) / 2], spans[spans.len() - 1]);
    assert!(median <= nanos(allowed + LATE), "median {median} ns");
    assert!(most <= nanos(allowed + LATEST), "at most {most} ns");
}

#[test]
fn the_led_of_a_stopped_holder_goes_off_at_its_deadline() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan {
        lease: Duration::from_millis(400),
        ..Plan::five(Duration::from_millis(200))
    });
    let mut spans = Vec::new();
    for target in [0, 2, 4, 1] {
        let (holder, stopped) = ring.stop_while_lit(target);
        let off = put_out(&ring, holder, stopped);
        spans.push(off.at - stopped);
        let relit = wait_for(Duration::from_secs(3), "the ball elsewhere", || {
            ring.observe().next_on(stopped, holder).map(|line| line.at)
        });
        assert!(off.at < relit);
        let resumed = ring.resume(holder);
        ring.wait_until_whole(Duration::from_secs(3));
        // It does not say again that it goes off, and lights its LED only for a later possession.
        ring.wait_for_arrival(&[holder]);
        let seen = ring.observe();
        let first = seen.first_after(resumed, holder).unwrap();
        assert!(first.on && first.stamp > off.stamp, "{first:?}");
    }
    ring.assert_one_ball();
    println!(
        "SIGSTOP of the holder: its LED off after {}",
        spread(&spans)
    );
    assert_quick(spans, ring.plan.lease);
}

#[test]
fn the_led_of_a_killed_holder_goes_off_at_once() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_secs(2)));
    let mut spans = Vec::new();
    while spans.len() < KILLS {
        let holder = ring.wait_for_holder();
        let killed = ring.kill(holder);
        let seen = ring.observe();
        if seen.last_before(killed, holder).is_some_and(|line| line.on) {
            spans.push(put_out(&ring, holder, killed).at - killed);
        }
        ring.spawn(holder);
        ring.wait_until_whole(Duration::from_secs(5));
    }
    ring.assert_one_ball();
    println!(
        "kill -9 of the holder: its LED off after {}",
        spread(&spans)
    );
    assert_quick(spans, Duration::ZERO);
}

#[test]
fn a_keeper_that_ends_is_replaced_and_one_line_says_so() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(200)));
    let first = ring.process(2).keeper().expect("a keeper");
    // Sent to all processes of a service or a terminal, these are for the daemon.
    for ignored in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        signal(first, ignored);
    }
    sleep(Duration::from_millis(50));
    assert_eq!(ring.process(2).keeper(), Some(first));
    signal(first, Signal::KILL);
    let second = wait_for(Duration::from_secs(3), "another keeper", || {
        ring.process(2).keeper().filter(|&keeper| keeper != first)
    });
    let sentence = format!("the LED keeper, process {first}, has ended");
    ring.assert_logged(&[2], &sentence, 1);
    ring.assert_logged(&[2], "the LED keeper", 1);
    let (holder, stopped) = ring.stop_while_lit(2);
    let off = put_out(&ring, holder, stopped);
    assert!(off.at - stopped <= nanos(ring.plan.lease + LATEST));
    ring.resume(holder);
    ring.wait_until_whole(Duration::from_secs(3));
    ring.terminate(2);
    wait_for(Duration::from_secs(1), "the keeper to end", || {
        let process = format!("/proc/{second}");
        (!Path::new(&process).exists()).then_some(())
    });
    let seen = ring.assert_one_ball();
    println!(
        "another keeper put the LED out {:.1} ms after SIGSTOP",
        millis(off.at - stopped)
    );
    let by_keeper = seen.lines.iter().filter(|line| line.by_keeper).count();
    assert_eq!(by_keeper, 1, "no other LED is put out by a keeper");
}
