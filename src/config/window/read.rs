//! Reads a `[[node]]` with `kind = "window"`.

use ::config::{Value, ValueKind};

use crate::config::defaults;
use crate::config::fault::quoted;
use crate::config::host::reachable;
use crate::config::partial::{PartialWindow, Sides};
use crate::config::report::Report;
use crate::config::schema::{NODE, SCREEN, WINDOW_KEYS, where_key_belongs};
use crate::config::span::{Span, Spanned};
use crate::config::table::Table;
use crate::config::value::{self, InvalidValue};
use crate::endpoint::Endpoint;
use crate::ring::Screen;

/// Whether a `[[node]]` is a window. Reports an unknown kind.
pub(crate) fn is_window(table: &Table<'_>, report: &mut Report<'_>) -> bool {
    let kinds = [("carom", false), ("window", true)];
    let kind = table.optional(report, "kind", |value| value::one_of(value, &kinds));
    match kind {
        Some(kind) => kind.value,
        // If the kind cannot be read, guess it from the other keys, so that those are not reported too.
        None => table.get("kind").is_some() && table.get("listen-left").is_some(),
    }
}

/// Where a key belongs that no `[[node]]` with carom has.
pub(crate) fn where_node_key_belongs(name: &str) -> Option<String> {
    let windows = WINDOW_KEYS.iter().any(|key| key.name == name);
    let here = || "take it out, it is for kind = \"window\"".to_owned();
    windows.then(here).or_else(|| where_key_belongs(name))
}

/// Where a key belongs that no window has.
fn where_window_key_belongs(name: &str) -> Option<String> {
    let nodes = NODE.keys.iter().any(|key| key.name == name);
    let here = || "take it out, it is for nodes that run carom".to_owned();
    nodes.then(here).or_else(|| where_key_belongs(name))
}

/// Reads a window that comes after `nodes_before` nodes, and into which balls come from `entrances`.
/// Reports what is wrong with it.
pub(crate) fn read(
    mut table: Table<'_>,
    nodes_before: usize,
    entrances: Sides,
    report: &mut Report<'_>,
) -> PartialWindow {
    table.title = "a window".to_owned();
    table.where_key_belongs = where_window_key_belongs;
    table.refuse_unknown(report, WINDOW_KEYS);
    let sides = [
        ("listen-left", entrances.left),
        ("listen-right", entrances.right),
    ];
    let needs_host = sides
        .iter()
        .any(|&(name, is_used)| is_used && table.get(name).is_none());
    let read = |value: &Value| value::host(value, "listen-left and listen-right");
    let host = if needs_host {
        table.required(report, WINDOW_KEYS, "host", read)
    } else {
        table.optional(report, "host", read)
    };
    let mut listen = |(name, is_used): (&str, bool), port: u16| {
        let listen = if table.get(name).is_some() {
            table.optional(report, name, endpoint)
        } else {
            let host = host.clone();
            host.map(|host| host.map(|host| Endpoint { host, port }))
        };
        listen.filter(|_| is_used)
    };
    let [left, right] = sides;
    PartialWindow {
        entrances,
        listen_left: listen(left, defaults::PORTS.window_left),
        listen_right: listen(right, defaults::PORTS.window_right),
        screen: screen(&table, report),
        written_name: table.text("name"),
        name: table.required(report, WINDOW_KEYS, "name", value::name),
        span: table.span,
        key: table.path.clone(),
        nodes_before,
    }
}

/// A window's screen; `None` if it cannot be read.
fn screen(window: &Table<'_>, report: &mut Report<'_>) -> Option<Screen> {
    let Some(value) = window.get(SCREEN.name) else {
        return Some(defaults::SCREEN);
    };
    let path = window.path_of(SCREEN.name);
    let Some(table) = Table::of(value, &path, "a window's screen") else {
        let sentence = "wants a table such as { width = 800, height = 600 }";
        report.fault(Span::of(value), &path, sentence);
        return None;
    };
    table.refuse_unknown(report, SCREEN.keys);
    let mut side = |name, default| match table.get(name) {
        None => Some(default),
        Some(_) => table
            .optional(report, name, value::side)
            .map(|Spanned { value, .. }| value),
    };
    let (width, height) = (
        side("width", defaults::SCREEN.width),
        side("height", defaults::SCREEN.height),
    );
    Some(Screen {
        width: width?,
        height: height?,
    })
}

/// An address with its port, such as `laptop.local:10001` or `[fe80::7]:10001`.
fn endpoint(value: &Value) -> Result<Endpoint, InvalidValue> {
    const WANTED: &str = "wants an address and a port in quotes, such as \"laptop.local:10001\" \
                          or \"[fe80::7]:10001\"";
    let ValueKind::String(text) = &value.kind else {
        return Err(WANTED.to_owned().into());
    };
    let invalid = || InvalidValue::from(format!("{WANTED}, not {}", quoted(text)));
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").ok_or_else(invalid)?,
        None => text.rsplit_once(':').ok_or_else(invalid)?,
    };
    if text.starts_with('[') != host.contains(':') {
        let address = "a name or an IPv4 address has no brackets, an IPv6 address needs them";
        return Err(format!("{WANTED}, not {}: {address}", quoted(text)).into());
    }
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let number = port.parse().ok().filter(|&number| digits && number != 0);
    let Some(port) = number else {
        let port = quoted(port);
        return Err(format!("wants a port from 1 to 65535 behind the colon, not {port}").into());
    };
    reachable(host, "the part behind the colon")?;
    let host = host.to_owned();
    Ok(Endpoint { host, port })
}
