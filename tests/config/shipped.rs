//! The ring files that come with Carom have no faults, and neither have the lines they show as comments.

use std::fs;
use std::time::Duration;

use carom::config::Overrides;
use carom::ring::NodeId;

use crate::{parse, root};

#[test]
fn the_shipped_files_are_clean() {
    for (path, nodes) in [
        ("config/ring.toml", 5),
        ("config/loopback/ring.toml", 5),
        ("config/loopback/window.toml", 3),
    ] {
        let text = fs::read_to_string(root(path)).unwrap();
        let config =
            parse(&text, &[], &Overrides::default()).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(config.nodes.len(), nodes, "{path}");
        assert_eq!(config.balls.len(), 1, "{path}");
        // A ring with a window has a warning, and so has a ring without a key.
        let warnings = config.warnings();
        assert_eq!(
            warnings.len(),
            config.window_chains.len() + 1,
            "{path}: {warnings:?}"
        );
        assert_eq!(config.ring.lease, Duration::from_millis(500));
    }
}

#[test]
fn every_node_of_the_sample_says_as_whom_to_log_in() {
    // Otherwise the scripts log in by the name that the user has on the laptop, and `ssh-copy-id` cannot help.
    let text = fs::read_to_string(root("config/ring.toml")).unwrap();
    let config = parse(&text, &[], &Overrides::default()).unwrap();
    for node in &config.nodes {
        assert_eq!(node.ssh, format!("pi@{}", node.host), "{}", node.name);
    }
}

#[test]
fn the_window_that_the_shipped_file_shows_is_valid_too() {
    let text = fs::read_to_string(root("config/ring.toml")).unwrap();
    let shown = |line: &str| line.strip_prefix("#     ").map(str::to_owned);
    let with: Vec<_> = text
        .lines()
        .map(|line| shown(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    let config = parse(&with.join("\n"), &[], &Overrides::default()).unwrap();
    let [gap] = config.window_chains.as_slice() else {
        panic!("{:?}", config.window_chains)
    };
    assert_eq!((gap.left, gap.right), (Some(NodeId(4)), Some(NodeId(0))));
    let [laptop] = gap.windows.as_slice() else {
        panic!("{gap:?}")
    };
    // The values in the comments are the defaults.
    let bare: Vec<_> = with
        .iter()
        .filter(|line| !line.starts_with("listen-") && !line.starts_with("screen"))
        .map(String::as_str)
        .collect();
    let bare = parse(&bare.join("\n"), &[], &Overrides::default()).unwrap();
    assert_eq!(&bare.window_chains[0].windows[0], laptop);
    assert_eq!(
        laptop.listen_left.as_ref().unwrap().to_string(),
        "laptop.local:10001"
    );
}

#[test]
fn what_the_shipped_file_comments_out_is_valid_too() {
    let text = fs::read_to_string(root("config/ring.toml")).unwrap();
    let mut text: Vec<_> = text.lines().collect();
    let mut tried = 0;
    for line in 0..text.len() {
        let Some(key) = text[line].strip_prefix("# ").filter(|rest| {
            let word = rest.split(" = ").next().unwrap_or_default();
            word != *rest && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        }) else {
            continue;
        };
        // It may set the same key as another line of the table, which it then replaces.
        let shown = std::mem::replace(&mut text[line], key);
        let word = key.split(" = ").next().unwrap();
        let beside = text[..line]
            .iter()
            .rposition(|other| other.starts_with(&format!("{word} = ")));
        let beside =
            beside.filter(|&at| !text[at..line].iter().any(|other| other.starts_with('[')));
        let after = (line + 1 < text.len() && text[line + 1].starts_with(&format!("{word} = ")))
            .then_some(line + 1);
        let other = beside.or(after);
        let hidden = other.map(|at| std::mem::replace(&mut text[at], "#"));
        parse(&text.join("\n"), &[], &Overrides::default())
            .unwrap_or_else(|faults| panic!("{key}: {faults}"));
        if let (Some(at), Some(hidden)) = (other, hidden) {
            text[at] = hidden;
        }
        text[line] = shown;
        tried += 1;
    }
    assert_eq!(tried, 5, "listen, trace, ports, dwell, key-file");
}
