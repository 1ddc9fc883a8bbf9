//! Nodes are killed, and nodes are asked to end.

use std::thread::sleep;
use std::time::Duration;

use crate::harness::{Cluster, Plan, exclusive, millis, run, spread, text, wait_for};

const TIMES: usize = 20;

/// The state of that node in the table of `carom status`.
fn state_in_table(ring: &Cluster, node: usize) -> String {
    let output = run(&["status", "--config", ring.ring_file().to_str().unwrap()]);
    let table = text(&output.stdout);
    assert!(output.status.success(), "{table}{}", text(&output.stderr));
    let name = format!("pi{}", node + 1);
    let row = table
        .lines()
        .find(|line| line.split_whitespace().next() == Some(&name));
    let state = row.and_then(|row| row.split_whitespace().nth(1));
    state.expect("a row of that node").to_owned()
}

#[test]
fn a_killed_holder_s_ball_is_lit_elsewhere_within_a_lease_and_a_quarter() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(300)));
    let bound = ring.plan.lease * 5 / 4 + Duration::from_millis(100);
    let (mut chains, mut returns, mut missed) = (Vec::new(), Vec::new(), 0);
    while chains.len() < TIMES {
        let holder = ring.wait_for_arrival(&[0, 1, 2, 3, 4]);
        // Each time at another moment of the ball's time on the screen.
        sleep(Duration::from_millis(chains.len() as u64 * 13));
        let killed = ring.kill(holder);
        let had_it = ring
            .observe()
            .last_before(killed + 5_000_000, holder)
            .is_some_and(|line| line.on);
        let relit = wait_for(Duration::from_secs(3), "the ball to be lit again", || {
            ring.observe().next_on(killed, holder).map(|line| line.at)
        });
        if had_it {
            chains.push(relit - killed);
        } else {
            missed += 1;
            assert!(missed < TIMES, "the ball is never where it was just seen");
        }
        assert_eq!(state_in_table(&ring, holder), "down");
        ring.spawn(holder);
        returns.push(ring.wait_until_whole(Duration::from_secs(5)));
    }
    let seen = ring.assert_one_ball();
    println!(
        "kill -9 of the holder: dark for {}; bound {:.0} ms; {missed} kills just missed the ball",
        spread(&chains),
        millis(crate::harness::nanos(bound)),
    );
    println!("  killed nodes linked again after {}", spread(&returns));
    println!("  {} LED changes, never two lit at once", seen.lines.len());
    let most = Duration::from_nanos(*chains.iter().max().unwrap());
    assert!(most <= bound, "dark for {most:?}, bound {bound:?}");
    let most = Duration::from_nanos(*returns.iter().max().unwrap());
    assert!(
        most <= Duration::from_secs(2),
        "linked again after {most:?}"
    );
}

#[test]
fn a_holder_that_is_asked_to_end_hands_the_ball_on_at_once() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_secs(2)));
    let (mut chains, mut ends) = (Vec::new(), Vec::new());
    let elections = ring.counter(&ring.running(), "elections");
    for round in 0..5 {
        let holder = ring.wait_for_holder();
        sleep(Duration::from_millis(round * 37));
        let asked = ring.terminate(holder);
        ends.push(crate::harness::now() - asked);
        let seen = ring.observe();
        let had = seen.last_before(asked, holder).unwrap();
        if !had.on {
            continue;
        }
        let next = seen.next_on(asked, holder).expect("somebody has the ball");
        chains.push(next.at - asked);
        assert_eq!((next.stamp.0, next.stamp.1), (had.stamp.0, had.stamp.1));
        let first = seen.first_after(asked, holder).unwrap();
        assert!(!first.on && first.at < next.at);
        ring.spawn(holder);
        ring.wait_until_whole(Duration::from_secs(5));
    }
    ring.assert_one_ball();
    println!(
        "SIGTERM of the holder: next LED on after {}",
        spread(&chains)
    );
    println!("  the process had ended after {}", spread(&ends));
    assert!(
        chains.len() >= 3,
        "the ball was hardly ever where it was seen"
    );
    // A restarted node counts from zero, so the first winner's election may no longer be counted.
    assert!(ring.counter(&ring.running(), "elections") <= elections);
    let most = Duration::from_nanos(*chains.iter().max().unwrap());
    assert!(most <= Duration::from_millis(50), "{most:?}");
}
