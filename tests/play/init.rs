//! `carom init`: what it writes passes `carom check`, and it overwrites nothing.

use std::fs::{metadata, read_to_string, write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::harness::{carom, run, text};

/// Runs `carom init` in a folder, with no terminal to ask.
fn init(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = carom(&["init"]);
    command.args(arguments).current_dir(folder);
    command.stdin(Stdio::null()).output().unwrap()
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

#[test]
fn init_writes_a_ring_file_and_a_private_key_that_check_takes() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--name", "classroom", "--nodes", "pi1..pi8", "--led", "act"];
    let output = init(folder.path(), &flags);
    let said = text(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(said.contains("ring.toml: the ring classroom of 8, pi1 to pi8\n"));
    assert!(said.contains("next: carom check --config ring.toml\n"));
    let mode = metadata(folder.path().join("ring.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);

    let ring = folder.path().join("ring.toml");
    let check = run(&["check", "--config", ring.to_str().unwrap()]);
    assert!(check.status.success(), "{}", text(&check.stderr));
    let checked = text(&check.stdout);
    assert!(checked.contains("classroom: a ring of 8"), "{checked}");
    // The fingerprint is six words, and the key itself is shown nowhere.
    let fingerprint = said.split("its key, ").nth(1).unwrap();
    let fingerprint = fingerprint.split(';').next().unwrap();
    assert!(
        checked.contains(&format!("uses the key {fingerprint}\n")),
        "{checked}"
    );
    let key = read_to_string(folder.path().join("ring.key")).unwrap();
    let secret = key.lines().last().unwrap();
    assert!(!said.contains(secret) && !checked.contains(secret));
}

#[test]
fn init_overwrites_nothing_and_leaves_nothing_half() {
    let flags = ["--name", "a", "--nodes", "pi1,pi2"];
    for taken in ["ring.toml", "ring.key"] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path().join(taken), "mine").unwrap();
        let output = init(folder.path(), &flags);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(&format!("carom: {taken} exists and is not overwritten")),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        assert_eq!(read_to_string(folder.path().join(taken)).unwrap(), "mine");
    }
    let folder = tempfile::tempdir().unwrap();
    let nowhere = [["no/ring.toml"].as_slice(), &flags].concat();
    assert_eq!(init(folder.path(), &nowhere).status.code(), Some(2));
    assert!(is_empty(folder.path()));
}

#[test]
fn init_without_a_terminal_asks_nothing_and_refuses_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (
            ["--name", "a"].as_slice(),
            "--name and --nodes are needed where no terminal can be asked",
        ),
        (&["--name", "a", "--nodes", "pi8..pi1"], "runs backwards"),
        (&["--name", "a b", "--nodes", "pi1"], "is no name of a ring"),
        (
            &["--name", "a", "--nodes", "pi1", "--led", "28"],
            "is no LED",
        ),
        (
            &["--name", "a", "--nodes", "pi1=1.2.3", "--no-key"],
            "nothing was written: node[pi1].host",
        ),
        (
            &["ring.key", "--name", "a", "--nodes", "pi1"],
            "would have the name of its key",
        ),
    ] {
        let output = init(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(is_empty(folder.path()), "{arguments:?}");
    }
}

#[test]
fn init_without_a_key_says_so_in_check() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        "room7.toml",
        "--name",
        "room7",
        "--nodes",
        "pi01..pi03",
        "--no-key",
        "--wifi",
    ];
    let output = init(folder.path(), &flags);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!folder.path().join("room7.key").exists());
    let check = run(&[
        "check",
        "--config",
        folder.path().join("room7.toml").to_str().unwrap(),
    ]);
    let checked = text(&check.stdout);
    assert!(
        checked.contains("room7: a ring of 3, lease 2s"),
        "{checked}"
    );
    assert!(checked.contains("anyone on the network"), "{checked}");
}
