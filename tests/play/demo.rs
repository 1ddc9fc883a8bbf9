//! `carom demo` in a pipe.

use std::thread::spawn;

use crate::harness::{exclusive, run, text};

/// The number after `label: ` in the summary.
fn figure(summary: &str, label: &str) -> Option<u64> {
    let line = summary.lines().find_map(|line| line.strip_prefix(label))?;
    let digits = line.trim_start_matches(": ");
    digits.split([' ', ',']).next()?.parse().ok()
}

fn demo(arguments: &[&str]) -> (i32, String, String) {
    let output = run(&[&["demo"], arguments].concat());
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n  ")
}

#[test]
fn five_seconds_of_demo_pass_a_ball_round_five_nodes_and_never_two() {
    let _exclusive = exclusive();
    let (code, out, errors) = demo(&["--for", "5s"]);
    println!("demo --for 5s\n  {}", last_lines(&out));
    assert_eq!((code, errors.as_str()), (0, ""), "{out}");
    assert_eq!(figure(&out, "nodes"), Some(5));
    for name in ["n1", "n2", "n3", "n4", "n5"] {
        assert!(
            out.lines()
                .any(|line| line.contains(&format!(" {name} on")))
        );
    }
    assert!(figure(&out, "passes").unwrap() >= 3);
    assert_eq!(figure(&out, "elections"), Some(1));
    assert_eq!(figure(&out, "possessions overlapping"), Some(0));
    assert!(!out.contains('\u{1b}'), "escape codes in a pipe");
}

#[test]
fn smaller_and_fuller_demos_play_too() {
    let _exclusive = exclusive();
    let cases = [("1", "1"), ("2", "3")];
    let played: Vec<_> = cases
        .iter()
        .map(|&(nodes, balls)| {
            spawn(move || demo(&["--nodes", nodes, "--balls", balls, "--for", "3s"]))
        })
        .collect();
    for ((nodes, balls), played) in cases.into_iter().zip(played) {
        let (code, out, errors) = played.join().unwrap();
        println!(
            "demo --nodes {nodes} --balls {balls}\n  {}",
            last_lines(&out)
        );
        assert_eq!((code, errors.as_str()), (0, ""), "{out}");
        assert_eq!(figure(&out, "nodes"), nodes.parse().ok());
        assert_eq!(figure(&out, "balls"), balls.parse().ok());
        assert_eq!(figure(&out, "possessions overlapping"), Some(0));
    }
}

#[test]
fn bad_flags_are_wrong_usage() {
    for arguments in [
        &["--nodes", "0"][..],
        &["--nodes", "21"],
        &["--nodes", "many"],
        &["--balls", "0"],
        &["--for", "soon"],
        &["--for", "5"],
        &["--http", "8080"],
        &["--speed", "3"],
        &["now"],
    ] {
        let (code, out, errors) = demo(arguments);
        println!(
            "demo {}: {}",
            arguments.join(" "),
            errors.lines().next().unwrap_or("")
        );
        assert_eq!((code, out.as_str()), (2, ""), "{errors}");
        assert!(!errors.is_empty());
    }
}
