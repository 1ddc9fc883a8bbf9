//! What the observer sees, from a few lines.

use super::*;

fn seen(lines: &[&str], interventions: &[Intervention]) -> Observed {
    let lines = lines.iter().map(|line| {
        let (line, keeper) = match line.strip_suffix(" keeper") {
            Some(line) => (line, " keeper"),
            None => (*line, ""),
        };
        let (head, hop) = line.rsplit_once(' ').unwrap();
        let line = format!("{head} 1 1.0000000000000001 {hop}{keeper}");
        LedChange::parse(&line).unwrap()
    });
    Observed::new(lines.collect(), interventions)
}

#[test]
fn the_observer_sees_two_lit_at_once_and_only_then() {
    let good = ["10 pi1 on 0", "20 pi1 off 0", "21 pi2 on 1", "30 pi2 off 1"];
    assert!(seen(&good, &[]).overlaps().is_empty());
    let bad = ["10 pi1 on 0", "19 pi2 on 1", "20 pi1 off 0", "30 pi2 off 1"];
    assert_eq!(seen(&bad, &[]).overlaps().len(), 1);
    assert_eq!(seen(&bad, &[]).overlap(), 1);
    let without_off = ["10 pi1 on 0", "40 pi2 on 1"];
    assert_eq!(seen(&without_off, &[]).overlaps().len(), 1);
    let twice = ["10 pi1 on 0", "40 pi1 on 0"];
    assert_eq!(seen(&twice, &[]).overlaps().len(), 1);
}

#[test]
fn the_observer_sees_a_window_that_has_what_an_led_shows() {
    let seen = seen(&["10 pi1 on 0", "20 pi1 off 0", "40 pi2 on 1"], &[]);
    let shown = |from, until| seen.shown_twice(1, &[WindowSpan { from, until }]).len();
    assert_eq!((shown(20, 40), shown(5, 10)), (0, 0));
    assert_eq!((shown(19, 40), shown(20, 41), shown(5, 50)), (1, 1, 2));
    let other = [WindowSpan { from: 5, until: 50 }];
    assert!(seen.shown_twice(2, &other).is_empty());
}

#[test]
fn the_observer_counts_a_killed_led_as_dark_and_a_stopped_one_apart() {
    let lines = ["10 pi1 on 0", "40 pi2 on 1", "50 pi1 on 2"];
    let killed = [Intervention::Killed {
        node: 0,
        before: 20,
        gone: 30,
    }];
    let once = seen(&lines[..2], &killed);
    assert!(once.overlaps().is_empty(), "{:?}", once.overlaps());
    assert_eq!(once.longest_gap(10, 60), (20, 20));
    assert_eq!(seen(&lines, &killed).overlaps().len(), 1);
    // Started again, it ends in its trace what its earlier process left on, and nothing else.
    let ended = |off| seen(&["10 pi1 on 0", off, "40 pi2 on 1"], &killed).overlaps();
    assert!(ended("35 pi1 off 0").is_empty());
    assert_eq!(ended("35 pi1 off 1").len(), 1);
    assert_eq!(ended("35 pi2 off 0").len(), 1);
    let late = [Intervention::Killed {
        node: 0,
        before: 20,
        gone: 45,
    }];
    assert_eq!(seen(&lines[..2], &late).overlaps().len(), 1);
    let lines = ["10 pi1 on 0", "40 pi2 on 1", "50 pi1 off 0"];
    let stopped = [Intervention::Stopped {
        node: 0,
        from: 20,
        until: 45,
    }];
    let apart = seen(&lines, &stopped);
    assert!(apart.overlaps().is_empty(), "{:?}", apart.overlaps());
    assert_eq!(apart.lit_while_stopped, 30);
}

#[test]
fn the_observer_believes_the_keeper_and_not_the_moment_of_the_kill() {
    let killed = [Intervention::Killed {
        node: 0,
        before: 20,
        gone: 30,
    }];
    let stopped = [Intervention::Stopped {
        node: 0,
        from: 20,
        until: 90,
    }];
    let with_off = |off| ["10 pi1 on 0", off, "40 pi2 on 1"];
    for interventions in [&killed, &stopped] {
        let good = seen(&with_off("35 pi1 off 0 keeper"), interventions);
        assert!(good.overlaps().is_empty(), "{:?}", good.overlaps());
        assert_eq!(good.longest_gap(10, 60), (5, 35));
        let late = seen(&with_off("45 pi1 off 0 keeper"), interventions);
        assert_eq!((late.overlaps().len(), late.overlap()), (1, 5));
    }
    let late = seen(&with_off("45 pi1 off 0 keeper"), &stopped);
    assert_eq!(late.lit_while_stopped, 25);
    let resumed = seen(&with_off("95 pi1 off 0 keeper"), &stopped);
    assert!(resumed.overlaps().is_empty(), "no keeper was there");
    let twice = ["10 pi1 on 0", "35 pi1 off 0 keeper", "50 pi1 off 0"];
    assert_eq!(seen(&twice, &stopped).overlaps().len(), 1);
}

#[test]
fn the_observer_measures_the_longest_gap_and_sees_a_ball_go_back() {
    let lines = ["10 pi1 on 3", "20 pi1 off 3", "60 pi2 on 2", "70 pi2 off 2"];
    let seen = seen(&lines, &[]);
    assert_eq!(seen.longest_gap(10, 75), (40, 20));
    assert_eq!(seen.longest_gap(10, 200), (130, 70));
    assert_eq!(seen.steps_back().len(), 1);
}
