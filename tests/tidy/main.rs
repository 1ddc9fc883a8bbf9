//! The rules of the house that a machine can check: a rule without a test fades.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails as its test does"
)]

mod imports;
mod proof;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// Who may import whom inside `src`. A module that is missing here fails the test.
const ARROWS: [(&str, &[&str]); 25] = [
    ("accept", &[]),
    ("ring", &[]),
    ("led", &[]),
    ("obituary", &["ring"]),
    (
        "keeper",
        &[
            "led",
            "obituary",
            "ring",
            "clock",
            "process_channel",
            "throttle",
            "timer",
        ],
    ),
    ("escape", &[]),
    ("endpoint", &[]),
    ("priority", &[]),
    ("process_channel", &["timer"]),
    ("timer", &["ring", "clock"]),
    ("poller", &["ring", "clock", "timer"]),
    ("key", &["escape"]),
    ("clock", &["ring"]),
    ("throttle", &["ring", "clock"]),
    ("resolve", &["ring", "clock"]),
    ("connect", &["escape", "resolve"]),
    ("config", &["ring", "endpoint", "escape", "led"]),
    ("control", &["http"]),
    ("http", &["accept", "ring", "connect", "endpoint", "escape"]),
    (
        "net",
        &[
            "accept", "obituary", "ring", "clock", "connect", "endpoint", "escape", "key",
            "poller", "resolve", "throttle",
        ],
    ),
    ("lab", &["clock", "escape", "priority", "throttle"]),
    (
        "window",
        &["accept", "ring", "clock", "connect", "escape", "throttle"],
    ),
    ("program", &["config", "key", "priority"]),
    (
        "daemon",
        &[
            "program", "net", "led", "keeper", "http", "lab", "window", "control", "config",
            "ring", "clock", "endpoint", "escape", "key", "poller", "priority", "throttle",
        ],
    ),
    (
        "cli",
        &[
            "daemon",
            "program",
            "control",
            "net",
            "led",
            "keeper",
            "http",
            "lab",
            "config",
            "ring",
            "clock",
            "connect",
            "endpoint",
            "escape",
            "key",
            "priority",
            "process_channel",
        ],
    ),
];

const LONGEST_FILE: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<PathBuf> {
    ["src", "tests", "benches", "fuzz/fuzz_targets"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), ".rs"))
        .collect()
}

fn display(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The modules of ours that a source text names in paths from the crate's root.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("crate::") {
        let rest = &text[start + "crate::".len()..];
        let inside = rest
            .strip_prefix('{')
            .map_or(rest, |group| group.split('}').next().unwrap());
        let names: Vec<&str> = if rest.starts_with('{') {
            inside.split(',').collect()
        } else {
            vec![inside]
        };
        for name in names {
            let end = name.trim().find(|c: char| !c.is_alphanumeric() && c != '_');
            found.push(name.trim()[..end.unwrap_or(name.trim().len())].to_owned());
        }
    }
    found
}

#[test]
fn arrows_point_one_way() {
    let mut wrong = Vec::new();
    for path in files(&root().join("src"), ".rs") {
        let relative = path.strip_prefix(root().join("src")).unwrap().to_owned();
        let first = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        let module = first.trim_end_matches(".rs");
        if matches!(module, "main" | "lib") {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!(
                "{}: {module} has no place in the table of arrows",
                display(&path)
            ));
            continue;
        };
        for import in imports(&fs::read_to_string(&path).unwrap()) {
            if import != module && !allowed.contains(&import.as_str()) {
                wrong.push(format!(
                    "{}: {module} must not import {import}",
                    display(&path)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A circle cannot be read, tested or moved in parts: what two files share belongs below both.
#[test]
fn no_file_is_part_of_a_circle_of_imports() {
    let src = root().join("src");
    let texts = files(&src, ".rs").into_iter().map(|path| {
        let name = path.strip_prefix(&src).unwrap().display().to_string();
        (name, fs::read_to_string(&path).unwrap())
    });
    let imports = imports::Sources::new(texts).imports();
    let circles = imports::circles(&imports);
    let listed: Vec<String> = circles.iter().map(|circle| circle.join(", ")).collect();
    assert!(
        circles.is_empty(),
        "these files import each other in a circle; move what they share into a file below them:\n{}",
        listed.join("\n")
    );
}

#[test]
fn an_import_is_found_however_it_is_written() {
    let text = "use crate::ring::{A, B};\nuse crate::{clock, net::X};\nlet x = crate::led::Y;";
    assert_eq!(imports(text), ["ring", "clock", "net", "led"]);
}

#[test]
fn the_core_touches_nothing_outside_itself() {
    let foreign = [
        "std::net",
        "std::fs",
        "std::thread",
        "std::io",
        "Instant",
        "SystemTime",
        "HashMap",
        "HashSet",
        "async",
        "smol",
        "tracing",
        "getrandom",
    ];
    let mut wrong = Vec::new();
    for path in files(&root().join("src/ring"), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            for word in foreign.iter().filter(|word| line.contains(*word)) {
                wrong.push(format!(
                    "{} (code line {}): {word}",
                    display(&path),
                    number + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    let mut wrong = Vec::new();
    for path in rust_files() {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!(
                "{}: begins without a line that says what it is",
                display(&path)
            ));
        }
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!(
                "{}: {lines} lines, more than {LONGEST_FILE}",
                display(&path)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    let mut documents = files(&root().join("docs"), ".md");
    let others = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "tests/README.md",
        "proof/README.md",
    ];
    documents.extend(others.map(|name| root().join(name)));
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            let leads_there =
                heading.is_empty() || headings(&file).iter().any(|one| one == heading);
            if !file.exists() || !leads_there {
                wrong.push(format!("{}: {target} does not exist", display(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The headings of a document as links name them: in lower case, without punctuation, with dashes for spaces.
fn headings(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap_or_default();
    let titles = text.lines().filter(|line| line.starts_with('#'));
    titles
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = |sign: &char| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_');
            title
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn the_code_uses_the_words_of_the_glossary() {
    let mut wrong = Vec::new();
    for path in files(&root().join("src"), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let found = words::replaced_words(&text);
        wrong.extend(
            found
                .iter()
                .map(|what| format!("{}, {what}", display(&path))),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A document that names a file must not outlive it.
#[test]
fn files_that_documents_name_exist() {
    let mut documents = files(&root().join("docs"), ".md");
    documents.retain(|path| !path.starts_with(root().join("docs/evidence")));
    let others = ["README.md", "CONTRIBUTING.md", "tests/README.md"];
    documents.extend(others.map(|name| root().join(name)));
    let mut wrong = Vec::new();
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            // Capitals stand for a name that the reader chooses.
            let is_file = name.contains('/')
                && !name.starts_with('/')
                && !name.contains(|c: char| c.is_ascii_uppercase())
                && [".rs", ".sh", ".toml", ".service"]
                    .iter()
                    .any(|end| name.ends_with(end))
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c));
            let ours = [
                "src", "tests", "deploy", "systemd", "config", "docs", "benches", "fuzz",
            ];
            let folder = name.split('/').next().unwrap();
            let known = ours.contains(&folder) || root().join("src").join(folder).is_dir();
            let exists = root().join(name).exists() || root().join("src").join(name).exists();
            if is_file && known && !exists {
                wrong.push(format!("{}: {name} does not exist", display(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
