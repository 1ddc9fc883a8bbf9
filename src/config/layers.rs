//! The layers of the configuration: the file, the environment, the flags; the later one wins.

use ::config::{Config as Layered, ConfigError, Map, Source, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::Location;
use super::report::Report;
use super::schema::{Kind, SECTIONS, single_keys};
use super::span::Span;
use super::suggest::did_you_mean;
use super::syntax;

/// Every environment variable that sets a key begins with this.
const PREFIX: &str = "CAROM_";

/// The last layer: flags that set keys, such as `ring.lease` to `1s`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(Vec<(String, String)>);

impl Overrides {
    /// Sets a key of `[ring]`, `[screen]` or `[ports]`, written `section.key`. If a key is set twice,
    /// the later one wins.
    #[must_use]
    pub fn set(mut self, key: &str, text: &str) -> Self {
        self.0.push((key.to_owned(), text.to_owned()));
        self
    }
}

/// One layer; every value knows its origin.
#[derive(Clone, Debug)]
pub(super) struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// The file as values. If it is no TOML, reports that and returns nothing.
pub(super) fn from_file<'text>(text: &'text str, report: &mut Report<'text>) -> Option<Value> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        syntax::refuse(text, &errors, report);
        return None;
    }
    let mut walk = TomlWalk {
        report,
        path: vec![],
    };
    Some(Value::new(None, walk.table(table.get_ref())))
}

/// Converts the parsed file into values.
struct TomlWalk<'report, 'text> {
    report: &'report mut Report<'text>,
    path: Vec<String>,
}

impl TomlWalk<'_, '_> {
    fn table(&mut self, table: &DeTable<'_>) -> Map<String, Value> {
        let mut values = Map::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            self.path.push(super::table::path_part(&name));
            let converted = self.value(&key.span(), value);
            self.path.pop();
            if self.path.is_empty() {
                self.report.sources.add_section(&name, &converted);
            }
            values.insert(name, converted);
        }
        values
    }

    fn value(&mut self, key: &std::ops::Range<usize>, value: &Spanned<DeValue<'_>>) -> Value {
        let span = value.span();
        let origin = self.report.sources.add(key, &span);
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Integer(number) => integer(number),
            DeValue::Float(number) => ValueKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(switch) => ValueKind::Boolean(*switch),
            DeValue::Array(list) => {
                let elements = list.iter();
                let elements = elements.map(|element| self.value(&element.span(), element));
                ValueKind::Array(elements.collect())
            }
            DeValue::Table(table) => ValueKind::Table(self.table(table)),
            DeValue::Datetime(_) => {
                let path = self.path.join(".");
                let at = Value::new(Some(&origin), ValueKind::Nil);
                let sentence = "is a date or a time of day, which no key takes: \
                                put it in quotes if it is meant as text";
                self.report.fault(Span::of(&at), &path, sentence);
                ValueKind::Nil
            }
        };
        Value::new(Some(&origin), kind)
    }
}

/// A whole number. One that is too large for any key becomes the largest that there is.
fn integer(number: &DeInteger<'_>) -> ValueKind {
    let (digits, radix) = (number.as_str(), number.radix());
    if let Ok(number) = i64::from_str_radix(digits, radix) {
        return ValueKind::I64(number);
    }
    let limit = if digits.starts_with('-') {
        i128::MIN
    } else {
        i128::MAX
    };
    ValueKind::I128(i128::from_str_radix(digits, radix).unwrap_or(limit))
}

/// The value of a key that was set as text.
fn from_text(kind: Kind, origin: Option<&String>, text: &str) -> Value {
    let number = || {
        let whole = text.parse().map(ValueKind::I64);
        whole.or_else(|_| text.parse().map(ValueKind::Float)).ok()
    };
    let list = || {
        // Also as the file would have it, with brackets and quotes: the shell may have taken the quotes.
        let bare = text.trim();
        let bare = bare
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let parts = bare.unwrap_or(text).split(',').map(str::trim);
        let parts = parts.map(|part| part.trim_matches('"'));
        let parts = parts.filter(|part| !part.is_empty());
        let element = |part: &str| Value::new(origin, ValueKind::String(part.to_owned()));
        ValueKind::Array(parts.map(element).collect())
    };
    let other_than_text = match kind {
        Kind::Number => number(),
        Kind::List => Some(list()),
        Kind::NumberOrList => number().or_else(|| Some(list())),
        Kind::Text | Kind::FileOnly => None,
    };
    Value::new(
        origin,
        other_than_text.unwrap_or_else(|| ValueKind::String(text.to_owned())),
    )
}

/// The name of the environment variable that sets a key.
fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{section}__{key}")
        .to_uppercase()
        .replace('-', "_")
}

/// What the environment sets. Reports variables that look like keys but are none.
///
/// Variables without two underscores, such as `CAROM_NODE`, set no key and are ignored.
pub(super) fn from_environment(variables: &[(String, String)], report: &mut Report<'_>) -> Layer {
    let known: Vec<_> = single_keys()
        .map(|(section, key)| (variable(section.name, key.name), section, key))
        .collect();
    let mut layer = Map::new();
    for (name, text) in variables {
        if !name
            .strip_prefix(PREFIX)
            .is_some_and(|rest| rest.contains("__"))
        {
            continue;
        }
        let location = Location::Environment {
            variable: name.as_str().into(),
        };
        let origin = report.sources.add_outside_file(location);
        if let Some((_, section, key)) = known.iter().find(|(known, ..)| known == name) {
            let path = format!("{}.{}", section.name, key.name);
            layer.insert(path, from_text(key.kind, Some(&origin), text));
        } else {
            let names = known.iter().map(|(name, ..)| name.as_str());
            let hint = outside_hint(name, names);
            let at = Span::of(&Value::new(Some(&origin), ValueKind::Nil));
            report.fault(at, "", format!("sets no key that there is: {hint}"));
        }
    }
    Layer(layer)
}

/// What the flags set. Reports flags that set no key.
pub(super) fn from_flags(overrides: &Overrides, report: &mut Report<'_>) -> Layer {
    let known: Vec<_> = single_keys()
        .map(|(section, key)| (format!("{}.{}", section.name, key.name), key.kind))
        .collect();
    let mut layer = Map::new();
    for (name, text) in &overrides.0 {
        let location = Location::Flag {
            key: name.as_str().into(),
        };
        let origin = report.sources.add_outside_file(location);
        if let Some((path, kind)) = known.iter().find(|(path, _)| path == name) {
            layer.insert(path.clone(), from_text(*kind, Some(&origin), text));
        } else {
            let hint = outside_hint(name, known.iter().map(|(path, _)| path.as_str()));
            let at = Span::of(&Value::new(Some(&origin), ValueKind::Nil));
            report.fault(at, "", format!("sets no key that there is: {hint}"));
        }
    }
    Layer(layer)
}

fn outside_hint<'known>(name: &str, known: impl Iterator<Item = &'known str>) -> String {
    let lower = name.to_lowercase();
    let of = |section: &str| {
        lower
            .strip_prefix("carom_")
            .unwrap_or(&lower)
            .starts_with(section)
    };
    if of("node") || of("ball") {
        return "nodes and balls can be set in the file only".to_owned();
    }
    did_you_mean(name, known).unwrap_or_else(|| {
        "only the keys of [ring], [screen] and [ports] can be set here".to_owned()
    })
}

/// Merges the layers.
///
/// Unknown sections of the file are left out: they have been reported, and the crate `config` reads
/// some names as paths.
///
/// # Errors
///
/// If the crate `config` refuses a key, which it does for none of the known keys.
pub(super) fn merge(file: &Value, environment: Layer, flags: Layer) -> Result<Value, ConfigError> {
    let mut builder = Layered::builder();
    let mut sections = Map::new();
    if let ValueKind::Table(keys) = &file.kind {
        let known = keys
            .iter()
            .filter(|(name, _)| SECTIONS.iter().any(|section| section.name == *name));
        sections.extend(known.map(|(name, value)| (name.clone(), value.clone())));
    }
    builder = builder.add_source(Layer(sections)).add_source(environment);
    for (path, value) in flags.0 {
        builder = builder.set_override(path, value)?;
    }
    Ok(builder.build()?.cache)
}
