//! A row with a window at each of its ends.

use std::thread::sleep;
use std::time::Duration;

use super::{LOOK, Testbed, had_twice, python};
use crate::harness::{Plan, WindowSpan, exclusive};

#[test]
fn a_ball_flies_both_ways_between_two_windows() {
    both_ways(Duration::from_secs(10));
}

#[test]
#[ignore = "takes a minute: cargo test --release --test play -- --ignored both_ways_for_a_minute"]
fn a_ball_flies_both_ways_for_a_minute() {
    both_ways(Duration::from_secs(60));
}

fn both_ways(span: Duration) {
    let _exclusive = exclusive();
    let Some(program) = python().pop() else {
        return;
    };
    let plan = Plan {
        nodes: 2,
        shape: "row",
        windows: &[0, 2],
        ..Plan::five(Duration::from_millis(100))
    };
    let mut testbed = Testbed::play(plan, &program, &[("--speedup", "3")]);
    sleep(span);
    let nodes = [0, 1];
    let [loans, refused] =
        ["loans", "refused_balls"].map(|name| testbed.ring.counter(&nodes, name));
    assert_eq!((testbed.ring.counter(&nodes, "elections"), refused), (1, 0));
    let (shows, seen) = testbed.end(LOOK);
    // Forth and back takes six tenths of a second at most.
    let least = span.as_millis() as usize / 1000;
    for (window, shows) in shows.iter().enumerate() {
        assert!(shows.len() >= least, "window {window}: {}", shows.len());
    }
    let all: Vec<WindowSpan> = shows.concat();
    assert_eq!(had_twice(&all), Vec::<String>::new());
    assert_eq!(seen.shown_twice(1, &all), Vec::<String>::new());
    let ons: Vec<_> = seen.lines.iter().filter(|line| line.on).collect();
    let flights = |from, to| {
        let pairs = ons.windows(2);
        pairs
            .filter(|pair| (pair[0].node, pair[1].node) == (from, to))
            .count()
    };
    assert!(flights(0, 1) >= least && flights(1, 0) >= least);
    println!(
        "a row between two windows for {span:?}: {loans} loans, {} LED changes, nobody ever held two",
        seen.lines.len()
    );
}
