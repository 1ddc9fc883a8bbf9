//! Reads the merged values, section by section and key by key, into a [`PartialConfig`].

use std::time::Duration;

use ::config::{Map, Value, ValueKind};

use super::partial::{
    PartialBall, PartialConfig, PartialNode, PartialPorts, PartialRing, PartialWindow, Sides,
};
use super::report::Report;
use super::schema::{BALL, NODE, PORTS, RING, SCREEN, SECTIONS, Section, where_key_belongs};
use super::span::Span;
use super::suggest::did_you_mean;
use super::table::{Table, path_part};
use super::types::Ports;
use super::voters::WrittenVoters;
use super::window::read::{is_window, read as read_window, where_node_key_belongs};
use super::{defaults, led, value, voters};
use crate::ring::window_chain::{LateCopy, MOST_GUESTS};
use crate::ring::{MOST_BALLS, MOST_NODES, OnPartition, Screen, Shape};

/// The longest `dwell` of a ball.
const LONGEST_DWELL: Duration = Duration::from_secs(24 * 60 * 60);

/// The most names in `http-names`.
const MOST_HTTP_NAMES: usize = 64;

/// The greatest speed along one axis, in pixels a second.
const FASTEST: f64 = 1e9;

/// Reads everything that can be read and reports everything that cannot.
pub(super) fn read(values: &Value, report: &mut Report<'_>) -> PartialConfig {
    let root = Table::of(values, "", "the file");
    // A section that is not there is read as an empty one: its keys have their defaults.
    let empty = Value::new(None, ValueKind::Table(Map::new()));
    let section = |section: &Section, report: &mut Report<'_>| {
        let root = root.as_ref()?;
        let value = if root.has(section.name) {
            root.get(section.name)?
        } else {
            &empty
        };
        single(section, value, report)
    };
    let ring = section(&RING, report).map(|table| ring(&table, report));
    let (width, height) = match section(&SCREEN, report) {
        Some(table) => {
            table.refuse_unknown(report, SCREEN.keys);
            let Screen { width, height } = defaults::SCREEN;
            (
                table.or_default(report, "width", width, value::side),
                table.or_default(report, "height", height, value::side),
            )
        }
        None => (None, None),
    };
    let ports = section(&PORTS, report).map(|table| ports(&table, Some(&defaults::PORTS), report));
    let list = |section: &Section, most, report: &mut Report<'_>| {
        let value = root.as_ref().and_then(|root| root.get(section.name));
        repeated(section, value, most, report)
    };
    let members = list(&NODE, MOST_NODES, report).map(|values| {
        if values.is_empty() {
            let sentence = "is missing: a ring has at least one [[node]] with a name and a host";
            report.missing(Span::File, NODE.name, sentence);
        }
        let shape = ring.as_ref().and_then(|ring| ring.shape.as_ref());
        nodes_and_windows(values, shape.map(|shape| shape.value), report)
    });
    let (nodes, windows) = members.map_or((None, Vec::new()), |(nodes, windows)| {
        (Some(nodes), windows)
    });
    let balls = list(&BALL, MOST_BALLS, report).unwrap_or_default();
    let mut partial = PartialConfig {
        ring: ring.unwrap_or_default(),
        width,
        height,
        ports: ports.unwrap_or_default(),
        nodes,
        windows,
        balls: numbered(balls, |number, value| ball(number, value, report)),
    };
    partial.find_window_sides();
    partial
}

/// Reports unknown sections of the file.
pub(super) fn refuse_unknown_sections(file: &Value, report: &mut Report<'_>) {
    let ValueKind::Table(keys) = &file.kind else {
        return;
    };
    let mut unknown: Vec<_> = keys
        .iter()
        .filter(|(name, _)| SECTIONS.iter().all(|section| section.name != *name))
        .collect();
    unknown.sort_by_key(|(_, value)| Span::of(value));
    for (name, value) in unknown {
        let hint = did_you_mean(name, SECTIONS.map(|section| section.name))
            .or_else(|| where_key_belongs(name))
            .unwrap_or_else(|| format!("the parts are {}", SECTIONS.map(|s| s.header).join(", ")));
        let sentence = format!("is no part of a ring file: {hint}");
        report.fault(Span::of_key(value), &path_part(name), sentence);
    }
}

/// A section that may come once.
fn single<'value>(
    section: &Section,
    value: &'value Value,
    report: &mut Report<'_>,
) -> Option<Table<'value>> {
    let Some(mut table) = Table::of(value, section.name, section.header) else {
        let header = section.header;
        let sentence = format!("wants to be one table: write {header} and its keys below");
        report.fault(Span::of_key(value), section.name, sentence);
        return None;
    };
    table.span = report.sources.section(section.name);
    Some(table)
}

/// The elements of a section that may come often; `None` if the value is no list of tables.
fn repeated<'value>(
    section: &Section,
    value: Option<&'value Value>,
    most: usize,
    report: &mut Report<'_>,
) -> Option<&'value [Value]> {
    let Some(value) = value else {
        return Some(&[]);
    };
    let (name, header) = (section.name, section.header);
    let ValueKind::Array(elements) = &value.kind else {
        let sentence = format!("needs two brackets: write {header} once for every {name}");
        report.fault(report.sources.section(name), name, sentence);
        return None;
    };
    if let Some(beyond) = elements.get(most) {
        let count = elements.len();
        let sentence = format!(
            "comes {count} times: a ring has at most {most}, take this one and those after it out"
        );
        report.fault(Span::of(beyond), name, sentence);
        return None;
    }
    let mut whole = true;
    for element in elements {
        if !matches!(element.kind, ValueKind::Table(_)) {
            let sentence = format!("wants to be tables: write {header} and its keys below");
            report.fault(Span::of(element), name, sentence);
            whole = false;
        }
    }
    whole.then_some(elements)
}

fn numbered<T>(values: &[Value], mut read: impl FnMut(usize, &Value) -> Option<T>) -> Vec<T> {
    let numbered = (1..).zip(values);
    numbered
        .filter_map(|(number, value)| read(number, value))
        .collect()
}

fn ring(table: &Table<'_>, report: &mut Report<'_>) -> PartialRing {
    table.refuse_unknown(report, RING.keys);
    let shapes = [("ring", Shape::Ring), ("row", Shape::Row)];
    let partitions = [
        ("freeze", OnPartition::Freeze),
        ("play-on", OnPartition::PlayOn),
    ];
    let copies = [("refuse", LateCopy::Refuse), ("guest", LateCopy::Guest)];
    let lease = Duration::from_millis(50)..=Duration::from_secs(60);
    let loan = Duration::from_millis(50)..=Duration::from_secs(60 * 60);
    let guest_life = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
    PartialRing {
        name: table.required(report, RING.keys, "name", value::name),
        shape: table.or_default(report, "shape", defaults::SHAPE, |value| {
            value::one_of(value, &shapes)
        }),
        lease: table.or_default(report, "lease", defaults::LEASE, |value| {
            value::time(value, lease, "50ms to 60s")
        }),
        on_partition: table.or_default(report, "on-partition", defaults::ON_PARTITION, |value| {
            value::one_of(value, &partitions)
        }),
        voters: table.or_default(
            report,
            "voters",
            WrittenVoters::Number(defaults::VOTERS),
            voters::read,
        ),
        loan: table.or_default(report, "loan", defaults::LOAN, |value| {
            value::time(value, loan, "50ms to 60m")
        }),
        late_copy: table.or_default(report, "late-copy", defaults::LATE_COPY, |value| {
            value::one_of(value, &copies)
        }),
        guests: table.or_default(report, "guests", defaults::GUESTS, |value| {
            value::whole(value, 0..=MOST_GUESTS)
        }),
        guest_life: table.or_default(report, "guest-life", defaults::GUEST_LIFE, |value| {
            value::time(value, guest_life, "1s to 1440m")
        }),
        http_names: table.or_default(report, "http-names", defaults::HTTP_NAMES, |value| {
            value::hosts(value, MOST_HTTP_NAMES)
        }),
        key_file: table.optional(report, "key-file", value::path),
    }
}

/// Every port, in the order of the schema. Without `defaults`, a port may be left out.
fn ports(table: &Table<'_>, defaults: Option<&Ports>, report: &mut Report<'_>) -> PartialPorts {
    type Default = fn(&Ports) -> u16;
    const NAMES: [(&str, Default); 6] = [
        ("ring", |ports| ports.ring),
        ("receiver", |ports| ports.receiver),
        ("rate", |ports| ports.rate),
        ("http", |ports| ports.http),
        ("window-left", |ports| ports.window_left),
        ("window-right", |ports| ports.window_right),
    ];
    table.refuse_unknown(report, PORTS.keys);
    PartialPorts(NAMES.map(|(name, default)| match defaults {
        Some(defaults) => table.or_default(report, name, default(defaults), value::port),
        None => table.optional(report, name, value::port),
    }))
}

/// The nodes that run carom, and the windows between them. If the shape cannot be read, a window at an
/// end is read as one of a row, which needs less.
fn nodes_and_windows(
    values: &[Value],
    shape: Option<Shape>,
    report: &mut Report<'_>,
) -> (Vec<PartialNode>, Vec<PartialWindow>) {
    let (mut nodes, mut windows) = (Vec::new(), Vec::new());
    for (number, value) in (1..).zip(values) {
        let unnamed = format!("node[{number}]");
        let Some(mut table) = Table::of(value, &unnamed, NODE.header) else {
            continue;
        };
        if let Some(name) = table.get("name").and_then(|name| value::name(name).ok()) {
            table.path = format!("node[{name}]");
        }
        if is_window(&table, report) {
            let is_inside = |end: usize| shape == Some(Shape::Ring) || number != end;
            let entrances = Sides {
                left: is_inside(1),
                right: is_inside(values.len()),
            };
            windows.push(read_window(table, nodes.len(), entrances, report));
        } else {
            nodes.push(node(table, report));
        }
    }
    (nodes, windows)
}

fn node(mut table: Table<'_>, report: &mut Report<'_>) -> PartialNode {
    table.where_key_belongs = where_node_key_belongs;
    table.refuse_unknown(report, NODE.keys);
    PartialNode {
        written_name: table.text("name"),
        key: table.path.clone(),
        name: table.required(report, NODE.keys, "name", value::name),
        host: table.required(report, NODE.keys, "host", |value| {
            value::host(value, "ports")
        }),
        ssh: table.optional(report, "ssh", value::ssh),
        listen: table.optional(report, "listen", value::address),
        led: led::read(&table, report),
        ports: node_ports(&table, report),
        window_sides: Sides::default(),
    }
}

fn node_ports(node: &Table<'_>, report: &mut Report<'_>) -> PartialPorts {
    let Some(value) = node.get(PORTS.name) else {
        return PartialPorts::default();
    };
    let path = node.path_of(PORTS.name);
    let Some(table) = Table::of(value, &path, "a node's ports") else {
        let sentence = "wants a table such as { ring = 7701 }";
        report.fault(Span::of(value), &path, sentence);
        return PartialPorts::default();
    };
    ports(&table, None, report)
}

fn ball(number: usize, value: &Value, report: &mut Report<'_>) -> Option<PartialBall> {
    let table = Table::of(value, &format!("ball[{number}]"), BALL.header)?;
    table.refuse_unknown(report, BALL.keys);
    let coordinate = |value: &Value| value::number(value, -FASTEST..=FASTEST);
    let shade = |value: &Value| value::whole(value, 0..=u8::MAX);
    // Take any text here: that no node has this name, which `check.rs` reports, helps more.
    let start = |value: &Value| {
        let text = table.text("start").filter(|text| !text.is_empty());
        text.map_or_else(|| value::name(value), Ok)
    };
    let radius = table.optional(report, "radius", |value| {
        value::number(value, 0.1..=100_000.0)
    });
    let color = table.optional(report, "color", |value| {
        value::list(value, ["red", "green", "blue"], shade)
    });
    // A key that is there but cannot be read does not have its default.
    let known = |name, read: bool| read || table.get(name).is_none();
    let appearance = (
        radius.as_ref().map_or(defaults::BALL_RADIUS, |at| at.value),
        color.as_ref().map_or(defaults::BALL_COLOR, |at| at.value),
    );
    Some(PartialBall {
        appearance: (known("radius", radius.is_some()) && known("color", color.is_some()))
            .then_some(appearance),
        span: table.span,
        key: table.path.clone(),
        start: table.required(report, BALL.keys, "start", start),
        position: table.required(report, BALL.keys, "position", |value| {
            value::list(value, ["x", "y"], coordinate)
        }),
        velocity: table.required(report, BALL.keys, "velocity", |value| {
            let velocity = value::list(value, ["x", "y"], coordinate)?;
            reaches_an_edge(velocity)
                .then_some(velocity)
                .ok_or_else(|| {
                    let sentence = "has an x that is as good as 0, so the ball would never leave: \
                                give it at least 0.01 or at most -0.01 pixels a second";
                    sentence.to_owned().into()
                })
        }),
        radius,
        color,
        dwell: table.optional(report, "dwell", |value| {
            value::time(value, Duration::ZERO..=LONGEST_DWELL, "0s to 1440m")
        }),
    })
}

/// Whether a ball of that velocity reaches an edge in reasonable time.
fn reaches_an_edge([across, _]: [f64; 2]) -> bool {
    across.abs() >= 0.01
}
