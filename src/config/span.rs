//! Where each value was set.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use ::config::Value;

use super::fault::Location;

/// Where something was set: a number of [`SourceMap`], or nowhere in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    /// The file as a whole; built-in defaults too.
    File,
    /// Where the key is.
    Key(usize),
    /// Where the value is.
    Value(usize),
}

impl Span {
    /// Where a value is.
    pub(super) fn of(value: &Value) -> Self {
        number(value).map_or(Self::File, Self::Value)
    }

    /// Where the key of a value is.
    pub(super) fn of_key(value: &Value) -> Self {
        number(value).map_or(Self::File, Self::Key)
    }
}

/// The origin of a [`Value`] is its number in [`SourceMap`], in digits.
fn number(value: &Value) -> Option<usize> {
    value.origin()?.parse().ok()
}

/// A value with where it was set and the key it was set by.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Span,
    pub(super) key: String,
}

impl<T> Spanned<T> {
    /// Another value at the same location.
    pub(super) fn map<Other>(self, change: impl FnOnce(T) -> Other) -> Spanned<Other> {
        Spanned {
            value: change(self.value),
            span: self.span,
            key: self.key,
        }
    }
}

/// What a number of [`SourceMap`] stands for.
enum Origin {
    /// Byte offsets in the text of the file.
    File {
        key: usize,
        value: usize,
    },
    OutsideFile(Location),
}

/// All the sources that values came from.
pub(super) struct SourceMap<'text> {
    file: Arc<str>,
    text: &'text str,
    /// Byte offsets at which lines begin, from the second line on.
    lines: Vec<usize>,
    origins: Vec<Origin>,
    /// Where each section has its header.
    ///
    /// The layering merges tables key by key and so loses where they began.
    headers: BTreeMap<String, Span>,
}

impl<'text> SourceMap<'text> {
    pub(super) fn new(file: &str, text: &'text str) -> Self {
        Self {
            file: file.into(),
            text,
            lines: text.match_indices('\n').map(|(at, _)| at + 1).collect(),
            origins: Vec::new(),
            headers: BTreeMap::new(),
        }
    }

    /// Notes a value of the file; returns the origin to give it.
    pub(super) fn add(&mut self, key: &Range<usize>, value: &Range<usize>) -> String {
        self.push(Origin::File {
            key: key.start,
            value: value.start,
        })
    }

    /// Notes a value from outside the file; returns the origin to give it.
    pub(super) fn add_outside_file(&mut self, location: Location) -> String {
        self.push(Origin::OutsideFile(location))
    }

    fn push(&mut self, origin: Origin) -> String {
        self.origins.push(origin);
        (self.origins.len() - 1).to_string()
    }

    /// Notes where a section begins.
    pub(super) fn add_section(&mut self, section: &str, value: &Value) {
        self.headers.insert(section.to_owned(), Span::of(value));
    }

    /// Where a section begins; the whole file if it is not there.
    pub(super) fn section(&self, section: &str) -> Span {
        self.headers.get(section).copied().unwrap_or(Span::File)
    }

    /// The location of a byte of the file.
    pub(super) fn location_of_byte(&self, offset: usize) -> Location {
        let before = self.lines.partition_point(|&start| start <= offset);
        let start = before
            .checked_sub(1)
            .and_then(|index| self.lines.get(index))
            .map_or(0, |&start| start);
        let way = self.text.get(start..offset).unwrap_or_default();
        Location::Line {
            file: Arc::clone(&self.file),
            line: before + 1,
            column: way.chars().count() + 1,
        }
    }

    /// The location that a span stands for.
    pub(super) fn location(&self, span: Span) -> Location {
        let (number, at_key) = match span {
            Span::File => (None, false),
            Span::Key(number) => (Some(number), true),
            Span::Value(number) => (Some(number), false),
        };
        match number.and_then(|number| self.origins.get(number)) {
            Some(Origin::File { key, value }) => {
                self.location_of_byte(if at_key { *key } else { *value })
            }
            Some(Origin::OutsideFile(location)) => location.clone(),
            None => Location::File {
                file: Arc::clone(&self.file),
            },
        }
    }

    /// The location in a few words, for a sentence about another location: `line 7`.
    pub(super) fn in_words(&self, span: Span) -> String {
        match self.location(span) {
            Location::Line { line, .. } => format!("line {line}"),
            location @ (Location::File { .. }
            | Location::Environment { .. }
            | Location::Flag { .. }) => location.to_string(),
        }
    }
}
