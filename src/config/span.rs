//! Where each value was set.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use ::config::Value;

use super::fault::Location;

/// Where a key was set, as an index into the [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    /// The file as a whole; also for defaults.
    File,
    /// The location of the key.
    Key(usize),
    /// The location of the value.
    Value(usize),
}

impl Span {
    /// The span of a value.
    pub(super) fn of(value: &Value) -> Self {
        number(value).map_or(Self::File, Self::Value)
    }

    /// The span of a value's key.
    pub(super) fn of_key(value: &Value) -> Self {
        number(value).map_or(Self::File, Self::Key)
    }
}

/// The index in the [`SourceMap`]: the origin of a [`Value`] holds it as text.
fn number(value: &Value) -> Option<usize> {
    value.origin()?.parse().ok()
}

/// A value, where it was set, and by which key.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Span,
    pub(super) key: String,
}

impl<T> Spanned<T> {
    /// Another value with the same span and key.
    pub(super) fn map<Other>(self, change: impl FnOnce(T) -> Other) -> Spanned<Other> {
        Spanned {
            value: change(self.value),
            span: self.span,
            key: self.key,
        }
    }
}

/// One entry of the [`SourceMap`].
enum Origin {
    /// Byte offsets in the text of the file.
    File {
        key: usize,
        value: usize,
    },
    OutsideFile(Location),
}

/// Finds the location of a [`Span`].
pub(super) struct SourceMap<'text> {
    file: Arc<str>,
    text: &'text str,
    /// The byte offsets of the beginnings of lines, from the second line on.
    lines: Vec<usize>,
    origins: Vec<Origin>,
    /// The span of the header of each section. Merging the layers loses it.
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

    /// Adds a value of the file; returns its origin.
    pub(super) fn add(&mut self, key: &Range<usize>, value: &Range<usize>) -> String {
        self.push(Origin::File {
            key: key.start,
            value: value.start,
        })
    }

    /// Adds a value from outside the file; returns its origin.
    pub(super) fn add_outside_file(&mut self, location: Location) -> String {
        self.push(Origin::OutsideFile(location))
    }

    fn push(&mut self, origin: Origin) -> String {
        self.origins.push(origin);
        (self.origins.len() - 1).to_string()
    }

    /// Adds the header of a section.
    pub(super) fn add_section(&mut self, section: &str, value: &Value) {
        self.headers.insert(section.to_owned(), Span::of(value));
    }

    /// The span of the header of a section; the whole file if there is none.
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

    /// The location of a span.
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

    /// The location in a few words, such as `line 7`, for a fault at another location.
    pub(super) fn in_words(&self, span: Span) -> String {
        match self.location(span) {
            Location::Line { line, .. } => format!("line {line}"),
            location @ (Location::File { .. }
            | Location::Environment { .. }
            | Location::Flag { .. }) => location.to_string(),
        }
    }
}
