//! Remembers where each value came from, and collects the faults found there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use ::config::Value;

use super::fault::{Fault, Faults, MOST_FAULTS, Place};

/// Where something was set: a number of [`Places`], or nowhere in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    /// The file as a whole; built-in defaults too.
    File,
    /// Where the key is.
    Key(usize),
    /// Where the value is.
    Value(usize),
}

impl Spot {
    /// Where a value is.
    pub(super) fn of(value: &Value) -> Self {
        number(value).map_or(Self::File, Self::Value)
    }

    /// Where the key of a value is.
    pub(super) fn of_key(value: &Value) -> Self {
        number(value).map_or(Self::File, Self::Key)
    }
}

/// The origin of a [`Value`] is its number in [`Places`], in digits.
fn number(value: &Value) -> Option<usize> {
    value.origin()?.parse().ok()
}

/// A value with where it was set and the key it was set by.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) spot: Spot,
    pub(super) key: String,
}

impl<T> At<T> {
    /// Another value at the same place.
    pub(super) fn map<Other>(self, change: impl FnOnce(T) -> Other) -> At<Other> {
        At {
            value: change(self.value),
            spot: self.spot,
            key: self.key,
        }
    }
}

/// What a number of [`Places`] stands for.
enum Origin {
    /// Byte offsets in the text of the file.
    File {
        key: usize,
        value: usize,
    },
    Elsewhere(Place),
}

/// All the places that values came from.
pub(super) struct Places<'text> {
    file: Arc<str>,
    text: &'text str,
    /// Byte offsets at which lines begin, from the second line on.
    lines: Vec<usize>,
    origins: Vec<Origin>,
    /// Where each section has its header.
    ///
    /// The layering merges tables key by key and so loses where they began.
    headers: BTreeMap<String, Spot>,
}

impl<'text> Places<'text> {
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
    pub(super) fn in_file(&mut self, key: &Range<usize>, value: &Range<usize>) -> String {
        self.note(Origin::File {
            key: key.start,
            value: value.start,
        })
    }

    /// Notes a value from outside the file; returns the origin to give it.
    pub(super) fn elsewhere(&mut self, place: Place) -> String {
        self.note(Origin::Elsewhere(place))
    }

    fn note(&mut self, origin: Origin) -> String {
        self.origins.push(origin);
        (self.origins.len() - 1).to_string()
    }

    /// Notes where a section begins.
    pub(super) fn header(&mut self, section: &str, value: &Value) {
        self.headers.insert(section.to_owned(), Spot::of(value));
    }

    /// Where a section begins; the whole file if it is not there.
    pub(super) fn of_section(&self, section: &str) -> Spot {
        self.headers.get(section).copied().unwrap_or(Spot::File)
    }

    /// The place of a byte of the file.
    pub(super) fn of_byte(&self, offset: usize) -> Place {
        let before = self.lines.partition_point(|&start| start <= offset);
        let start = before
            .checked_sub(1)
            .and_then(|index| self.lines.get(index))
            .map_or(0, |&start| start);
        let way = self.text.get(start..offset).unwrap_or_default();
        Place::Line {
            file: Arc::clone(&self.file),
            line: before + 1,
            column: way.chars().count() + 1,
        }
    }

    /// The place that a spot stands for.
    pub(super) fn of(&self, spot: Spot) -> Place {
        let (number, at_key) = match spot {
            Spot::File => (None, false),
            Spot::Key(number) => (Some(number), true),
            Spot::Value(number) => (Some(number), false),
        };
        match number.and_then(|number| self.origins.get(number)) {
            Some(Origin::File { key, value }) => self.of_byte(if at_key { *key } else { *value }),
            Some(Origin::Elsewhere(place)) => place.clone(),
            None => Place::File {
                file: Arc::clone(&self.file),
            },
        }
    }

    /// The place in a few words, for a sentence about another place: `line 7`.
    pub(super) fn in_words(&self, spot: Spot) -> String {
        match self.of(spot) {
            Place::Line { line, .. } => format!("line {line}"),
            place @ (Place::File { .. } | Place::Environment { .. } | Place::Flag { .. }) => {
                place.to_string()
            }
        }
    }
}

/// The faults found so far.
pub(super) struct Report<'text> {
    pub(super) places: Places<'text>,
    /// While this is set, keys that are not there are no fault: a later layer may set them.
    pub(super) lenient: bool,
    faults: Vec<Fault>,
    more: bool,
}

impl<'text> Report<'text> {
    pub(super) fn new(places: Places<'text>) -> Self {
        Self {
            places,
            lenient: false,
            faults: Vec::new(),
            more: false,
        }
    }

    /// Something is wrong at a spot.
    pub(super) fn fault(&mut self, spot: Spot, key: &str, sentence: impl Into<String>) {
        if self.has_room() {
            self.push(self.places.of(spot), key, sentence.into());
        }
    }

    /// Something is wrong at a byte of the file.
    pub(super) fn fault_at_byte(&mut self, offset: usize, sentence: String) {
        if self.has_room() {
            self.push(self.places.of_byte(offset), "", sentence);
        }
    }

    /// Something is not there that must be.
    pub(super) fn missing(&mut self, spot: Spot, key: &str, sentence: impl Into<String>) {
        if !self.lenient {
            self.fault(spot, key, sentence);
        }
    }

    fn has_room(&mut self) -> bool {
        let room = self.faults.len() < MOST_FAULTS;
        self.more |= !room;
        room
    }

    fn push(&mut self, place: Place, key: &str, sentence: String) {
        let key = key.to_owned();
        let fault = Fault {
            place,
            key,
            sentence,
        };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn into_faults(self) -> Faults {
        Faults::new(self.faults, self.more)
    }
}
