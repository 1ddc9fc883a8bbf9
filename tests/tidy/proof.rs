//! The proof and its Rust counterpart (`tests/common/refinement/`) change together.
//!
//! Each action of `proof/` has a method of the same name there, in the file of the same name; each guard that is checked
//! there has the words that it has in the proof; and whoever changes an action of the proof has to look at its
//! counterpart, and then notes here what the action's text hashes to.

use std::collections::BTreeMap;
use std::fs;

use super::root;

/// The functions of the proof that have a counterpart, and the hash of their text without words for people.
const BOUND: &[(&str, &str, u32)] = &[
    ("ball_actions", "beat", 0x0c2de0dc),
    ("ball_actions", "drop", 0x8a0c96fa),
    ("ball_actions", "hear_beat", 0x79aa0429),
    ("ball_actions", "is_covered", 0xa8669c32),
    ("ball_actions", "is_pass_of", 0x9190cfa8),
    ("ball_actions", "land", 0xa03e264e),
    ("ball_actions", "leave", 0x8dac1c27),
    ("ball_actions", "lend", 0x1f23b1de),
    ("ball_actions", "limit_moments", 0x4d4dd190),
    ("ball_actions", "pass_ball", 0x7a15c2fb),
    ("ball_actions", "resend", 0x182f380f),
    ("ball_actions", "retire", 0x93afc834),
    ("ball_actions", "step_down", 0x5ec22a57),
    ("ball_actions", "take", 0x382d28c0),
    ("lease_actions", "after_vote", 0x4f69345f),
    ("lease_actions", "ask_renewal", 0xdc33c15d),
    ("lease_actions", "cancel", 0x175a11e4),
    ("lease_actions", "crash", 0xc797b4f6),
    ("lease_actions", "deadline_from", 0xf3370fcc),
    ("lease_actions", "fence", 0x974d879a),
    ("lease_actions", "grant", 0xab296e1b),
    ("lease_actions", "hear_record", 0xbc98de2c),
    ("lease_actions", "is_granted", 0xf4a51d45),
    ("lease_actions", "is_new_request", 0xa1069887),
    ("lease_actions", "may_vote", 0xbe4d4e73),
    ("lease_actions", "overrule", 0xa3e10b18),
    ("lease_actions", "quarantine_again", 0x1402c32e),
    ("lease_actions", "release", 0x97898892),
    ("lease_actions", "renewed", 0xe8dc0219),
    ("lease_actions", "stand", 0x82ab503e),
    ("lease_actions", "start", 0x043ff093),
    ("lease_actions", "time", 0xc38977be),
    ("lease_actions", "win", 0x3b7a720a),
    ("step", "hold", 0x94c1be8b),
    ("step", "learn", 0xb468e15c),
    ("vocabulary", "is_alive", 0x104ef603),
    ("vocabulary", "is_newer", 0xccd9e2a6),
    ("vocabulary", "is_retired", 0x8bbf49d7),
    ("vocabulary", "possesses", 0xaeb33cc3),
    ("vocabulary", "safe", 0x543522d0),
];

/// The files of actions; every function in them is bound.
const ACTION_FILES: [&str; 2] = ["lease_actions", "ball_actions"];

/// What those functions use of other files, and the refinement states again.
const SHARED: [(&str, &[&str]); 2] = [
    ("step", &["learn", "hold"]),
    (
        "vocabulary",
        &["safe", "is_alive", "possesses", "is_newer", "is_retired"],
    ),
];

fn python(file: &str) -> String {
    fs::read_to_string(root().join("proof").join(file).with_extension("py")).unwrap()
}

fn rust(file: &str) -> String {
    let folder = root().join("tests/common/refinement");
    fs::read_to_string(folder.join(file).with_extension("rs")).unwrap()
}

/// The functions of a Python file, each without comments and its docstring, in words with one space between them.
fn functions(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in text.split("\ndef ").skip(1) {
        let name = part.split('(').next().unwrap().to_owned();
        // It ends before the next line that is neither indented nor empty.
        let lines = part.lines().enumerate().take_while(|(number, line)| {
            *number == 0 || line.is_empty() || line.starts_with([' ', ')'])
        });
        let code = lines.filter(|(_, line)| !line.trim_start().starts_with('#'));
        let code: Vec<&str> = code.map(|(_, line)| line).collect();
        let code = code.join("\n");
        let mut pieces = code.splitn(3, "\"\"\"");
        let head = pieces.next().unwrap().to_owned();
        let body = pieces.nth(1).unwrap_or_default();
        let words: Vec<&str> = head
            .split_whitespace()
            .chain(body.split_whitespace())
            .collect();
        found.insert(name, words.join(" "));
    }
    found
}

/// FNV-1a.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[test]
fn every_action_of_the_proof_has_a_method_of_its_name() {
    let list = python("actions");
    let table = rust("action");
    let mut named = 0;
    for file in ACTION_FILES {
        let short = file.trim_end_matches("_actions");
        let methods = rust(file);
        for part in list.split(&format!("{short}.")).skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            named += 1;
            let (entry, method) = (format!("\"{name}\","), format!("pub(crate) fn {name}("));
            assert!(table.contains(&entry), "action.rs does not list {name}");
            assert!(methods.contains(&method), "{file}.rs has no method {name}");
        }
    }
    let listed = table.lines().filter(|line| line.ends_with("\","));
    assert_eq!(
        listed.count(),
        named,
        "action.rs lists more than the proof has"
    );
}

#[test]
fn the_guards_have_the_words_of_the_proof() {
    for file in ACTION_FILES {
        let words: Vec<String> = functions(&python(file)).into_values().collect();
        let mut guards = 0;
        for line in rust(file).lines() {
            let Some((guard, _)) = line.trim().split_once("\" => ") else {
                continue;
            };
            let guard = guard.trim_start_matches('"');
            guards += 1;
            assert!(
                words.iter().any(|text| text.contains(guard)),
                "{file}.py has no guard `{guard}`"
            );
        }
        assert!(guards > 30, "{file}.rs: {guards} guards found");
    }
}

#[test]
fn whoever_changes_an_action_of_the_proof_changes_its_counterpart() {
    let mut texts = BTreeMap::new();
    for file in ACTION_FILES {
        for (name, text) in functions(&python(file)) {
            texts.insert((file, name), hash(&text));
        }
    }
    for (file, names) in SHARED {
        let functions = functions(&python(file));
        for name in names {
            texts.insert((file, (*name).to_owned()), hash(&functions[*name]));
        }
    }
    let bound: BTreeMap<_, _> = BOUND
        .iter()
        .map(|&(file, name, hash)| ((file, name.to_owned()), hash))
        .collect();
    let changed = texts
        .iter()
        .filter(|(key, hash)| bound.get(key) != Some(hash));
    let lines: Vec<String> = changed
        .map(|((file, name), hash)| format!("    ({file:?}, {name:?}, {hash:#010x}),"))
        .collect();
    assert!(
        lines.is_empty(),
        "these functions of proof/ have changed. Change their counterparts in tests/common/refinement/, then note in tests/tidy/proof.rs:\n{}",
        lines.join("\n")
    );
    assert_eq!(
        bound.len(),
        texts.len(),
        "BOUND names a function that is gone"
    );
}
