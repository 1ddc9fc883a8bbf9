//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;
use std::sync::Arc;

use crate::escape::{Escaped, EscapedSentence};

/// The largest number of faults in one report.
pub const MOST_FAULTS: usize = 100;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// The file as a whole: it cannot be read, or something is missing.
    File {
        /// The path of the file, as it was given.
        file: Arc<str>,
    },
    /// A character of the file.
    Line {
        /// The path of the file, as it was given.
        file: Arc<str>,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
    },
    /// An environment variable.
    Environment {
        /// The variable's name.
        variable: Arc<str>,
    },
    /// A flag of the command line.
    Flag {
        /// The key that the flag sets.
        key: Arc<str>,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file } => write!(formatter, "{}", EscapedSentence(file)),
            Self::Line { file, line, column } => {
                write!(formatter, "{}:{line}:{column}", EscapedSentence(file))
            }
            Self::Environment { variable } => {
                write!(formatter, "environment {}", EscapedSentence(variable))
            }
            Self::Flag { key } => write!(formatter, "flag {}", EscapedSentence(key)),
        }
    }
}

/// One thing that is wrong.
///
/// Shown as one line, `LOCATION: KEY: SENTENCE`. Text from the file is escaped, so that it cannot
/// control the terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where the fault is.
    pub location: Location,
    /// The key, such as `node[pi2].ports.ring`; empty if the fault is not at a key.
    ///
    /// A node is named by its name, or by its number if the name cannot be read; a ball by its
    /// number. Both are counted from 1.
    pub key: String,
    /// What is wrong and what to do, in words that follow the key.
    pub sentence: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.location)?;
        if !self.key.is_empty() {
            write!(formatter, "{}: ", EscapedSentence(&self.key))?;
        }
        write!(formatter, "{}", EscapedSentence(&self.sentence))
    }
}

/// Everything that is wrong with a configuration, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    faults: Vec<Fault>,
    more: bool,
}

impl Faults {
    /// Sorts the faults and removes duplicates. `more` says that there were others, which were not kept.
    pub(super) fn new(mut faults: Vec<Fault>, more: bool) -> Self {
        faults.sort();
        faults.dedup();
        Self { faults, more }
    }

    /// One fault about the file as a whole.
    pub(super) fn of_file(file: &str, sentence: String) -> Self {
        let location = Location::File { file: file.into() };
        let key = String::new();
        Self::new(
            vec![Fault {
                location,
                key,
                sentence,
            }],
            false,
        )
    }

    /// The faults, at most [`MOST_FAULTS`].
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter()
    }
}

impl fmt::Display for Faults {
    /// One line a fault, with no newline after the last.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(formatter, "{newline}{fault}")?;
        }
        if self.more {
            formatter.write_str("\nand more: mend these first")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The text in double quotes, escaped, and cut short if it is long.
pub(super) fn quoted(text: &str) -> String {
    const MOST_SHOWN: usize = 40;
    let end = text.char_indices().nth(MOST_SHOWN).map(|(end, _)| end);
    let shown = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let shown = Escaped(shown).to_string().replace('"', "\\\"");
    let dots = if end.is_some() { "..." } else { "" };
    format!("\"{shown}\"{dots}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_reaches_the_terminal() {
        let faults = Faults::of_file("a\x1b[2J\u{202e}.toml", "is\r\nnot \u{9b}there".to_owned());
        let shown = faults.to_string();
        assert!(
            !shown.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{shown:?}"
        );
    }

    #[test]
    fn a_living_script_is_quoted_as_it_is() {
        assert_eq!(quoted("नमस्ते\u{200b}"), "\"नमस्ते\\u{200b}\"");
        let faults = Faults::of_file("पाई.toml", format!("wants {}", quoted("e\u{301}\\\u{1b}")));
        assert_eq!(
            faults.to_string(),
            "पाई.toml: wants \"e\u{301}\\\\\\u{1b}\""
        );
    }

    #[test]
    fn long_text_is_cut_off() {
        assert_eq!(quoted("a\"b"), "\"a\\\"b\"");
        let shown = quoted(&"é".repeat(1000));
        assert_eq!(shown.chars().count(), 45);
    }
}
