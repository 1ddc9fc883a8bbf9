//! Every mistake in `tests/config_corpus` gets its exact report.
//!
//! `CAROM_BLESS=1` writes what the reports are now: read the difference before you commit it.

use std::fs;

use carom::config::{Config, Location, Overrides};

use crate::{parse, root};

#[test]
fn every_mistake_gets_its_exact_report() {
    let bless = std::env::var_os("CAROM_BLESS").is_some();
    let mut files: Vec<_> = fs::read_dir(root("tests/config_corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 30, "only {} files", files.len());
    let mut differences = String::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let result = Config::parse(name, &text, &[], &Overrides::default());
        let actual = match result {
            Ok(_) => "NO FAULT\n".to_owned(),
            Err(faults) => format!("{faults}\n"),
        };
        let expected_path = path.with_extension("expected");
        if bless {
            fs::write(&expected_path, &actual).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if actual != expected || actual == "NO FAULT\n" {
            differences += &format!("{name}\nexpected:\n{expected}\nactual:\n{actual}\n");
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn six_mistakes_are_six_faults_of_one_run() {
    let text = fs::read_to_string(root("tests/config_corpus/six_mistakes.toml")).unwrap();
    let faults = parse(&text, &[], &Overrides::default()).unwrap_err();
    assert_eq!(faults.iter().count(), 6, "{faults}");
    let has_location = |location: &Location| matches!(location, Location::Line { line, column, .. } if *line > 1 && *column > 0);
    assert!(
        faults
            .iter()
            .all(|fault| has_location(&fault.location) && !fault.key.is_empty())
    );
}
