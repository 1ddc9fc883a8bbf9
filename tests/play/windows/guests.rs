//! Guests: they come from a window's space bar, are limited in number and time, and are as safe as any ball.

use std::time::Duration;

use serde_json::Value;

use super::commands::ball;
use super::{LOOK, Testbed, had_twice, python, three_and_a_window};
use crate::harness::{Cluster, Plan, exclusive, nanos, now, text, wait_for};

const NODES: [usize; 3] = [0, 1, 2];

/// Three nodes with control sockets, and no window.
pub(super) fn three(ring_options: &'static str) -> Cluster {
    Cluster::start_whole(Plan {
        nodes: 3,
        ring_options,
        controlled: true,
        ..Plan::five(Duration::from_millis(300))
    })
}

/// The guests that a node knows of.
pub(super) fn guests(ring: &Cluster, node: usize) -> Vec<Value> {
    let status = ring.status(node).unwrap_or_default();
    let balls = status["balls"].as_array().cloned().unwrap_or_default();
    let mut guests = balls;
    guests.retain(|ball| ball["guest"] == true);
    guests
}

#[test]
fn a_ball_of_the_space_bar_is_a_guest_that_flies_through_its_window() {
    let _exclusive = exclusive();
    let Some(program) = python().pop() else {
        return;
    };
    let plan = Plan {
        controlled: true,
        ..three_and_a_window(Duration::from_millis(200))
    };
    // Forty pixels a frame is a third of a second on every screen.
    let served = "400,300,40,3,25,0,128,255";
    let mut testbed = Testbed::play(plan, &program, &[("--speedup", "3")]);
    testbed.wait_for_in(0, 1);
    // A student's window, in addition to the one of the ring.
    let space_bar = {
        let right = format!("127.0.0.1:{}", testbed.ring.ports[0].window_left);
        let options = [("--right", right), ("--serve", served.to_owned())];
        program.start(&options)
    };
    let guest = wait_for(Duration::from_secs(5), "a guest", || {
        guests(&testbed.ring, 1).pop()
    });
    assert_eq!(guest["ball"], 2, "{guest}");
    assert_eq!(guest["color"], serde_json::json!([0, 128, 255]));
    assert_eq!(
        (&guest["radius"], &guest["velocity"][0]),
        (&25.0.into(), &2400.0.into())
    );
    let look = "25,0,128,255";
    wait_for(
        Duration::from_secs(10),
        "the guest to come round twice",
        || (testbed.count(0, "out", look) >= 2).then_some(()),
    );
    let later = guests(&testbed.ring, 1);
    let [later] = later.as_slice() else {
        panic!("one guest, not {later:?}");
    };
    assert_eq!(later["generation"], guest["generation"]);
    assert!(later["hop"].as_u64() > guest["hop"].as_u64());
    testbed
        .ring
        .assert_logged(&NODES, "a guest has come: it is ball 2", 1);
    assert_eq!(testbed.ring.counter(&NODES, "refused_balls"), 0);
    let listed = ball(&testbed.ring, 0, &["list"]);
    let listed = text(&listed.stdout);
    assert!(listed.contains("2     guest"), "{listed}");
    println!("{listed}");
    drop(space_bar);
    let logs = testbed.windows.drain(..).map(super::Running::stop);
    let log: Vec<String> = logs.flatten().collect();
    let seen = testbed.ring.assert_one_ball();
    for (number, look) in [(1, LOOK), (2, look)] {
        let shows = super::shows(&log, look);
        assert!(shows.len() >= 2);
        assert_eq!(had_twice(&shows), Vec::<String>::new());
        assert_eq!(seen.shown_twice(number, &shows), Vec::<String>::new());
    }
}

#[test]
fn there_are_no_more_guests_than_allowed_and_they_leave_after_their_life() {
    let _exclusive = exclusive();
    let ring = three("guests = 2\nguest-life = \"3s\"");
    let begun = now();
    for (node, color) in [(0, "0,200,80"), (1, "0,80,200")] {
        let added = ball(&ring, node, &["add", "--color", color]);
        assert!(added.status.success(), "{}", text(&added.stderr));
    }
    for node in NODES {
        let refused = ball(&ring, node, &["add", "--color", "9,9,9"]);
        assert_eq!(refused.status.code(), Some(1));
        let why = text(&refused.stderr);
        assert!(
            why.contains("as many guests are there as the ring file allows"),
            "{why}"
        );
    }
    assert_eq!(ring.counter(&NODES, "refused_balls"), 3);
    wait_for(Duration::from_secs(8), "the guests to leave", || {
        NODES
            .iter()
            .all(|&node| guests(&ring, node).is_empty())
            .then_some(())
    });
    let stayed = now() - begun;
    assert!(stayed >= nanos(Duration::from_secs(3)), "{stayed} ns");
    ring.assert_logged(&NODES, "a guest, has left", 2);
    // There is room again, and the identities are used again.
    let added = ball(&ring, 2, &["add", "--color", "9,9,9"]);
    assert!(added.status.success(), "{}", text(&added.stderr));
    ring.assert_one_ball();
}

#[test]
fn a_guest_comes_back_from_a_node_that_was_killed() {
    let _exclusive = exclusive();
    let mut ring = three("");
    let added = ball(&ring, 0, &["add", "--velocity", "400,90"]);
    assert!(added.status.success(), "{}", text(&added.stderr));
    let has_it = |ring: &Cluster, node: usize| {
        let guests = guests(ring, node);
        guests.iter().any(|guest| guest["here"] == true)
    };
    for _ in 0..3 {
        // Two seconds on every screen: the guest is still there when that node is killed.
        let running = ring.running();
        let holder = wait_for(Duration::from_secs(3), "a node with the guest", || {
            running.iter().copied().find(|&node| has_it(&ring, node))
        });
        ring.kill(holder);
        let others = ring.running();
        wait_for(Duration::from_secs(3), "the guest to come back", || {
            others.iter().find(|&&node| has_it(&ring, node)).map(|_| ())
        });
        ring.spawn(holder);
        ring.wait_until_whole(Duration::from_secs(5));
    }
    wait_for(Duration::from_secs(3), "all to know of the guest", || {
        NODES
            .iter()
            .all(|&node| guests(&ring, node).len() == 1)
            .then_some(())
    });
    ring.assert_one_ball();
}
