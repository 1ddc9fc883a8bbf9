//! What `carom check` and `carom run` refuse, with which exit code and which words.

use std::fs::{copy as copy_file, read_to_string};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use crate::harness::{Cluster, Plan, carom, exclusive, run, text, wait_for};

fn corpus(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config_corpus");
    folder.join(name).to_str().unwrap().to_owned()
}

/// Runs a command that must end by itself; returns its exit code and its standard error.
fn refused(arguments: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said");
    let mut child = carom(arguments)
        .stderr(std::fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let limit = Duration::from_secs(3);
    let mut ended = None;
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ended = Some(wait_for(limit, "a refusal", || child.try_wait().unwrap()));
    }));
    let _ = (child.kill(), child.wait());
    let said = read_to_string(said).unwrap();
    assert!(waited.is_ok(), "{arguments:?} did not end: {said}");
    println!("{said}");
    (ended.unwrap().code().unwrap(), said)
}

#[test]
fn check_reports_six_mistakes_each_with_its_line_and_column() {
    let file = corpus("six_mistakes.toml");
    let output = run(&["check", "--config", &file]);
    let said = text(&output.stderr);
    println!("{said}");
    assert_eq!(output.status.code(), Some(2));
    let places: Vec<(u32, u32)> = said
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once("six_mistakes.toml:")?;
            let mut numbers = rest.split(':');
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        })
        .collect();
    let expected = [(4, 1), (5, 9), (8, 8), (16, 8), (19, 1), (24, 9)];
    assert_eq!(places, expected);
    assert!(output.stdout.is_empty());
}

#[test]
fn a_ring_file_with_a_bad_key_is_refused_by_every_command() {
    let file = corpus("unknown_keys.toml");
    for command in ["check", "hosts", "status", "run"] {
        let (code, said) = refused(&[command, "--config", &file]);
        assert_eq!(code, 2, "{command}");
        assert!(said.contains("unknown_keys.toml:"), "{said}");
    }
    let (code, said) = refused(&["run", "--config", "/nowhere/ring.toml"]);
    assert_eq!(code, 2);
    assert!(said.contains("/nowhere/ring.toml"), "{said}");
}

#[test]
fn a_node_runs_once_a_machine_under_a_name_of_the_file_on_ports_of_its_own() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan {
        absent: &[4],
        ..Plan::five(Duration::from_millis(200))
    });
    let file = ring.ring_file();
    let file = file.to_str().unwrap();
    let elections = ring.counter(&ring.running(), "elections");

    // The lock is on the node's name, not on the file: a copy of the file does not avoid it.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.toml");
    copy_file(file, &copy).unwrap();
    for file in [file, copy.to_str().unwrap()] {
        let (code, said) = refused(&["run", "--config", file, "--node", "pi1"]);
        assert_eq!(code, 1);
        assert!(said.contains("pi1") && said.contains("already running"));
        assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    }

    let (code, said) = refused(&["run", "--config", file, "--node", "pi6"]);
    assert_eq!(code, 2);
    assert!(said.contains("\"pi6\"") && said.contains("pi1, pi2, pi3, pi4, pi5"));

    let ports = ring.ports[4];
    for port in [ports.ring, ports.http, ports.receiver, ports.rate] {
        let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (code, said) = refused(&["run", "--config", file, "--node", "pi5"]);
        drop(taken);
        assert_eq!(code, 1);
        assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    }
    assert_eq!(ring.counter(&ring.running(), "elections"), elections);
    ring.assert_one_ball();
}

#[test]
fn check_and_hosts_tell_who_listens_for_a_window() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/ring.toml");
    let shown = read_to_string(shipped).unwrap();
    let with_window: Vec<_> = shown
        .lines()
        .map(|line| line.strip_prefix("#     ").unwrap_or(line))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.toml");
    std::fs::write(&path, with_window.join("\n")).unwrap();
    let said = |command: &str| {
        let output = run(&[command, "--config", path.to_str().unwrap()]);
        assert!(output.status.success());
        text(&output.stdout)
    };
    let hosts = said("hosts");
    println!("{hosts}");
    // The window is between the last node and the first; no carom is deployed on it.
    let window_words: Vec<Vec<&str>> = hosts
        .lines()
        .map(|line| {
            line.split(' ')
                .filter(|it| it.starts_with("window"))
                .collect()
        })
        .collect();
    let none = Vec::new;
    let expected = [
        vec!["window-left=10001"],
        none(),
        none(),
        none(),
        vec!["window-right=10002"],
    ];
    assert_eq!(window_words, expected);
    let check = said("check");
    println!("{check}");
    let first = check.lines().next().unwrap();
    assert!(first.starts_with("classroom: a ring of 5 and a window, "));
    assert!(check.contains("\nplays while 3 of 5 can talk"));
    let line = "\n  laptop  a window, takes balls from its left at laptop.local:10001";
    assert!(check.contains(line));
    assert!(check.contains("note: laptop is between pi5 and pi1, where nobody acknowledges"));
}
