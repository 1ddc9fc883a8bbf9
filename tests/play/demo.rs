//! `carom demo` in a pipe.

use std::process::Command;
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

/// With the limit of open files that most systems set.
#[test]
fn sixty_nodes_play_in_one_process() {
    let _exclusive = exclusive();
    let command = format!(
        "ulimit -S -n 1024; exec {} demo --nodes 60 --for 8s",
        env!("CARGO_BIN_EXE_carom")
    );
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    println!("demo --nodes 60 --for 8s\n  {}", last_lines(&out));
    assert_eq!(figure(&out, "nodes"), Some(60), "{errors}");
    assert!(figure(&out, "passes").unwrap() >= 1, "{out}{errors}");
    assert_eq!(figure(&out, "possessions overlapping"), Some(0));
    let command = command.replace("-S -n 1024", "-n 1024");
    let refused = Command::new("sh").args(["-c", &command]).output().unwrap();
    let errors = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("open files") && errors.contains("ulimit"),
        "{errors}"
    );
}

/// A node whose number has two digits is killed and started from the keyboard.
#[test]
fn any_node_is_killed_and_started_by_its_number() {
    let _exclusive = exclusive();
    let command = format!(
        "stty rows 24 cols 80; exec {} demo --nodes 40 --for 30s",
        env!("CARGO_BIN_EXE_carom")
    );
    let typing = "sleep 2; printf k12; sleep 1; printf k4; sleep 0.5; printf '\\n'; sleep 1; printf k12; sleep 1; printf q";
    let shown = Command::new("sh")
        .args([
            "-c",
            &format!("({typing}) | script -qfec '{command}' /dev/null"),
        ])
        .env("TERM", "xterm")
        .output()
        .unwrap();
    let picture = text(&shown.stdout);
    if text(&shown.stderr).contains("not found") {
        println!("skipped: there is no `script` here to make a terminal");
        return;
    }
    let frames: Vec<&str> = picture.split("\u{1b}[H").collect();
    let killed = |name: &str| {
        let cell = format!("{name:>4} \u{1b}[31mx\u{1b}[0m |killed");
        frames
            .iter()
            .map(|frame| frame.contains(&cell))
            .collect::<Vec<_>>()
    };
    let (twelve, four) = (killed("n12"), killed("n4"));
    let count = |all: &[bool]| all.iter().filter(|&&killed| killed).count();
    println!(
        "of {} frames, n12 is killed in {} and n4 in {}",
        frames.len(),
        count(&twelve),
        count(&four)
    );
    assert!(count(&twelve) > 5 && count(&four) > 5);
    assert!(picture.contains("kill or start node 4_"));
    // n12 runs again at the end, n4 does not.
    assert_eq!((twelve.last(), four.last()), (Some(&false), Some(&true)));
}

#[test]
fn bad_flags_are_wrong_usage() {
    for arguments in [
        &["--nodes", "0"][..],
        &["--nodes", "61"],
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
