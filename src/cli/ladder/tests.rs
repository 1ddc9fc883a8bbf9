//! The pictures on the pages of the lab, and what the command says when there is nothing to show.

use std::fs;
use std::path::Path;

use super::*;

fn arguments(capture: &Path) -> Arguments {
    Arguments {
        capture: capture.to_owned(),
        svg: None,
        connection: None,
        port: None,
        segments: 56,
    }
}

fn labs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/labs")
}

/// `docs/labs/capture --draw` draws them again.
#[test]
fn the_pictures_of_the_lab_are_those_of_its_captures_and_each_page_shows_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(labs()).unwrap() {
        let page = entry.unwrap().path();
        if page.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let name = page.file_name().unwrap().to_string_lossy();
        let number = name.split('-').next().unwrap();
        let shown = format!("](captures/{number}.svg)");
        assert!(
            fs::read_to_string(&page).unwrap().contains(&shown),
            "{name}"
        );
        let drawn = folder.path().join("drawn.svg");
        let capture = labs().join(format!("captures/{number}.pcapng"));
        let drawing = Arguments {
            svg: Some(drawn.clone()),
            ..arguments(&capture)
        };
        assert!(ladder(&drawing).is_ok(), "{}", capture.display());
        let picture = fs::read_to_string(capture.with_extension("svg")).unwrap();
        assert!(
            fs::read_to_string(drawn).unwrap() == picture,
            "{name}: docs/labs/capture --draw"
        );
    }
}

#[test]
fn what_cannot_be_shown_gets_one_sentence() {
    let capture = labs().join("captures/1.pcapng");
    let sentence = |arguments: &Arguments| match ladder(arguments) {
        Err(Failure::Run(sentence)) => sentence,
        _ => panic!("no failure"),
    };
    let none = Arguments {
        connection: Some(7),
        ..arguments(&capture)
    };
    assert!(sentence(&none).ends_with("1.pcapng has no connection 7: it has 1 in all"));
    let none = Arguments {
        port: Some(1),
        ..arguments(&capture)
    };
    assert!(sentence(&none).ends_with("has no connection with port 1: it has 1 in all"));
    let unwritable = Arguments {
        svg: Some("/nowhere/lab.svg".into()),
        ..arguments(&capture)
    };
    assert!(sentence(&unwritable).starts_with("/nowhere/lab.svg cannot be written"));
}
