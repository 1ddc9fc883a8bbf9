//! What `carom check`, `carom run` and `carom key` refuse, with which exit code and which words.

use std::fs::{
    Permissions, copy as copy_file, metadata, read_to_string, remove_file, set_permissions, write,
};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::harness::{Cluster, Plan, carom, exclusive, run, text, wait_for};

fn corpus(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config_corpus");
    folder.join(name).to_str().unwrap().to_owned()
}

fn root(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    path.to_str().unwrap().to_owned()
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
fn a_dash_is_standard_input_where_a_ring_file_is_read_once() {
    let dash = |command: &str, file: &str| {
        let input = std::fs::File::open(file).unwrap();
        carom(&[command, "--config", "-"])
            .stdin(input)
            .output()
            .unwrap()
    };
    let good = root("config/ring.toml");
    let checked = dash("check", &good);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(text(&checked.stdout).starts_with("classroom: a ring of 5"));
    assert!(text(&dash("hosts", &good).stdout).starts_with("pi1 pi@pi1.local"));
    let wrong = dash("check", &corpus("six_mistakes.toml"));
    assert_eq!(wrong.status.code(), Some(2));
    let said = text(&wrong.stderr);
    assert!(said.starts_with("standard input:4:1: "), "{said}");
    let refused = dash("run", &good);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("SIGHUP"));
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
    write(&path, with_window.join("\n")).unwrap();
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

/// The shipped ring file with a key file beside it.
fn keyed_ring(folder: &Path) -> (String, String) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/ring.toml");
    let text = read_to_string(shipped).unwrap();
    let text = text.replacen("# key-file = ", "key-file = ", 1);
    let [ring, key] = ["ring.toml", "ring.key"].map(|name| folder.join(name));
    write(&ring, text).unwrap();
    [ring, key]
        .map(|path| path.to_str().unwrap().to_owned())
        .into()
}

#[test]
fn a_new_key_is_private_is_never_printed_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (ring, key) = keyed_ring(folder.path());
    let said = |arguments: &[&str]| {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        text(&output.stdout)
    };
    let fingerprint = said(&["key", "new", &key]);
    let fingerprint = fingerprint.trim_end();
    println!("{fingerprint}");
    assert_eq!(fingerprint.split('-').count(), 6);
    assert_eq!(metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
    let before = read_to_string(&key).unwrap();
    let secret = before.rsplit(' ').next().unwrap().trim();
    assert_eq!(secret.len(), 64);

    let used = format!("used {fingerprint}\n");
    assert_eq!(said(&["key", "show", &key]), used);
    assert_eq!(said(&["key", "show", "--config", &ring]), used);
    let check = said(&["check", "--config", &ring]);
    assert!(
        check.contains(&format!("\nuses the key {fingerprint}\n")),
        "{check}"
    );
    assert!(
        !check.contains("no key-file") && !check.contains(secret),
        "{check}"
    );
    for taken in [&key, &ring] {
        let (code, refusal) = refused(&["key", "new", taken]);
        assert_eq!(code, 2);
        assert!(refusal.contains("so it is not overwritten"), "{refusal}");
    }
    assert_eq!(read_to_string(&key).unwrap(), before);

    let second = folder.path().join("second.key");
    let other = said(&["key", "new", second.to_str().unwrap()]);
    write(&key, read_to_string(second).unwrap() + &before).unwrap();
    let expected = format!("used {other}also accepted {fingerprint}\n");
    assert_eq!(said(&["key", "show", &key]), expected);
    let check = said(&["check", "--config", &ring]);
    let expected = format!(
        "uses the key {}, also accepts {fingerprint}",
        other.trim_end()
    );
    assert!(check.contains(&expected), "{check}");
}

#[test]
fn a_bad_key_file_is_refused_in_the_same_words_by_check_run_and_show() {
    let folder = tempfile::tempdir().unwrap();
    let (ring, key) = keyed_ring(folder.path());
    let line = format!("carom-key-1 {}\n", "1f".repeat(32));
    let refused_by_all = |sentence: &str| {
        for arguments in [
            ["check", "--config", &ring].as_slice(),
            &["run", "--config", &ring, "--node", "pi1"],
            &["key", "show", "--config", &ring],
            &["key", "show", &key],
        ] {
            let (code, said) = refused(arguments);
            assert_eq!(code, 2, "{arguments:?}");
            assert!(
                said.starts_with("carom: ") && said.contains(sentence),
                "{said}"
            );
            assert_eq!(said.lines().count(), 1, "one sentence: {said}");
            assert!(!said.contains("1f1f"), "{said}");
        }
        let output = run(&["hosts", "--config", &ring]);
        assert!(output.status.success(), "hosts needs no key: {output:?}");
    };
    refused_by_all(&format!("there is no key file {key}: "));
    write(&key, &line).unwrap();
    set_permissions(&key, Permissions::from_mode(0o604)).unwrap();
    refused_by_all(&format!(
        "(mode 0604): take them away with `chmod o-rwx {key}`"
    ));
    set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    for (content, sentence) in [
        ("# no key\n".to_owned(), "has no key: ".to_owned()),
        (
            format!("\n{}", &line[..50]),
            format!("{key}:2: the key has 38 characters and needs 64"),
        ),
        (
            line.to_uppercase(),
            format!("{key}:1: a line with a key begins with carom-key-1"),
        ),
        (
            line.replace('f', "g"),
            format!("{key}:1: the key has other characters than"),
        ),
        (
            line.repeat(2),
            format!("{key}:2: this is the key of line 1 again"),
        ),
    ] {
        write(&key, content).unwrap();
        refused_by_all(&sentence);
    }
    remove_file(&key).unwrap();
}

#[test]
fn a_ring_without_a_key_is_told_so_and_none_is_shown() {
    let file = corpus("../../config/ring.toml");
    let output = run(&["check", "--config", &file]);
    assert!(output.status.success());
    let check = text(&output.stdout);
    let note = "note: the ring has no key-file: anyone on the network can take the ball";
    assert!(check.contains(note), "{check}");
    let (code, said) = refused(&["key", "show", "--config", &file]);
    assert_eq!(code, 1);
    assert!(
        said.contains("has no key-file, so this ring has no key"),
        "{said}"
    );
}
