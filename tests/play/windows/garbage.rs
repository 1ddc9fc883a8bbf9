//! A thousand malformed balls at a port that a window uses meanwhile.

use std::thread::sleep;
use std::time::Duration;

use super::{LOOK, Testbed, had_twice, python, send_ball, three_and_a_window};
use crate::harness::{exclusive, millis, nanos, now};

const TIMES: usize = 1000;
const KINDS: usize = 30;

/// The pause between two of them; the hops are counted meanwhile.
const PAUSE: Duration = Duration::from_millis(4);

/// Thirty kinds of malformed balls.
fn garbage() -> Vec<Vec<u8>> {
    let mut kinds: Vec<Vec<u8>> = [
        "",
        "\n",
        ",,,,,,,",
        "Hello, World!",
        "0,300,13,2,30,255,64",
        "0,300,13,2,30,255,64,0,1",
        "0,300,13,2,30,255,64,",
        "0,300,NaN,2,30,255,64,0",
        "0,300,inf,2,30,255,64,0",
        "0,300,13.5,2,30,255,64,0",
        "0,300,1e1,2,30,255,64,0",
        "0,300,0x13,2,30,255,64,0",
        "0,300,--13,2,30,255,64,0",
        "0,300,13,2,30,256,64,0",
        "0,300,13,2,30,255,-1,0",
        "0,2147483648,13,2,30,255,64,0",
        "0,-99999999999999999999,13,2,30,255,64,0",
        // Eight numbers, but no ball that can enter.
        "0,300,0,0,30,255,64,0",
        "0,300,0,2,30,255,64,0",
        "0,300,-13,2,30,255,64,0",
        "0,300,1001,2,30,255,64,0",
        "0,300,13,-2147483648,30,255,64,0",
        "0,300,13,2,0,255,64,0",
        "0,300,13,2,-30,255,64,0",
        "0,300,13,2,300,255,64,0",
        "0,300,13,2,2147483647,255,64,0",
        "{\"x\":0,\"y\":300}",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    kinds.push(vec![0xff; 100]);
    kinds.push(vec![b'7'; 10_000_000]);
    kinds
}

#[test]
fn a_thousand_malformed_balls_disturb_nothing() {
    let _exclusive = exclusive();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let plan = three_and_a_window(Duration::from_millis(100));
    let mut testbed = Testbed::play(plan, &program, &[("--speedup", "3")]);
    let nodes = [0, 1, 2];
    let kinds = garbage();
    assert_eq!(kinds.len(), KINDS);
    testbed.wait_for_in(0, 1);
    let lines = |testbed: &Testbed| testbed.ring.logged(&nodes, "").len();
    let before = (lines(&testbed), testbed.ring.counter(&nodes, "elections"));
    let begun = now();
    for kind in (0..TIMES).map(|number| &kinds[number % KINDS]) {
        send_ball(testbed.ring.ports[0].window_left, kind);
        sleep(PAUSE);
    }
    let during = now() - begun;
    sleep(Duration::from_nanos(during));
    let end = begun + 2 * during;
    assert!(
        end - begun < nanos(Duration::from_secs(60)),
        "one line a minute"
    );
    let after = (lines(&testbed), testbed.ring.counter(&nodes, "elections"));
    assert_eq!((after.0 - before.0, after.1), (1, before.1));
    testbed
        .ring
        .assert_logged(&nodes, "is no ball of a window", 1);
    // Each of them was refused, and none of the connections that brought the ring's own ball.
    let refused = testbed.ring.counter(&nodes, "refused_balls");
    assert_eq!(refused, TIMES as u64);
    for node in nodes {
        let status = testbed.ring.status(node).unwrap();
        assert_eq!(status["balls"].as_array().unwrap().len(), 1, "{status}");
        let most = testbed.ring.process(node).usage().most_own_kib;
        assert!(most < 3 * 1024, "pi{}: {most} KiB", node + 1);
    }
    let most = nodes.map(|node| testbed.ring.process(node).usage().most_own_kib);
    let seen = testbed.ring.observe();
    let hops = [
        seen.ons(&nodes, begun, begun + during),
        seen.ons(&nodes, begun + during, end),
    ];
    println!(
        "{TIMES} malformed balls of {KINDS} kinds in {:.0} ms: one line; {} hops meanwhile, {} in as long a time after; memory of its own at most {most:?} KiB",
        millis(during),
        hops[0],
        hops[1]
    );
    assert!(hops[0] * 10 >= hops[1] * 9, "{hops:?}");
    assert!(hops[1] > 20, "{hops:?}");
    let (shows, seen) = testbed.end(LOOK);
    assert_eq!(had_twice(&shows[0]), Vec::<String>::new());
    assert_eq!(seen.shown_twice(1, &shows[0]), Vec::<String>::new());
}
