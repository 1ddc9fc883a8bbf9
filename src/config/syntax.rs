//! Says what is wrong with a file that is not TOML, and what to do about it.

use super::fault::quoted;
use super::report::Report;
use super::schema::SECTIONS;

/// One error of the parser.
struct Error<'text> {
    start: usize,
    /// The text that it points at; may be empty.
    word: &'text str,
    message: &'text str,
}

const DUPLICATE: &str = "duplicate key";

/// Reports the first error of every line, but no error that is only a consequence of another.
pub(super) fn refuse<'text>(
    text: &'text str,
    errors: &'text [toml::de::Error],
    report: &mut Report<'_>,
) {
    let mut errors: Vec<_> = errors
        .iter()
        .map(|error| {
            let span = error.span().unwrap_or(0..0);
            Error {
                start: span.start,
                word: text.get(span).unwrap_or_default(),
                message: error.message(),
            }
        })
        .collect();
    errors.sort_by_key(|error| error.start);
    let broken = errors.iter().any(|error| error.message != DUPLICATE);
    let mut last_line = None;
    // Below a header that comes twice, the parser also reports the keys as duplicates; skip these.
    let mut repeated_until = 0;
    for error in &errors {
        let before = text.get(..error.start).unwrap_or_default();
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        if error.message == DUPLICATE {
            let header = before.get(line..).unwrap_or_default().trim_start();
            // After a broken header the parser reports the next tables as duplicates.
            let follows = broken && header.starts_with("[[");
            if follows || error.start < repeated_until {
                continue;
            }
            if header.starts_with('[') {
                let after = text.get(error.start..).unwrap_or_default();
                let next = after.find("\n[").map(|next| error.start + next);
                repeated_until = next.unwrap_or(text.len());
            }
        }
        if last_line.replace(line) != Some(line) {
            report.fault_at_byte(error.start, sentence(error));
        }
    }
}

/// The parser's message as a sentence that says what to do.
fn sentence(error: &Error<'_>) -> String {
    let Error { word, message, .. } = error;
    let section = SECTIONS.iter().find(|section| section.name == *word);
    match (message.split(',').next().unwrap_or(message), section) {
        (DUPLICATE, Some(section)) => {
            let header = section.header;
            if section.once {
                format!("{header} comes a second time: write all of its keys below the first")
            } else {
                format!("{word} comes a second time: write {header}, with two brackets, every time")
            }
        }
        (DUPLICATE, None) => format!("{} is set a second time: keep one", quoted(word)),
        ("string values must be quoted", _) if word.is_empty() => {
            "a value is missing: write one after the equals sign".to_owned()
        }
        ("string values must be quoted", _) => {
            let bare = word.trim_matches(['“', '”', '„', '‘', '’', '«', '»']);
            format!("text needs straight quotes: write {}", quoted(bare))
        }
        ("key with no value", _) => "a key needs a value: write key = value".to_owned(),
        ("unclosed table", _) => "the closing bracket is missing: write ]".to_owned(),
        ("invalid basic string", _) if message.ends_with("expected `\"`") => {
            "the closing quote is missing: write it at the end of the text".to_owned()
        }
        ("invalid basic string" | "invalid literal string", _) => {
            "there is an invisible character in the text: take it out".to_owned()
        }
        _ => format!("this is not TOML: {message}"),
    }
}
