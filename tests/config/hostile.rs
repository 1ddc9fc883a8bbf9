//! Files that are huge, garbled or no text at all get a short, clean report.

use std::fs;
use std::io::Write as _;

use carom::config::{Config, LONGEST_FILE, Overrides};

use crate::{parse, report, root};

#[test]
fn a_file_that_cannot_be_text_is_one_fault() {
    let directory = tempfile::tempdir().unwrap();
    let load = |name: &str| {
        let path = directory.path().join(name);
        report(Config::load(&path, &Overrides::default()))
    };
    let write = |name: &str, bytes: &[u8]| {
        let mut file = fs::File::create(directory.path().join(name)).unwrap();
        file.write_all(bytes).unwrap();
    };
    assert!(load("none.toml").contains("none.toml: cannot be read: No such file"));
    assert!(load("").contains("cannot be read: Is a directory"));
    write("latin1.toml", b"[ring]\nname = \"Zo\xeb\"\n");
    assert!(
        load("latin1.toml")
            .ends_with("latin1.toml: is not UTF-8 text, first in line 2: save it as UTF-8")
    );
    write(
        "huge.toml",
        &vec![b'#'; usize::try_from(LONGEST_FILE).unwrap() + 1],
    );
    assert!(
        load("huge.toml")
            .ends_with("huge.toml: is longer than 1 MiB, so it is no ring file: check the path")
    );
    write("a\x1b[2Jb.toml", b"x = 1");
    assert!(!load("a\x1b[2Jb.toml").contains('\x1b'));
}

#[test]
fn a_large_wrong_file_gets_a_bounded_report_soon() {
    let many_keys: String = (0..60_000).map(|n| format!("k{n} = 1\n")).collect();
    let one_line = format!("node = [{}]", "{},".repeat(200_000));
    let deep = format!("{}a = 1", "a.".repeat(300_000));
    let deeper = format!("a = {}", "[".repeat(300_000));
    let long_key = format!("{} = 1", "k".repeat(500_000));
    for text in [many_keys, one_line, deep, deeper, long_key] {
        let report = report(parse(&text, &[], &Overrides::default()));
        assert!(report.lines().count() <= 101, "{}", report.lines().count());
        assert!(report.lines().all(|line| line.len() < 500));
    }
}

#[test]
fn no_garbled_file_makes_the_reader_panic() {
    let shipped = fs::read_to_string(root("config/ring.toml")).unwrap();
    let shipped: Vec<char> = shipped.chars().collect();
    let splinters = [
        "\"", "[", "]", "{", "}", "=", ".", "-1", "\n", "\x1b", "9e999", "é", "node", "#",
    ];
    let seed = 7;
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..1_000 {
        let mut text = shipped.clone();
        for _ in 0..random.usize(1..=6) {
            let from = random.usize(..text.len());
            let to = (from + random.usize(..12)).min(text.len());
            let splinter = splinters[random.usize(..splinters.len())].chars();
            text.splice(from..to, splinter);
        }
        let text: String = text.into_iter().collect();
        match parse(&text, &[("CAROM_RING__LEASE", "1s")], &Overrides::default()) {
            Ok(config) => assert_eq!(config.topology().nodes.len(), config.nodes.len()),
            Err(faults) => {
                let report = faults.to_string();
                let raw = report.chars().any(|c| c.is_control() && c != '\n');
                assert!(
                    !raw && !report.contains("nobody said why"),
                    "seed {seed}, round {round}: {report:?}"
                );
            }
        }
    }
}
