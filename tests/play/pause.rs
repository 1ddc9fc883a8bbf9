//! Processes are stopped for longer than their lease, and resumed.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cluster, Plan, exclusive, millis, nanos, now, signal};

const STILL: Duration = Duration::from_millis(1_500);

#[test]
fn a_stopped_bystander_costs_one_lease_at_most_and_changes_nothing_when_it_is_resumed() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(200)));
    let bound = ring.plan.lease * 5 / 4 + Duration::from_millis(100);
    let begun = now();
    for bystander_of in [0, 1, 4] {
        let holder = ring.wait_for_arrival(&[bystander_of]);
        // The next node on the ball's way: the ball may be passed to it while it is stopped.
        let bystander = (holder + 1) % ring.plan.nodes;
        let stopped = ring.stop(bystander);
        sleep(STILL);
        let seen = ring.observe();
        let ons = seen.ons(&[0, 1, 2, 3, 4], stopped, now());
        let (gap, _) = seen.longest_gap(stopped, now());
        let on_resumed = ring.resume(bystander);
        ring.wait_until_whole(Duration::from_secs(3));
        println!(
            "SIGSTOP of pi{} beside the ball for {STILL:?}: {ons} LEDs on, longest dark {:.1} ms, whole again {:.1} ms after SIGCONT",
            bystander + 1,
            millis(gap),
            millis(now() - on_resumed)
        );
        assert!(ons >= 3, "the ball did not fly on");
    }
    let seen = ring.assert_one_ball();
    let (gap, at) = seen.longest_gap(begun, now());
    println!(
        "  longest dark of all {:.1} ms, bound {bound:?}",
        millis(gap)
    );
    assert!(gap <= nanos(bound), "dark for {} ns from {at}", gap);
}

#[test]
fn without_its_keeper_a_resumed_holder_switches_its_led_off_before_it_does_anything_else() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(400)));
    let bound = ring.plan.lease * 5 / 4 + Duration::from_millis(100);
    for target in [0, 2, 4] {
        let (holder, stopped) = ring.stop_while_lit(target);
        let keeper = ring.process(holder).keeper().expect("it has a keeper");
        signal(keeper, Signal::KILL);
        sleep(STILL);
        let seen = ring.observe();
        let relit = seen
            .next_on(stopped, holder)
            .expect("the ball is taken back");
        let others = seen.ons(&[0, 1, 2, 3, 4], stopped, now());
        let on_resumed = ring.resume(holder);
        ring.wait_until_whole(Duration::from_secs(3));
        let seen = ring.observe();
        let first = seen
            .first_after(on_resumed, holder)
            .expect("it says something");
        println!(
            "SIGSTOP of the holder pi{}, SIGKILL of its keeper, for {STILL:?}: lit elsewhere after {:.1} ms (bound {bound:?}), {others} LEDs on meanwhile, own LED off {:.2} ms after SIGCONT",
            holder + 1,
            millis(relit.at - stopped),
            millis(first.at - on_resumed),
        );
        assert!(!first.on, "it lit its LED first: {first:?}");
        assert!(relit.at - stopped <= nanos(bound));
        assert!(others >= 2, "the ball did not fly on");
    }
    let seen = ring.assert_one_ball();
    println!(
        "  LEDs of stopped processes stayed on for {:.0} ms in all, counted apart (P4)",
        millis(seen.lit_while_stopped)
    );
    assert!(
        seen.lit_while_stopped > 0,
        "the holder was never stopped while lit"
    );
}
