//! A power cut of the whole ring.

use std::time::Duration;

use crate::harness::{Cluster, Plan, exclusive, millis, nanos, now, wait_for};

#[test]
fn a_ring_whose_power_was_cut_plays_one_ball_from_its_start_by_itself() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(200)));
    let mut lit_after = Vec::new();
    for _ in 0..3 {
        ring.wait_for_arrival(&[2, 3]);
        let hop = ring.observe().lines.last().unwrap().stamp.2;
        assert!(hop > 0, "the ball had flown");
        for node in 0..ring.plan.nodes {
            ring.kill(node);
        }
        let restarted = now();
        for node in 0..ring.plan.nodes {
            ring.spawn(node);
        }
        let first = wait_for(Duration::from_secs(5), "a ball after the power cut", || {
            let seen = ring.observe();
            seen.next_on(restarted, usize::MAX).cloned()
        });
        assert_eq!(first.node, 0, "the ball starts at pi1");
        assert_eq!(first.stamp.2, 0, "the ball has not flown yet");
        lit_after.push(first.at - restarted);
        ring.wait_until_whole(Duration::from_secs(3));
        ring.wait_for_arrival(&[3]);
        // Every possession since has the same generation: there was one election.
        let seen = ring.observe();
        let since = seen.lines.iter().filter(|line| line.at > restarted);
        let others = since.filter(|line| line.stamp.1 != first.stamp.1).count();
        assert_eq!(others, 0, "another ball was about");
    }
    assert_eq!(ring.observe().overlaps(), Vec::<String>::new());
    let lit_after: Vec<f64> = lit_after.iter().map(|&span| millis(span)).collect();
    println!("all five killed and restarted: lit at the start after {lit_after:.1?} ms");
    let bound = millis(nanos(Duration::from_secs(2)));
    assert!(lit_after.iter().all(|&span| span < bound));
}
