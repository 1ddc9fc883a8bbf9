//! Failures: windows that die, refuse or answer too late, and a lender that dies.

use std::thread::sleep;
use std::time::Duration;

use super::{LOOK, Testbed, first_ball, python, send_ball, three_and_a_window};
use crate::harness::{COLOR, Cluster, Plan, exclusive, millis, nanos, now, wait_for};

const LOAN: Duration = Duration::from_secs(2);
const NODES: [usize; 3] = [0, 1, 2];

/// A ball that stays for a second on each screen, with a loan of two seconds.
fn slow(ring_options: &'static str) -> Plan {
    Plan {
        ring_options,
        ..three_and_a_window(Duration::from_secs(1))
    }
}

/// Waits until an LED goes on after that moment; returns its trace line.
fn wait_for_led_on(ring: &Cluster, after: u64) -> crate::harness::LedChange {
    wait_for(Duration::from_secs(6), "an LED to go on", || {
        ring.observe().next_on(after, usize::MAX).cloned()
    })
}

#[test]
fn a_ball_whose_window_was_killed_is_back_after_the_loan() {
    let _exclusive = exclusive();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let plan = Plan {
        dwell: Duration::from_millis(200),
        ..slow("loan = \"2s\"")
    };
    let mut testbed = Testbed::play(plan, &program, &[("--keep", "")]);
    testbed.wait_for_in(0, 1);
    let before = first_ball(&testbed.ring, 2);
    assert_eq!(before["loan"]["window"], "laptop1", "{before}");
    assert_eq!(before["here"], false);
    assert!(testbed.ring.observe().lit().is_empty());
    testbed.windows.remove(0).stop();
    let killed = now();
    let off = testbed.ring.observe().last_before(killed, 2).cloned();
    let off = off.expect("pi3 had the ball");
    let on = wait_for_led_on(&testbed.ring, killed);
    let away = on.at - off.at;
    assert!(away >= nanos(LOAN), "back after {:.0} ms", millis(away));
    let most = nanos(LOAN + testbed.ring.plan.lease);
    assert!(away <= most, "back after {:.0} ms", millis(away));
    assert_eq!(on.node, 2);
    let (round, nonce, hop) = off.stamp;
    assert_eq!(on.stamp, (round, nonce, hop + 1));
    testbed
        .ring
        .assert_logged(&NODES, "laptop1 did not return ball 1", 1);
    assert_eq!(testbed.ring.counter(&NODES, "elections"), 1);
    // The ball goes on, and bounces off the window that is gone.
    let after = first_ball(&testbed.ring, 2);
    assert!(after["loan"].is_null(), "{after}");
    testbed.ring.wait_for_arrival(&[0]);
    testbed.ring.assert_one_ball();
    println!(
        "a killed window's ball: back after {:.0} ms, loan {LOAN:?}",
        millis(away)
    );
}

#[test]
fn a_ball_bounces_off_a_window_that_is_not_there_until_it_is() {
    let _exclusive = exclusive();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let plan = three_and_a_window(Duration::from_millis(100));
    let ring = Cluster::start_whole(plan);
    let mut testbed = Testbed {
        ring,
        windows: Vec::new(),
    };
    let begun = now();
    // Three times forth and back.
    wait_for(Duration::from_secs(10), "the ball to bounce", || {
        (testbed.ring.observe().ons(&[1], begun, u64::MAX) >= 6).then_some(())
    });
    let seen = testbed.ring.assert_one_ball();
    let (dark, at) = seen.longest_gap(begun, seen.lines.last().unwrap().at);
    assert!(
        dark < nanos(Duration::from_millis(50)),
        "dark for {dark} ns at {at}"
    );
    assert_eq!(testbed.ring.counter(&NODES, "loans"), 0);
    // Both its neighbours report it, once.
    testbed
        .ring
        .assert_logged(&NODES, "the window laptop1 at 127.0.0.1", 2);
    println!(
        "a window that refuses: the ball bounced, longest dark {:.2} ms",
        millis(dark)
    );
    testbed.open(&program, &[("--speedup", "5")]);
    testbed.wait_for_in(0, 3);
    let (shows, seen) = testbed.end(LOOK);
    assert_eq!(seen.shown_twice(1, &shows[0]), Vec::<String>::new());
}

/// Stops a window that has the ball until the loan has expired; then resumes the window.
fn window_answers_too_late(ring_options: &'static str) -> Option<Testbed> {
    let program = python().into_iter().next()?;
    let testbed = Testbed::play(slow(ring_options), &program, &[]);
    testbed.wait_for_in(0, 1);
    testbed.windows[0].signal("STOP");
    assert_eq!(testbed.count(0, "send", LOOK), 0);
    let stopped = now();
    let on = wait_for_led_on(&testbed.ring, stopped);
    assert_eq!(on.node, 2);
    testbed.windows[0].signal("CONT");
    wait_for(
        Duration::from_secs(5),
        "the window to send its copy",
        || (testbed.count(0, "out", LOOK) == 1).then_some(()),
    );
    Some(testbed)
}

#[test]
fn a_copy_that_comes_after_the_loan_is_refused() {
    let _exclusive = exclusive();
    let Some(mut testbed) = window_answers_too_late("loan = \"2s\"") else {
        return;
    };
    wait_for(Duration::from_secs(2), "the copy to be refused", || {
        (testbed.ring.counter(&NODES, "refused_balls") == 1).then_some(())
    });
    // The same copy again and again.
    for copies in 2..=5 {
        send_ball(testbed.ring.ports[0].window_left, b"0,300,13,2,30,255,64,0");
        wait_for(Duration::from_secs(2), "a copy to be refused", || {
            (testbed.ring.counter(&NODES, "refused_balls") == copies).then_some(())
        });
    }
    testbed
        .ring
        .assert_logged(&NODES, "sent a ball that looks like ball 1", 1);
    for node in NODES {
        let status = testbed.ring.status(node).unwrap();
        assert_eq!(status["balls"].as_array().unwrap().len(), 1, "{status}");
    }
    assert_eq!(testbed.ring.counter(&NODES, "elections"), 1);
    let (_, seen) = testbed.end(LOOK);
    println!(
        "five late copies: refused, one line; {} LED changes, one ball",
        seen.lines.len()
    );
}

#[test]
fn a_copy_that_comes_after_the_loan_becomes_a_guest_where_that_is_wanted() {
    let _exclusive = exclusive();
    let Some(testbed) = window_answers_too_late("loan = \"2s\"\nlate-copy = \"guest\"") else {
        return;
    };
    let guest = wait_for(Duration::from_secs(3), "the copy to be a guest", || {
        let status = testbed.ring.status(0)?;
        let mut balls = status["balls"].as_array()?.iter();
        balls.find(|ball| ball["guest"] == true).cloned()
    });
    assert_eq!(guest["color"], serde_json::json!(COLOR));
    assert_eq!(guest["radius"], 30.0);
    let first = first_ball(&testbed.ring, 0);
    assert_ne!(guest["generation"], first["generation"]);
    testbed.ring.assert_logged(&NODES, "a guest has come", 1);
    assert_eq!(testbed.ring.counter(&NODES, "refused_balls"), 0);
    testbed.ring.assert_one_ball();
}

#[test]
fn copies_that_are_sent_to_both_edges_leave_the_ring_with_one_ball() {
    const COPIES: usize = 60;
    let _exclusive = exclusive();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let plan = Plan {
        dwell: Duration::from_millis(100),
        ..slow("loan = \"2s\"")
    };
    let mut testbed = Testbed::play(plan, &program, &[("--speedup", "3")]);
    testbed.wait_for_in(0, 1);
    // A copy that comes while the ball is lent counts as its return; the window's own is then late.
    let edges = [
        (testbed.ring.ports[0].window_left, "0,300,133,2"),
        (testbed.ring.ports[2].window_right, "800,300,-133,2"),
    ];
    for (port, ball) in edges.iter().cycle().take(COPIES) {
        send_ball(*port, format!("{ball},{LOOK}").as_bytes());
        sleep(Duration::from_millis(97));
    }
    let [loans, refused] =
        ["loans", "refused_balls"].map(|name| testbed.ring.counter(&NODES, name));
    assert!(loans >= 5 && refused >= 10, "{loans} {refused}");
    // One line at each edge.
    let lines = testbed
        .ring
        .logged(&NODES, "sent a ball that looks like ball 1");
    assert!(lines.len() <= 2, "{lines:#?}");
    for node in NODES {
        let status = testbed.ring.status(node).unwrap();
        assert_eq!(status["balls"].as_array().unwrap().len(), 1, "{status}");
    }
    assert_eq!(testbed.ring.counter(&NODES, "elections"), 1);
    testbed.windows.clear();
    testbed.ring.assert_one_ball();
    println!("{COPIES} copies thrown: {loans} loans, {refused} balls refused, one ball");
}

#[test]
fn a_lender_that_is_asked_to_end_passes_on_the_ball_that_a_window_has() {
    let _exclusive = exclusive();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let mut testbed = Testbed::play(slow(""), &program, &[("--speedup", "0.5")]);
    testbed.wait_for_in(0, 1);
    let asked = testbed.ring.terminate(2);
    let seen = testbed.ring.observe();
    let lent = seen.last_before(asked, 2).unwrap();
    let on = wait_for_led_on(&testbed.ring, asked);
    // The same generation: no election was needed.
    assert!(on.stamp > lent.stamp && on.stamp.1 == lent.stamp.1);
    wait_for(Duration::from_secs(5), "the copy to be refused", || {
        (testbed.ring.counter(&[0, 1], "refused_balls") == 1).then_some(())
    });
    testbed.end(LOOK);
    println!(
        "a lender that ends: lit elsewhere after {:.1} ms",
        millis(on.at - asked)
    );
}

#[test]
fn a_stopped_lender_loses_its_loan_with_its_lease() {
    let _exclusive = exclusive();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let mut testbed = Testbed::play(slow(""), &program, &[("--speedup", "0.5")]);
    testbed.wait_for_in(0, 1);
    let stopped = testbed.ring.stop(2);
    let on = wait_for_led_on(&testbed.ring, stopped);
    assert_ne!(on.node, 2);
    testbed.ring.resume(2);
    // It has forgotten the loan, so that the copy is late there, too.
    wait_for(Duration::from_secs(5), "the copy to be refused", || {
        (testbed.ring.counter(&NODES, "refused_balls") == 1).then_some(())
    });
    assert!(first_ball(&testbed.ring, 2)["loan"].is_null());
    testbed.end(LOOK);
}

#[test]
fn a_ball_whose_lender_dies_is_elected_and_the_window_s_copy_is_late() {
    let _exclusive = exclusive();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    // The window has it for two seconds, four leases.
    let mut testbed = Testbed::play(slow(""), &program, &[("--speedup", "0.5")]);
    testbed.wait_for_in(0, 1);
    let killed = testbed.ring.kill(2);
    let lent = testbed
        .ring
        .observe()
        .last_before(killed, 2)
        .cloned()
        .unwrap();
    assert!(!lent.on);
    let on = wait_for_led_on(&testbed.ring, killed);
    let dark = on.at - killed;
    let bound = nanos(testbed.ring.plan.lease * 5 / 4 + Duration::from_millis(100));
    assert!(dark <= bound, "dark for {:.0} ms", millis(dark));
    assert!(on.stamp > lent.stamp && on.stamp.1 != lent.stamp.1);
    assert_eq!(
        testbed.count(0, "send", LOOK),
        0,
        "the window still has its copy"
    );
    wait_for(Duration::from_secs(5), "the copy to be refused", || {
        (testbed.ring.counter(&[0, 1], "refused_balls") == 1).then_some(())
    });
    testbed
        .ring
        .assert_logged(&NODES, "sent a ball that looks like ball 1", 1);
    testbed.ring.spawn(2);
    testbed.ring.wait_until_whole(Duration::from_secs(5));
    testbed.ring.wait_for_arrival(&NODES);
    for node in NODES {
        let status = testbed.ring.status(node).unwrap();
        assert_eq!(status["balls"].as_array().unwrap().len(), 1, "{status}");
    }
    testbed.end(LOOK);
    println!(
        "a killed lender: lit elsewhere after {:.0} ms, the window's copy refused",
        millis(dark)
    );
}
