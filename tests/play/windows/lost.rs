//! Windows that die, refuse, or come too late; and a lender that dies.

use std::thread::sleep;
use std::time::Duration;

use super::{LOOK, Stage, first_ball, logged, python, three_and_a_window, throw};
use crate::harness::{COLOR, Cluster, Plan, millis, nanos, now, turn, wait_for};

const LOAN: Duration = Duration::from_secs(2);
const NODES: [usize; 3] = [0, 1, 2];

/// A ball that stays for a second with everyone, and is lent for two.
fn slow(visits: &'static str) -> Plan {
    Plan {
        visits,
        ..three_and_a_window(Duration::from_secs(1))
    }
}

/// Waits until a node is lit after that moment; who, when, and its stamp.
fn wait_for_light(ring: &Cluster, after: u64) -> crate::harness::Line {
    wait_for(Duration::from_secs(6), "an LED to go on", || {
        ring.observe().next_on(after, usize::MAX).cloned()
    })
}

#[test]
fn a_ball_whose_window_was_killed_is_back_after_the_loan() {
    let _turn = turn();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let plan = Plan {
        dwell: Duration::from_millis(200),
        ..slow("loan = \"2s\"")
    };
    let mut stage = Stage::play(plan, &program, &[("--keep", "")]);
    stage.wait_for_in(0, 1);
    let before = first_ball(&stage.ring, 2);
    assert_eq!(before["loan"]["window"], "laptop1", "{before}");
    assert_eq!(before["here"], false);
    assert!(stage.ring.observe().lit().is_empty());
    stage.windows.remove(0).stop();
    let killed = now();
    let off = stage.ring.observe().last_before(killed, 2).cloned();
    let off = off.expect("pi3 had the ball");
    let on = wait_for_light(&stage.ring, killed);
    let away = on.at - off.at;
    assert!(away >= nanos(LOAN), "back after {:.0} ms", millis(away));
    let most = nanos(LOAN + stage.ring.plan.lease);
    assert!(away <= most, "back after {:.0} ms", millis(away));
    assert_eq!(on.node, 2);
    let (round, nonce, hop) = off.stamp;
    assert_eq!(on.stamp, (round, nonce, hop + 1));
    assert_eq!(logged(&stage.ring, "laptop1 did not return ball 1"), 1);
    assert_eq!(stage.ring.counter(&NODES, "elections"), 1);
    // It plays on, between closed doors.
    let after = first_ball(&stage.ring, 2);
    assert!(after["loan"].is_null(), "{after}");
    stage.ring.wait_for_arrival(&[0]);
    stage.ring.assert_one_ball();
    println!(
        "a killed window's ball: back after {:.0} ms, loan {LOAN:?}",
        millis(away)
    );
}

#[test]
fn a_ball_bounces_off_a_window_that_is_not_there_until_it_is() {
    let _turn = turn();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let plan = three_and_a_window(Duration::from_millis(100));
    let ring = Cluster::play(plan);
    let mut stage = Stage {
        ring,
        windows: Vec::new(),
    };
    let begun = now();
    // Three times there and back.
    wait_for(Duration::from_secs(10), "the ball to bounce", || {
        (stage.ring.observe().ons(&[1], begun, u64::MAX) >= 6).then_some(())
    });
    let seen = stage.ring.assert_one_ball();
    let (dark, at) = seen.longest_gap(begun, seen.lines.last().unwrap().at);
    assert!(
        dark < nanos(Duration::from_millis(50)),
        "dark for {dark} ns at {at}"
    );
    assert_eq!(stage.ring.counter(&NODES, "loans"), 0);
    // Both its neighbours say so, once.
    assert_eq!(logged(&stage.ring, "the window laptop1 at 127.0.0.1"), 2);
    println!(
        "a window that refuses: the ball bounced, longest dark {:.2} ms",
        millis(dark)
    );
    stage.open(&program, &[("--speedup", "5")]);
    stage.wait_for_in(0, 3);
    let (shows, seen) = stage.end(LOOK);
    assert_eq!(seen.shown_twice(1, &shows[0]), Vec::<String>::new());
}

/// Stops a window with the ball until the ring has it back; then the window goes on.
fn come_too_late(visits: &'static str) -> Option<Stage> {
    let program = python().into_iter().next()?;
    let stage = Stage::play(slow(visits), &program, &[]);
    stage.wait_for_in(0, 1);
    stage.windows[0].signal("STOP");
    assert_eq!(stage.count(0, "send", LOOK), 0);
    let stopped = now();
    let on = wait_for_light(&stage.ring, stopped);
    assert_eq!(on.node, 2);
    stage.windows[0].signal("CONT");
    wait_for(
        Duration::from_secs(5),
        "the window to send its copy",
        || (stage.count(0, "out", LOOK) == 1).then_some(()),
    );
    Some(stage)
}

#[test]
fn a_copy_that_comes_after_the_loan_is_refused() {
    let _turn = turn();
    let Some(mut stage) = come_too_late("loan = \"2s\"") else {
        return;
    };
    wait_for(Duration::from_secs(2), "the copy to be refused", || {
        (stage.ring.counter(&NODES, "refused_balls") == 1).then_some(())
    });
    // And again and again.
    for copies in 2..=5 {
        throw(stage.ring.ports[0].window_left, b"0,300,13,2,30,255,64,0");
        wait_for(Duration::from_secs(2), "a copy to be refused", || {
            (stage.ring.counter(&NODES, "refused_balls") == copies).then_some(())
        });
    }
    assert_eq!(logged(&stage.ring, "sent a ball that looks like ball 1"), 1);
    for node in NODES {
        let status = stage.ring.status(node).unwrap();
        assert_eq!(status["balls"].as_array().unwrap().len(), 1, "{status}");
    }
    assert_eq!(stage.ring.counter(&NODES, "elections"), 1);
    let (_, seen) = stage.end(LOOK);
    println!(
        "five late copies: refused, one line; {} LED changes, one ball",
        seen.lines.len()
    );
}

#[test]
fn a_copy_that_comes_after_the_loan_becomes_a_guest_where_that_is_wanted() {
    let _turn = turn();
    let Some(stage) = come_too_late("loan = \"2s\"\nlate-copy = \"guest\"") else {
        return;
    };
    let guest = wait_for(Duration::from_secs(3), "the copy to be a guest", || {
        let status = stage.ring.status(0)?;
        let mut balls = status["balls"].as_array()?.iter();
        balls.find(|ball| ball["guest"] == true).cloned()
    });
    assert_eq!(guest["color"], serde_json::json!(COLOR));
    assert_eq!(guest["radius"], 30.0);
    let first = first_ball(&stage.ring, 0);
    assert_ne!(guest["generation"], first["generation"]);
    assert_eq!(logged(&stage.ring, "a guest has come"), 1);
    assert_eq!(stage.ring.counter(&NODES, "refused_balls"), 0);
    stage.ring.assert_one_ball();
}

#[test]
fn copies_that_are_thrown_at_both_edges_leave_the_ring_with_one_ball() {
    const COPIES: usize = 60;
    let _turn = turn();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let plan = Plan {
        dwell: Duration::from_millis(100),
        ..slow("loan = \"2s\"")
    };
    let mut stage = Stage::play(plan, &program, &[("--speedup", "3")]);
    stage.wait_for_in(0, 1);
    // One that comes while the ball is lent counts as its return, and then the window's is late.
    let edges = [
        (stage.ring.ports[0].window_left, "0,300,133,2"),
        (stage.ring.ports[2].window_right, "800,300,-133,2"),
    ];
    for (port, ball) in edges.iter().cycle().take(COPIES) {
        throw(*port, format!("{ball},{LOOK}").as_bytes());
        sleep(Duration::from_millis(97));
    }
    let [loans, refused] = ["loans", "refused_balls"].map(|name| stage.ring.counter(&NODES, name));
    assert!(loans >= 5 && refused >= 10, "{loans} {refused}");
    // One line at each edge.
    assert!(logged(&stage.ring, "sent a ball that looks like ball 1") <= 2);
    for node in NODES {
        let status = stage.ring.status(node).unwrap();
        assert_eq!(status["balls"].as_array().unwrap().len(), 1, "{status}");
    }
    assert_eq!(stage.ring.counter(&NODES, "elections"), 1);
    stage.windows.clear();
    stage.ring.assert_one_ball();
    println!("{COPIES} copies thrown: {loans} loans, {refused} balls refused, one ball");
}

#[test]
fn a_lender_that_is_asked_to_end_hands_on_what_a_window_has() {
    let _turn = turn();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let mut stage = Stage::play(slow(""), &program, &[("--speedup", "0.5")]);
    stage.wait_for_in(0, 1);
    let asked = stage.ring.term(2);
    let seen = stage.ring.observe();
    let lent = seen.last_before(asked, 2).unwrap();
    let on = wait_for_light(&stage.ring, asked);
    // The same generation: nobody had to be elected.
    assert!(on.stamp > lent.stamp && on.stamp.1 == lent.stamp.1);
    wait_for(Duration::from_secs(5), "the copy to be refused", || {
        (stage.ring.counter(&[0, 1], "refused_balls") == 1).then_some(())
    });
    stage.end(LOOK);
    println!(
        "a lender that ends: lit elsewhere after {:.1} ms",
        millis(on.at - asked)
    );
}

#[test]
fn a_lender_that_stands_still_loses_its_loan_with_its_lease() {
    let _turn = turn();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    let mut stage = Stage::play(slow(""), &program, &[("--speedup", "0.5")]);
    stage.wait_for_in(0, 1);
    let stopped = stage.ring.stop(2);
    let on = wait_for_light(&stage.ring, stopped);
    assert_ne!(on.node, 2);
    stage.ring.go_on(2);
    // It has forgotten the loan, so that the copy is late there, too.
    wait_for(Duration::from_secs(5), "the copy to be refused", || {
        (stage.ring.counter(&NODES, "refused_balls") == 1).then_some(())
    });
    assert!(first_ball(&stage.ring, 2)["loan"].is_null());
    stage.end(LOOK);
}

#[test]
fn a_ball_whose_lender_dies_is_elected_and_the_window_s_copy_is_late() {
    let _turn = turn();
    let Some(program) = python().into_iter().next() else {
        return;
    };
    // The window has it for two seconds, four leases.
    let mut stage = Stage::play(slow(""), &program, &[("--speedup", "0.5")]);
    stage.wait_for_in(0, 1);
    let killed = stage.ring.kill(2);
    let lent = stage
        .ring
        .observe()
        .last_before(killed, 2)
        .cloned()
        .unwrap();
    assert!(!lent.on);
    let on = wait_for_light(&stage.ring, killed);
    let dark = on.at - killed;
    let bound = nanos(stage.ring.plan.lease * 5 / 4 + Duration::from_millis(100));
    assert!(dark <= bound, "dark for {:.0} ms", millis(dark));
    assert!(on.stamp > lent.stamp && on.stamp.1 != lent.stamp.1);
    assert_eq!(
        stage.count(0, "send", LOOK),
        0,
        "the window still has its copy"
    );
    wait_for(Duration::from_secs(5), "the copy to be refused", || {
        (stage.ring.counter(&[0, 1], "refused_balls") == 1).then_some(())
    });
    assert_eq!(logged(&stage.ring, "sent a ball that looks like ball 1"), 1);
    stage.ring.spawn(2);
    stage.ring.wait_until_whole(Duration::from_secs(5));
    stage.ring.wait_for_arrival(&NODES);
    for node in NODES {
        let status = stage.ring.status(node).unwrap();
        assert_eq!(status["balls"].as_array().unwrap().len(), 1, "{status}");
    }
    stage.end(LOOK);
    println!(
        "a killed lender: lit elsewhere after {:.0} ms, the window's copy refused",
        millis(dark)
    );
}
