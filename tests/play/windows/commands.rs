//! `carom ball`, and the socket that it speaks to.

use std::fs::metadata;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use super::guests::{guests, three};
use super::three_and_a_window;
use crate::harness::{Cluster, Plan, exclusive, run, text, wait_for};

/// Runs `carom ball` at the control socket of that node.
pub(super) fn ball(ring: &Cluster, node: usize, words: &[&str]) -> Output {
    let path = ring.control(node);
    let mut arguments = vec!["ball"];
    arguments.extend(words);
    arguments.extend(["--control", path.to_str().unwrap()]);
    run(&arguments)
}

/// The exit code, and the standard output if it is 0, else the standard error.
fn told(output: &Output) -> (i32, String) {
    let code = output.status.code().expect("it ended by itself");
    let said = if code == 0 {
        &output.stdout
    } else {
        &output.stderr
    };
    (code, text(said))
}

#[test]
fn balls_are_listed_added_and_removed() {
    let _exclusive = exclusive();
    let ring = three("");
    let (code, added) = told(&ball(
        &ring,
        1,
        &["add", "--color", "0,200,80", "--radius", "12.5"],
    ));
    assert_eq!(code, 0, "{added}");
    let number = added
        .strip_prefix("ball ")
        .and_then(|rest| rest.strip_suffix(" has begun here\n"));
    let number = number.expect("the number of the ball").to_owned();
    wait_for(Duration::from_secs(2), "pi1 to hear of it", || {
        (!guests(&ring, 0).is_empty()).then_some(())
    });
    let (code, listed) = told(&ball(&ring, 0, &["list"]));
    assert_eq!(code, 0);
    println!("{listed}");
    let rows: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 3, "{listed}");
    assert_eq!(rows[0][..2], ["ball", "kind"]);
    assert_eq!(rows[1][..2], ["1", "ring"]);
    assert_eq!(rows[2][..2], [number.as_str(), "guest"]);
    assert!(listed.contains("0,200,80"), "{listed}");
    let (code, listed) = told(&ball(&ring, 0, &["list", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((code, &listed[1]["radius"]), (0, &12.5.into()));
    // Removed by another node than the one where it was added, wherever it is.
    let (code, removed) = told(&ball(&ring, 2, &["remove", &number]));
    assert_eq!((code, removed), (0, format!("ball {number} has left\n")));
    wait_for(Duration::from_secs(2), "all to know that it left", || {
        let left = |node: &usize| guests(&ring, *node).is_empty();
        [0, 1, 2].iter().all(left).then_some(())
    });
    ring.assert_one_ball();
}

#[test]
fn an_impossible_request_is_refused_in_a_sentence() {
    let _exclusive = exclusive();
    let ring = three("");
    let cases: [(&[&str], i32, &str); 10] = [
        (&["remove", "1"], 1, "only guests can be removed"),
        (&["remove", "7"], 1, "there is no ball 7"),
        (&["remove", "-1"], 2, "-1"),
        (&["add", "--radius", "300"], 1, "radius 300"),
        (&["add", "--radius", "NaN"], 2, "a number of pixels"),
        (
            &["add", "--velocity", "inf,90"],
            2,
            "two numbers and a comma",
        ),
        (
            &["add", "--velocity", "0,90"],
            1,
            "x velocity must not be 0",
        ),
        (
            &["add", "--position", "900,300"],
            1,
            "outside of the screen",
        ),
        (&["add", "--color", "1,2"], 2, "three numbers from 0 to 255"),
        (
            &["add", "--color", "1,2,256"],
            2,
            "three numbers from 0 to 255",
        ),
    ];
    for (words, code, why) in cases {
        let (ended, said) = told(&ball(&ring, 0, words));
        assert_eq!(ended, code, "{words:?}: {said}");
        assert!(said.contains(why), "{words:?}: {said}");
    }
    assert!(guests(&ring, 0).is_empty());
    let nowhere = run(&["ball", "list", "--control", "/nowhere/control.sock"]);
    let (code, said) = told(&nowhere);
    assert_eq!(code, 1);
    assert!(
        said.contains("no node answers at /nowhere/control.sock"),
        "{said}"
    );
}

#[test]
fn a_guest_that_looks_like_a_ball_is_refused_where_windows_are() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan {
        controlled: true,
        ..three_and_a_window(Duration::from_millis(300))
    });
    let add = |radius: &str| {
        told(&ball(
            &ring,
            0,
            &["add", "--color", "255,64,0", "--radius", radius],
        ))
    };
    let (code, said) = add("30.2");
    assert_eq!(code, 1);
    assert!(said.contains("ball 1 looks like that"), "{said}");
    let (code, said) = add("20");
    assert_eq!((code, said.as_str()), (0, "ball 2 has begun here\n"));
    ring.assert_one_ball();
}

#[test]
fn the_control_socket_comes_and_goes_with_its_node() {
    let _exclusive = exclusive();
    let mut ring = three("");
    let path = ring.control(0);
    let there = || metadata(&path).ok();
    let found = there().expect("a socket");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o7777, 0o660);
    ring.kill(0);
    assert!(there().is_some(), "a killed process leaves its file");
    let (code, said) = told(&ball(&ring, 0, &["list"]));
    assert_eq!(code, 1);
    assert!(said.contains("no node answers"), "{said}");
    ring.spawn(0);
    ring.wait_until_whole(Duration::from_secs(5));
    let (code, said) = told(&ball(&ring, 0, &["list"]));
    assert_eq!(code, 0, "{said}");
    ring.terminate(0);
    assert!(there().is_none(), "a process that ends takes its file away");
}
