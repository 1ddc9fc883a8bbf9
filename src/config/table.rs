//! Reads the keys of one table of the configuration, and reports unknown ones.

use ::config::{Map, Value, ValueKind};

use super::fault::quoted;
use super::report::Report;
use super::schema::{Key, where_key_belongs};
use super::span::{Span, Spanned};
use super::suggest::{closest, did_you_mean};
use super::value::InvalidValue;

/// One table of the configuration.
pub(super) struct Table<'value> {
    keys: &'value Map<String, Value>,
    pub(super) span: Span,
    /// What to write before the keys in faults, such as `node[pi1]`.
    pub(super) path: String,
    /// Its name in a sentence, such as `[[node]]`.
    pub(super) title: String,
    /// Says where a key belongs that is unknown in this table.
    pub(super) where_key_belongs: fn(&str) -> Option<String>,
}

impl<'value> Table<'value> {
    /// `None` if the value is no table.
    pub(super) fn of(value: &'value Value, path: &str, title: &str) -> Option<Self> {
        match &value.kind {
            ValueKind::Table(keys) => Some(Self {
                keys,
                span: Span::of(value),
                path: path.to_owned(),
                title: title.to_owned(),
                where_key_belongs,
            }),
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::String(_)
            | ValueKind::Array(_) => None,
        }
    }

    /// The value of a key, not read yet.
    pub(super) fn get(&self, name: &str) -> Option<&'value Value> {
        let value = self.keys.get(name)?;
        // `Nil` stands for a value that `layers.rs` has reported.
        (value.kind != ValueKind::Nil).then_some(value)
    }

    /// Whether a key is there, even if it cannot be read.
    pub(super) fn has(&self, name: &str) -> bool {
        self.keys.contains_key(name)
    }

    /// The text of a key, valid or not.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match &self.get(name)?.kind {
            ValueKind::String(text) => Some(text.clone()),
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::Table(_)
            | ValueKind::Array(_) => None,
        }
    }

    /// The path of a key.
    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// Reads a key that may be left out. Reports it if it cannot be read.
    pub(super) fn optional<T>(
        &self,
        report: &mut Report<'_>,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, InvalidValue>,
    ) -> Option<Spanned<T>> {
        let value = self.get(name)?;
        let key = self.path_of(name);
        match read(value) {
            Ok(read) => Some(Spanned {
                value: read,
                span: Span::of(value),
                key,
            }),
            Err(InvalidValue { sentence, element }) => {
                let (span, suffix) = element.unwrap_or((Span::of(value), String::new()));
                report.fault(span, &format!("{key}{suffix}"), sentence);
                None
            }
        }
    }

    /// Reads a key that has a default. Reports it if it is there but cannot be read.
    pub(super) fn or_default<T>(
        &self,
        report: &mut Report<'_>,
        name: &str,
        default: T,
        read: impl FnOnce(&Value) -> Result<T, InvalidValue>,
    ) -> Option<Spanned<T>> {
        if self.has(name) {
            return self.optional(report, name, read);
        }
        Some(Spanned {
            value: default,
            span: Span::File,
            key: self.path_of(name),
        })
    }

    /// Reads a key that must be there. Reports it if it is missing or cannot be read.
    pub(super) fn required<T>(
        &self,
        report: &mut Report<'_>,
        keys: &[Key],
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, InvalidValue>,
    ) -> Option<Spanned<T>> {
        // A misspelt key has been reported as unknown; it is not missing as well.
        let known = || keys.iter().map(|key| key.name);
        let misspelt =
            |key: &String| closest(key, known()) == Some(name) && known().all(|known| known != key);
        if !self.has(name) && !self.keys.keys().any(misspelt) {
            let example = keys.iter().find(|key| key.name == name);
            let example = example.and_then(|key| key.example).unwrap_or(name);
            let sentence = match self.span {
                Span::File => {
                    format!("is missing: add {} and below it {example}", self.title)
                }
                Span::Key(_) | Span::Value(_) => {
                    format!("is missing: add it, for example {example}")
                }
            };
            report.missing(self.span, &self.path_of(name), sentence);
        }
        self.optional(report, name, read)
    }

    /// Reports every unknown key.
    pub(super) fn refuse_unknown(&self, report: &mut Report<'_>, known: &[Key]) {
        let mut unknown: Vec<_> = self
            .keys
            .iter()
            .filter(|(name, _)| known.iter().all(|key| key.name != *name))
            .collect();
        unknown.sort_by_key(|(_, value)| Span::of(value));
        for (name, value) in unknown {
            let sentence = self.unknown(name, known);
            report.fault(
                Span::of_key(value),
                &self.path_of(&path_part(name)),
                sentence,
            );
        }
    }

    fn unknown(&self, name: &str, known: &[Key]) -> String {
        let names = || known.iter().map(|key| key.name);
        let hint = did_you_mean(name, names())
            .or_else(|| (self.where_key_belongs)(name))
            .unwrap_or_else(|| format!("its keys are {}", names().collect::<Vec<_>>().join(", ")));
        format!("is no key of {}: {hint}", self.title)
    }
}

/// A key as a part of a path: in quotes, unless TOML allows it without.
pub(super) fn path_part(name: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    if (1..=40).contains(&name.len()) && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}
