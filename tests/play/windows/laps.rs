//! A ball flies round three nodes and a window a hundred times and stays the same ball.

use std::collections::BTreeSet;
use std::thread::scope;
use std::time::Duration;

use super::program::{Program, programs};
use super::{LOOK, Testbed, first_ball, had_twice, three_and_a_window};
use crate::harness::{COLOR, RADIUS, exclusive, millis, now, wait_for};

const LAPS: usize = 100;

/// Checks every node's `/status` after so many laps.
const LOOK_EVERY: usize = 10;

/// A port takes ten balls a second at most, so a lap must not be shorter than a tenth of one.
const DWELL: Duration = Duration::from_millis(34);
const SPEEDUP: &str = "2";

#[test]
fn a_ball_flies_a_hundred_laps_through_a_window_of_every_kind() {
    let _exclusive = exclusive();
    let programs = programs();
    // Each in a ring of its own, which sleeps most of the time.
    scope(|all| {
        for program in &programs {
            all.spawn(|| fly(program));
        }
    });
}

fn fly(program: &Program) {
    let plan = three_and_a_window(DWELL);
    let mut testbed = Testbed::play(plan, program, &[("--speedup", SPEEDUP)]);
    let begun = now();
    for laps in (LOOK_EVERY..=LAPS).step_by(LOOK_EVERY) {
        wait_for(Duration::from_secs(20), "ten laps more", || {
            (testbed.count(0, "out", LOOK) >= laps).then_some(())
        });
        for node in 0..3 {
            let ball = first_ball(&testbed.ring, node);
            assert_eq!(ball["radius"], RADIUS);
            assert_eq!(ball["color"], serde_json::json!(COLOR));
        }
    }
    let taken = now() - begun;
    let nodes = [0, 1, 2];
    let counted = |name| testbed.ring.counter(&nodes, name);
    assert_eq!((counted("elections"), counted("refused_balls")), (1, 0));
    assert!(counted("loans") >= LAPS as u64);
    testbed.ring.assert_logged(&nodes, "did not return", 0);
    testbed.ring.assert_logged(&nodes, "takes no ball", 0);
    let (shows, seen) = testbed.end(LOOK);
    assert!(shows[0].len() >= LAPS);
    assert_eq!(had_twice(&shows[0]), Vec::<String>::new());
    assert_eq!(seen.shown_twice(1, &shows[0]), Vec::<String>::new());
    let ons: Vec<_> = seen.lines.iter().filter(|line| line.on).collect();
    let generations: BTreeSet<_> = ons.iter().map(|on| (on.stamp.0, on.stamp.1)).collect();
    assert_eq!(generations.len(), 1, "{generations:?}");
    let rises = ons.windows(2).all(|pair| pair[0].stamp < pair[1].stamp);
    assert!(rises, "a hop that was there already");
    println!(
        "{}: {} laps, {} LED changes, one generation, hop {}, never two; {:.0} ms a lap",
        program.name,
        shows[0].len(),
        seen.lines.len(),
        ons.last().expect("an LED that was on").stamp.2,
        millis(taken) / LAPS as f64
    );
}
