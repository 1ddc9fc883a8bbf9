//! Reads `led = { backend = "gpio", pin = 17 }`: the other keys depend on the backend.

use std::path::PathBuf;

use ::config::Value;

use super::LedConfig;
use super::schema::{BACKENDS, every_led_key, where_led_key_belongs};
use super::span::{Report, Span, Spanned};
use super::table::Table;
use super::value;

/// The device that pins are on if `chip` does not say.
const CHIP: &str = "/dev/gpiochip0";

/// Reads a node's `led`; reports what is wrong with it.
pub(super) fn read(node: &Table<'_>, report: &mut Report<'_>) -> Option<Spanned<LedConfig>> {
    let value = node.get("led")?;
    let path = node.path_of("led");
    let Some(table) = Table::of(value, &path, "an LED") else {
        let text = node.text("led").unwrap_or_default();
        let known = BACKENDS.iter().find(|(backend, _)| *backend == text);
        let example = known.map_or("act", |(backend, _)| *backend);
        let sentence = format!("wants a table such as {{ backend = {example:?} }}");
        report.fault(Span::of(value), &path, sentence);
        return None;
    };
    read_table(table, report)
}

fn read_table(mut table: Table<'_>, report: &mut Report<'_>) -> Option<Spanned<LedConfig>> {
    let words: Vec<_> = BACKENDS
        .iter()
        .map(|(backend, keys)| (*backend, (*backend, *keys)))
        .collect();
    let read = |value: &Value| value::one_of(value, &words);
    let every = every_led_key();
    let Some(backend) = table.required(report, &every, "backend", read) else {
        // Which keys belong here is unknown, but some belong nowhere.
        table.refuse_unknown(report, &every, &[]);
        return None;
    };
    let (name, keys) = backend.value;
    table.title = format!("the backend {name:?}");
    table.where_key_belongs = where_led_key_belongs;
    table.refuse_unknown(report, keys, &[]);

    let pin = |report: &mut Report<'_>| table.required(report, keys, "pin", value::pin);
    let active_low = table.optional(report, "active-low", value::switch);
    let active_low = active_low.is_some_and(|active_low| active_low.value);
    match name {
        "gpio" => pin(report).map(|pin| pin.map(|pin| LedConfig::Gpio { pin, active_low })),
        "gpiochip" => {
            let chip = table.optional(report, "chip", value::device);
            let chip = chip.map_or_else(|| PathBuf::from(CHIP), |chip| chip.value);
            let led = |pin| LedConfig::GpioChip {
                chip,
                pin,
                active_low,
            };
            pin(report).map(|pin| pin.map(led))
        }
        "sysfs" => {
            let name = table.required(report, keys, "name", value::led_name)?;
            Some(name.map(|name| LedConfig::Sysfs { name, active_low }))
        }
        "act" => Some(backend.map(|_| LedConfig::Act)),
        "trace" => {
            let path = table.required(report, keys, "path", value::path)?;
            Some(path.map(|path| LedConfig::Trace { path }))
        }
        _ => Some(backend.map(|_| LedConfig::None)),
    }
}
