//! Collects the faults of a configuration.

use super::fault::{Fault, Faults, Location, MOST_FAULTS};
use super::span::{SourceMap, Span};

/// The faults found so far.
pub(super) struct Report<'text> {
    pub(super) sources: SourceMap<'text>,
    /// While this is set, a missing key is no fault: a later layer may set it.
    pub(super) lenient: bool,
    faults: Vec<Fault>,
    more: bool,
}

impl<'text> Report<'text> {
    pub(super) fn new(sources: SourceMap<'text>) -> Self {
        Self {
            sources,
            lenient: false,
            faults: Vec::new(),
            more: false,
        }
    }

    /// Adds a fault at a span.
    pub(super) fn fault(&mut self, span: Span, key: &str, sentence: impl Into<String>) {
        if self.has_room() {
            self.push(self.sources.location(span), key, sentence.into());
        }
    }

    /// Adds a fault at a byte of the file.
    pub(super) fn fault_at_byte(&mut self, offset: usize, sentence: String) {
        if self.has_room() {
            self.push(self.sources.location_of_byte(offset), "", sentence);
        }
    }

    /// Adds a fault about a missing key.
    pub(super) fn missing(&mut self, span: Span, key: &str, sentence: impl Into<String>) {
        if !self.lenient {
            self.fault(span, key, sentence);
        }
    }

    fn has_room(&mut self) -> bool {
        let room = self.faults.len() < MOST_FAULTS;
        self.more |= !room;
        room
    }

    fn push(&mut self, location: Location, key: &str, sentence: String) {
        let key = key.to_owned();
        let fault = Fault {
            location,
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
