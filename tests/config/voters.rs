//! `voters`: how many nodes vote or which ones, and what may surprise about them.

use std::process::Command;
use std::{fs, io};

use carom::config::{Config, Overrides};
use carom::ring::NodeId;

use crate::parse;

/// A ring of so many nodes, with these further lines in `[ring]`.
fn ring(count: usize, rest: &str) -> String {
    let node = |n| format!("[[node]]\nname = \"pi{n}\"\nhost = \"pi{n}.local\"\n");
    let nodes: String = (1..=count).map(node).collect();
    let ball = "[[ball]]\nstart = \"pi1\"\nposition = [1, 1]\nvelocity = [1, 1]\n";
    format!("[ring]\nname = \"r\"\n{rest}{nodes}{ball}")
}

fn read(text: &str, environment: &[(&str, &str)]) -> Config {
    let config = parse(text, environment, &Overrides::default());
    config.unwrap_or_else(|faults| panic!("{faults}"))
}

fn voters(config: &Config) -> Vec<usize> {
    config.topology().voter_ids().map(NodeId::index).collect()
}

fn warnings(text: &str) -> Vec<String> {
    let warnings = read(text, &[]).warnings();
    let warnings = warnings.iter().map(ToString::to_string);
    warnings
        .filter(|warning| !warning.contains("no key-file"))
        .collect()
}

#[test]
fn seven_nodes_vote_unless_the_file_says_otherwise() {
    assert_eq!(voters(&read(&ring(5, ""), &[])), [0, 1, 2, 3, 4]);
    assert_eq!(voters(&read(&ring(7, ""), &[])), [0, 1, 2, 3, 4, 5, 6]);
    let many = read(&ring(40, ""), &[]);
    assert_eq!(voters(&many), [0, 5, 11, 17, 22, 28, 34]);
    assert_eq!(many.topology().quorum(), 4);
    let three = read(&ring(40, "voters = 3\n"), &[]);
    assert_eq!(voters(&three), [0, 13, 26]);
    let named = read(&ring(40, "voters = [\"pi9\", \"pi2\", \"pi30\"]\n"), &[]);
    assert_eq!(voters(&named), [1, 8, 29]);
    let in_another_case = read(&ring(40, "voters = [\"Pi9\", \"PI2\", \"pi30\"]\n"), &[]);
    assert_eq!(voters(&in_another_case), [1, 8, 29]);
    let all = read(&ring(40, "on-partition = \"play-on\"\n"), &[]);
    assert_eq!(voters(&all).len(), 40);
}

#[test]
fn the_environment_says_it_in_both_ways() {
    let set = |text| {
        voters(&read(
            &ring(9, "voters = 5\n"),
            &[("CAROM_RING__VOTERS", text)],
        ))
    };
    assert_eq!(set("3"), [0, 3, 6]);
    assert_eq!(set("pi1, pi9,pi5"), [0, 4, 8]);
    assert_eq!(set("pi9"), [8]);
    // As in the file, and as a shell leaves that of it.
    for text in ["[\"pi1\", \"pi9\", \"pi5\"]", "[pi1, pi9, pi5]"] {
        assert_eq!(set(text), [0, 4, 8], "{text}");
    }
}

#[test]
fn the_same_voters_are_the_same_topology_and_others_are_another() {
    let of = |rest: &str| read(&ring(10, rest), &[]).topology();
    assert_eq!(of("voters = 2\n"), of("voters = [\"pi6\", \"pi1\"]\n"));
    assert_ne!(of("voters = 2\n").fingerprint(), of("").fingerprint());
    assert_eq!(of(""), of("voters = 7\n"));
    let all = |rest: &str| read(&ring(5, rest), &[]).topology();
    assert_eq!(all(""), all("voters = 250\n"));
}

#[test]
fn what_may_surprise_about_the_voters_is_said() {
    let about = |count: usize, rest: &str| warnings(&ring(count, rest));
    assert_eq!(about(40, ""), [""; 0]);
    assert_eq!(about(8, ""), [""; 0], "they are spread as evenly as can be");
    assert_eq!(about(5, "voters = 250\n"), [""; 0]);
    assert!(about(9, "voters = 1\n")[0].starts_with("only pi1 votes: while it is down"));
    assert!(about(9, "voters = 2\n")[0].starts_with("only pi1 and pi5 vote: while either is down"));
    assert!(
        about(9, "voters = 4\n")[0].starts_with("of 4 voters 1 may be missing, no more than of 3")
    );
    assert!(about(8, "voters = 8\n")[0].starts_with("a ring of 8 goes on"));
    let played = about(9, "voters = 3\non-partition = \"play-on\"\n");
    assert!(played[1].starts_with("voters has no effect"), "{played:?}");
}

#[test]
fn voters_that_stand_side_by_side_are_warned_of() {
    let about = |count: usize, rest: &str| warnings(&ring(count, rest));
    let beside = |names: &str| format!("voters = [{names}]\n");
    let two = beside("\"pi3\", \"pi4\", \"pi9\"");
    assert!(about(12, &two)[0].starts_with("the voters pi3 to pi4 stand side by side"));
    assert!(about(12, &two)[0].ends_with("let other nodes vote, or write voters = 7"));
    // The first seven of eight are what the number chooses, too.
    let seven: Vec<_> = (1..8).map(|n| format!("\"pi{n}\"")).collect();
    assert!(about(8, &beside(&seven.join(", ")))[0].ends_with("let other nodes vote"));
    let over_the_end = beside("\"pi1\", \"pi12\", \"pi6\"");
    assert!(about(12, &over_the_end)[0].starts_with("the voters pi12 to pi1 stand side by side"));
    let row = format!("shape = \"row\"\n{over_the_end}");
    assert_eq!(about(12, &row), [""; 0], "a row has two ends");
    assert_eq!(about(12, &beside("\"pi1\", \"pi5\", \"pi9\"")), [""; 0]);
    let five = beside("\"pi1\", \"pi2\", \"pi5\", \"pi7\", \"pi9\"");
    assert_eq!(about(12, &five), [""; 0], "two of five may be missing");
}

#[test]
fn voters_on_one_host_are_warned_of() {
    let on_one = |text: String, nodes: &[&str]| {
        nodes.iter().enumerate().fold(text, |text, (number, node)| {
            let ports = format!(
                "ports = {{ ring = {0}1, receiver = {0}2, rate = {0}3, http = {0}4 }}",
                200 + number
            );
            let host = format!("host = \"{node}.local\"\n");
            text.replace(&host, &format!("host = \"box.local\"\n{ports}\n"))
        })
    };
    let told = warnings(&on_one(ring(5, ""), &["pi1", "pi3", "pi5"]));
    let sentence = "the voters pi1, pi3, pi5 are all on the host box.local: when it fails, every ball stands still";
    assert_eq!(told, [sentence]);
    assert_eq!(warnings(&on_one(ring(5, ""), &["pi1", "pi3"])), [""; 0]);
    let all = on_one(ring(3, ""), &["pi1", "pi2", "pi3"]);
    assert_eq!(warnings(&all), [""; 0], "there is no other host");
}

/// What a first rollout to these nodes says if they are too few to play; else nothing.
fn first_rollout(text: &str, only: &str) -> io::Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ring.toml");
    fs::write(&file, text)?;
    let script = ". deploy/lib.sh; carom=$1 config=$2 work=$3 only=$4; read_hosts; check_majority";
    let output = Command::new("sh")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["-euc", script, "deploy/rollout"])
        .arg(env!("CARGO_BIN_EXE_carom"))
        .args([file.as_path(), folder.path()])
        .arg(only)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    Ok(said)
}

#[test]
fn a_first_rollout_needs_a_majority_of_the_voters_that_check_names() {
    let few = |rest: &str, only: &str| first_rollout(&ring(40, rest), only).unwrap();
    let refusal = "the ring plays when 4 of its voters run (pi1, pi6, pi12, pi18, pi23, pi29, pi35): begin with";
    assert!(few("", "pi2,pi3,pi4,pi5").contains(refusal));
    assert!(few("", "pi1,pi6,pi12,pi2,pi3").contains(refusal));
    assert_eq!(few("", "pi12,pi2,pi35,pi6,pi1"), "");
    assert_eq!(few("", ""), "");

    let one = "voters = [\"pi9\"]\n";
    assert!(few(one, "pi1,pi90").contains("no node"));
    assert!(few(one, "pi1,pi19").contains("when 1 of its voters run (pi9)"));
    assert_eq!(few(one, "pi9"), "");

    let all = "voters = 250\n";
    assert!(few(all, "pi1").contains("the ring plays when 21 of its 40 nodes run: begin with"));
    assert_eq!(few("on-partition = \"play-on\"\n", "pi2"), "");
    let of_five = |only: &str| first_rollout(&ring(5, ""), only).unwrap();
    assert!(of_five("pi1,pi2").contains("3 of its 5 nodes run"));
    assert_eq!(of_five("pi5,pi1,pi2"), "");
}
