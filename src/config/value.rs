//! Reads single values. No value is converted to another type.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ::config::{Value, ValueKind};

use super::duration;
use super::fault::quoted;
use super::host::reachable;
use super::span::Span;
use super::suggest::did_you_mean;

/// Why a value cannot be used, in words that follow its key.
#[derive(Debug)]
pub(super) struct InvalidValue {
    pub(super) sentence: String,
    /// If one element of a list is at fault: its span, and what to append to the key.
    pub(super) element: Option<(Span, String)>,
}

impl From<String> for InvalidValue {
    fn from(sentence: String) -> Self {
        Self {
            sentence,
            element: None,
        }
    }
}

/// The value in words that follow "not".
fn described(value: &Value) -> String {
    match &value.kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(switch) => switch.to_string(),
        ValueKind::I64(number) => number.to_string(),
        ValueKind::U64(number) => number.to_string(),
        ValueKind::I128(_) | ValueKind::U128(_) => "a number that is far too large".to_owned(),
        ValueKind::Float(number) if number.is_nan() => "nan".to_owned(),
        ValueKind::Float(number) => format!("{number:?}"),
        ValueKind::String(text) => format!("the text {}", quoted(text)),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(list) => format!("a list of {}", list.len()),
    }
}

/// The sentence `wants THIS, not THAT`.
pub(super) fn wants(wanted: &str, value: &Value) -> InvalidValue {
    format!("wants {wanted}, not {}", described(value)).into()
}

fn wants_number(wanted: &str, value: &Value) -> InvalidValue {
    let mut invalid = wants(wanted, value);
    if let ValueKind::String(text) = &value.kind
        && text.parse::<f64>().is_ok_and(f64::is_finite)
    {
        invalid.sentence += ": take the quotes off";
    }
    invalid
}

/// A whole number of any size.
pub(super) fn integer(value: &Value) -> Option<i128> {
    match value.kind {
        ValueKind::I64(number) => Some(number.into()),
        ValueKind::I128(number) => Some(number),
        ValueKind::U64(number) => Some(number.into()),
        ValueKind::U128(number) => i128::try_from(number).ok(),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)
        | ValueKind::Table(_)
        | ValueKind::Array(_) => None,
    }
}

/// A text.
pub(super) fn string<'value>(
    value: &'value Value,
    wanted: &str,
) -> Result<&'value str, InvalidValue> {
    match &value.kind {
        ValueKind::String(text) => Ok(text),
        ValueKind::I64(_) | ValueKind::Float(_) | ValueKind::Boolean(_) => {
            let mut invalid = wants(wanted, value);
            invalid.sentence += ": put it in quotes";
            Err(invalid)
        }
        ValueKind::Nil
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Table(_)
        | ValueKind::Array(_) => Err(wants(wanted, value)),
    }
}

/// A whole number within a range.
pub(super) fn whole<T>(value: &Value, range: RangeInclusive<T>) -> Result<T, InvalidValue>
where
    T: Copy + PartialOrd + TryFrom<i128> + std::fmt::Display,
{
    integer(value)
        .and_then(|number| T::try_from(number).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            wants_number(&format!("a whole number from {low} to {high}"), value)
        })
}

/// A TCP port. Not 0, with which the system would choose one: the other nodes must know it.
pub(super) fn port(value: &Value) -> Result<u16, InvalidValue> {
    whole(value, 1..=u16::MAX)
}

/// A number within a range, whole or not.
pub(super) fn number(value: &Value, range: RangeInclusive<f64>) -> Result<f64, InvalidValue> {
    let number = match value.kind {
        ValueKind::Float(number) => Some(number),
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            integer(value).map(|number| number as f64)
        }
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::String(_)
        | ValueKind::Table(_)
        | ValueKind::Array(_) => None,
    };
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            wants_number(&format!("a number from {low} to {high}"), value)
        })
}

/// A side of a screen, in pixels.
pub(super) fn side(value: &Value) -> Result<f64, InvalidValue> {
    number(value, 1.0..=100_000.0)
}

/// `true` or `false`.
pub(super) fn switch(value: &Value) -> Result<bool, InvalidValue> {
    if let ValueKind::Boolean(switch) = value.kind {
        return Ok(switch);
    }
    let mut invalid = wants("true or false", value);
    if matches!(&value.kind, ValueKind::String(text) if text == "true" || text == "false") {
        invalid.sentence += ": take the quotes off";
    }
    Err(invalid)
}

/// One of a few words; each comes with its meaning.
pub(super) fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, InvalidValue> {
    let known = || words.iter().map(|(word, _)| *word);
    let choice: Vec<_> = known().map(|word| format!("{word:?}")).collect();
    let choice = match choice.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        all => all.join(", "),
    };
    let text = string(value, &choice)?;
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let mut invalid = wants(&choice, value);
        if let Some(hint) = did_you_mean(text, known()) {
            invalid.sentence += &format!(": {hint}");
        }
        invalid
    })
}

/// A duration within a range; `words` is the range as text.
pub(super) fn time(
    value: &Value,
    range: RangeInclusive<Duration>,
    words: &str,
) -> Result<Duration, InvalidValue> {
    const WANTED: &str = "a time in quotes, a whole number with ms, s or m such as \"500ms\"";
    if let ValueKind::I64(number @ 0..) = value.kind {
        let hint = format!(
            "{}: write \"{number}ms\" or \"{number}s\"",
            wants(WANTED, value).sentence
        );
        return Err(hint.into());
    }
    let text = string(value, WANTED)?;
    let time = duration::parse(text).ok_or_else(|| wants(WANTED, value))?;
    if range.contains(&time) {
        Ok(time)
    } else {
        Err(format!("wants a time from {words}, not {}", quoted(text)).into())
    }
}

/// A ring's or a node's name. It is used in host names, file names, command lines and traces.
pub(super) fn name(value: &Value) -> Result<String, InvalidValue> {
    const WANTED: &str =
        "a name of letters without accents, digits, dots, dashes and underscores, 63 at most";
    let text = string(value, WANTED)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if !(1..=63).contains(&text.len()) || !text.chars().all(plain) {
        return Err(wants(WANTED, value));
    }
    if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        let sentence = format!(
            "must begin with a letter or a digit, {} does not",
            quoted(text)
        );
        return Err(sentence.into());
    }
    Ok(text.to_owned())
}

/// The host at which the other nodes reach a node. `ports` names the key for the node's ports.
pub(super) fn host(value: &Value, ports: &str) -> Result<String, InvalidValue> {
    let text = string(value, "a host name or an IP address such as \"pi1.local\"")?;
    if let Some((_, host)) = text.rsplit_once('@') {
        let sentence = format!(
            "wants the host alone: write {} here and the user in ssh",
            quoted(host)
        );
        return Err(sentence.into());
    }
    reachable(text, ports)?;
    Ok(text.to_owned())
}

/// A list of host names and addresses.
pub(super) fn hosts(value: &Value, most: usize) -> Result<Vec<String>, InvalidValue> {
    const WANTED: &str = "a list of host names such as [\"pis.school.example\"]";
    let ValueKind::Array(elements) = &value.kind else {
        return Err(wants(WANTED, value));
    };
    if let Some(beyond) = elements.get(most) {
        return Err(InvalidValue {
            sentence: format!("is one of {} names: {most} are the most", elements.len()),
            element: Some((Span::of(beyond), format!("[{}]", most + 1))),
        });
    }
    let mut hosts = Vec::with_capacity(elements.len());
    for (element, number) in elements.iter().zip(1..) {
        hosts.push(host(element, "ports").map_err(|invalid| InvalidValue {
            element: Some((Span::of(element), format!("[{number}]"))),
            ..invalid
        })?);
    }
    Ok(hosts)
}

/// What to hand to `ssh`: a host, or `user@host`.
pub(super) fn ssh(value: &Value) -> Result<String, InvalidValue> {
    let text = string(value, "a host or user@host such as \"pi@pi1.local\"")?;
    let (user, host) = match text.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, text),
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if let Some(user) = user
        && (user.is_empty() || user.starts_with('-') || !user.chars().all(plain))
    {
        let user = quoted(user);
        let sentence = format!("wants user@host such as \"pi@pi1.local\", {user} is no user name");
        return Err(sentence.into());
    }
    reachable(host, "~/.ssh/config")?;
    Ok(text.to_owned())
}

/// An address to listen on.
pub(super) fn address(value: &Value) -> Result<IpAddr, InvalidValue> {
    const WANTED: &str = "an IP address of this node such as \"192.168.7.11\" or \"::\"";
    string(value, WANTED)?
        .parse()
        .map_err(|_| wants(WANTED, value))
}

/// A file's path.
pub(super) fn path(value: &Value) -> Result<PathBuf, InvalidValue> {
    let text = string(value, "the path of a file")?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(wants("the path of a file", value));
    }
    Ok(PathBuf::from(text))
}

/// A list with exactly one element for each name.
pub(super) fn list<T, const COUNT: usize>(
    value: &Value,
    names: [&str; COUNT],
    read: impl Fn(&Value) -> Result<T, InvalidValue>,
) -> Result<[T; COUNT], InvalidValue> {
    let wanted = || format!("a list [{}]", names.join(", "));
    let ValueKind::Array(elements) = &value.kind else {
        return Err(wants(&wanted(), value));
    };
    if elements.len() != COUNT {
        return Err(wants(&wanted(), value));
    }
    let mut taken = Vec::with_capacity(COUNT);
    for (element, name) in elements.iter().zip(names) {
        taken.push(read(element).map_err(|invalid| InvalidValue {
            element: Some((Span::of(element), format!("[{name}]"))),
            ..invalid
        })?);
    }
    taken
        .try_into()
        .map_err(|_| InvalidValue::from(format!("wants {}", wanted())))
}
