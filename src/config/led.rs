//! The keys of `led = { backend = "gpio", pin = 17 }`: which there are depends on the backend.

use std::path::PathBuf;

use ::config::Value;

use super::fault::quoted;
use super::report::Report;
use super::schema::Key;
use super::schema::Kind::{FileOnly, Number, Text};
use super::span::{Span, Spanned};
use super::table::Table;
use super::value::{self, InvalidValue, string, wants};
use crate::led::LedConfig;

/// A backend, as the ring file names it.
pub(super) struct Backend {
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
    /// Reads the keys; reports what is wrong with them.
    read: fn(&LedTable<'_>, &mut Report<'_>) -> Option<Spanned<LedConfig>>,
}

const BACKEND: Key = Key::new("backend", Text, r#"backend = "act""#);
const PIN: Key = Key::new("pin", Number, "pin = 17");
const CHIP: Key = Key::new("chip", Text, r#"chip = "/dev/gpiochip0""#);
const ACTIVE_LOW: Key = Key::new("active-low", FileOnly, "active-low = true");
const NAME: Key = Key::new("name", Text, r#"name = "PWR""#);
const PATH: Key = Key::new("path", Text, r#"path = "/tmp/carom-pi1.trace""#);

/// Every backend.
pub(super) const BACKENDS: &[Backend] = &[
    Backend {
        name: "gpio",
        keys: &[BACKEND, PIN, ACTIVE_LOW],
        read: |led, report| {
            let active_low = led.active_low;
            let pin = led.required(report, "pin", header_pin)?;
            Some(pin.map(|pin| LedConfig::Gpio { pin, active_low }))
        },
    },
    Backend {
        name: "gpiochip",
        keys: &[BACKEND, PIN, CHIP, ACTIVE_LOW],
        read: |led, report| {
            let active_low = led.active_low;
            let chip = led.table.optional(report, "chip", device);
            let chip = chip.map(|chip| chip.value);
            let pin = led.required(report, "pin", line)?;
            Some(pin.map(|pin| LedConfig::GpioChip {
                chip,
                pin,
                active_low,
            }))
        },
    },
    Backend {
        name: "sysfs",
        keys: &[BACKEND, NAME, ACTIVE_LOW],
        read: |led, report| {
            let active_low = led.active_low;
            let name = led.required(report, "name", led_name)?;
            Some(name.map(|name| LedConfig::Sysfs { name, active_low }))
        },
    },
    Backend {
        name: "act",
        keys: &[BACKEND, ACTIVE_LOW],
        read: |led, _| {
            let active_low = led.active_low;
            Some(led.at_backend(LedConfig::Act { active_low }))
        },
    },
    Backend {
        name: "trace",
        keys: &[BACKEND, PATH],
        read: |led, report| {
            let path = led.required(report, "path", value::path)?;
            Some(path.map(|path| LedConfig::Trace { path }))
        },
    },
    Backend {
        name: "none",
        keys: &[BACKEND],
        read: |led, _| Some(led.at_backend(LedConfig::None)),
    },
];

/// The table of an LED whose backend is known.
struct LedTable<'value> {
    table: Table<'value>,
    backend: Spanned<&'static Backend>,
    active_low: bool,
}

impl LedTable<'_> {
    fn required<T>(
        &self,
        report: &mut Report<'_>,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, InvalidValue>,
    ) -> Option<Spanned<T>> {
        self.table
            .required(report, self.backend.value.keys, name, read)
    }

    /// Settings that are reported at the key `backend`, as they have no other key.
    fn at_backend(&self, led: LedConfig) -> Spanned<LedConfig> {
        self.backend.clone().map(|_| led)
    }
}

/// Reads a node's `led`; reports what is wrong with it.
///
/// The span is that of what no other node of the host may use: the pin, the name, or the path.
pub(super) fn read(node: &Table<'_>, report: &mut Report<'_>) -> Option<Spanned<LedConfig>> {
    let value = node.get("led")?;
    let path = node.path_of("led");
    let Some(table) = Table::of(value, &path, "an LED") else {
        let text = node.text("led").unwrap_or_default();
        let known = BACKENDS.iter().find(|backend| backend.name == text);
        let example = known.map_or("act", |backend| backend.name);
        let sentence = format!("wants a table such as {{ backend = {example:?} }}");
        report.fault(Span::of(value), &path, sentence);
        return None;
    };
    read_table(table, report)
}

fn read_table(mut table: Table<'_>, report: &mut Report<'_>) -> Option<Spanned<LedConfig>> {
    let words: Vec<_> = BACKENDS
        .iter()
        .map(|backend| (backend.name, backend))
        .collect();
    let every = every_key();
    let read = |value: &Value| value::one_of(value, &words);
    let Some(backend) = table.required(report, &every, "backend", read) else {
        // Some backend may have the key, but a key that no backend has is wrong in any case.
        table.refuse_unknown(report, &every);
        return None;
    };
    table.title = format!("the backend {:?}", backend.value.name);
    table.where_key_belongs = where_key_belongs;
    table.refuse_unknown(report, backend.value.keys);
    let active_low = table.optional(report, "active-low", value::switch);
    let read = backend.value.read;
    let led = LedTable {
        active_low: active_low.is_some_and(|active_low| active_low.value),
        table,
        backend,
    };
    read(&led, report)
}

/// The keys of all backends, each once.
fn every_key() -> Vec<Key> {
    let mut every: Vec<Key> = Vec::new();
    for key in BACKENDS.iter().flat_map(|backend| backend.keys) {
        if every.iter().all(|other| other.name != key.name) {
            every.push(*key);
        }
    }
    every
}

/// The backends that have a key of that name: `take it out, it is for "gpio"`.
fn where_key_belongs(name: &str) -> Option<String> {
    let backends: Vec<_> = BACKENDS
        .iter()
        .filter(|backend| backend.keys.iter().any(|key| key.name == name))
        .map(|backend| format!("{:?}", backend.name))
        .collect();
    (!backends.is_empty()).then(|| format!("take it out, it is for {}", backends.join(", ")))
}

/// A pin of a GPIO device. How many it has is known when it is opened.
fn line(value: &Value) -> Result<u16, InvalidValue> {
    value::whole(value, 0..=u16::MAX)
}

/// A pin of a Pi's header.
fn header_pin(value: &Value) -> Result<u16, InvalidValue> {
    value::whole(value, 0..=27).map_err(|invalid| match value::integer(value) {
        Some(_) => format!("{}: write the pin's BCM number", invalid.sentence).into(),
        None => invalid,
    })
}

/// A device such as `/dev/gpiochip0`.
fn device(value: &Value) -> Result<PathBuf, InvalidValue> {
    const WANTED: &str = "a GPIO device such as \"/dev/gpiochip0\"";
    let text = string(value, WANTED)?;
    let path = value::path(value)?;
    if text.starts_with("/dev/") && !text.contains("/../") {
        Ok(path)
    } else {
        Err(wants(WANTED, value))
    }
}

/// A name in `/sys/class/leds`.
fn led_name(value: &Value) -> Result<String, InvalidValue> {
    const WANTED: &str = "the name of an LED, as `ls /sys/class/leds` shows it";
    let text = string(value, WANTED)?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._:-".contains(letter);
    if (1..=63).contains(&text.len()) && text.chars().all(is_plain) && !text.starts_with('.') {
        Ok(text.to_owned())
    } else {
        Err(wants(WANTED, value))
    }
}

/// What two nodes of one host cannot both use, in words.
pub(super) fn hardware_in_words(hardware: &crate::led::Hardware) -> String {
    match &hardware.name {
        Some(name) => format!("{} {}", hardware.what, quoted(name)),
        None => hardware.what.clone(),
    }
}
