//! The rules between keys: each function reports every breach of one rule.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::quoted;
use super::host::canonical;
use super::led::hardware_in_words;
use super::name;
use super::partial::{PartialBall, PartialConfig, PartialNode, PartialPorts, PartialWindow};
use super::report::Report;
use super::span::Spanned;
use super::suggest::did_you_mean;
use super::{voters, window};

/// Reports every breach of the rules, among the keys that could be read.
pub(super) fn check(partial: &PartialConfig, report: &mut Report<'_>) {
    if let Some(nodes) = &partial.nodes {
        unique_names(nodes, &partial.windows, report);
        unique_ports_of_nodes(nodes, &partial.ports, report);
        unique_addresses(nodes, &partial.ports, report);
        unique_leds(nodes, report);
        balls_start_at_nodes(&partial.balls, nodes, &partial.windows, report);
        voters_are_nodes(partial, nodes, report);
    }
    loan_lasts_a_lease(partial, report);
    window::check::check(partial, report);
    for ball in &partial.balls {
        ball_fits(ball, partial, report);
        ball_is_on_screen(ball, partial, report);
    }
}

/// A loan to a window lasts at least a lease.
fn loan_lasts_a_lease(partial: &PartialConfig, report: &mut Report<'_>) {
    let (Some(loan), Some(lease)) = (&partial.ring.loan, &partial.ring.lease) else {
        return;
    };
    if loan.value < lease.value {
        let (least, given) = (lease.value, loan.value);
        let sentence = format!(
            "{given:?} is less than the lease of {least:?}: a window needs the time to show a \
             ball, so write {least:?} or more"
        );
        report.fault(loan.span, &loan.key, sentence);
    }
}

/// No two nodes or windows have the same name. Like host names, names are compared without case.
fn unique_names(nodes: &[PartialNode], windows: &[PartialWindow], report: &mut Report<'_>) {
    let mut seen = BTreeMap::new();
    let nodes = nodes.iter().filter_map(|node| node.name.as_ref());
    let windows = windows.iter().filter_map(|window| window.name.as_ref());
    let mut names: Vec<_> = nodes.chain(windows).collect();
    // The fault is at the later one in the file, be it a node or a window.
    names.sort_by_key(|name| name.span);
    for name in names {
        if let Some(first) = seen.insert(name.value.to_ascii_lowercase(), name.span) {
            let first = report.sources.in_words(first);
            let sentence = format!(
                "{} is the name of the node on {first} too: give every node a name of its own",
                quoted(&name.value)
            );
            report.fault(name.span, &name.key, sentence);
        }
    }
}

/// No node uses a port twice.
fn unique_ports_of_nodes(nodes: &[PartialNode], defaults: &PartialPorts, report: &mut Report<'_>) {
    for node in nodes {
        let mut seen: BTreeMap<u16, (&str, &Spanned<u16>)> = BTreeMap::new();
        for (name, port) in node.ports_used(defaults) {
            let Some((first_name, first)) = seen.insert(port.value, (name, port)) else {
                continue;
            };
            // The fault is at the port that the node itself sets, if it sets one of the two.
            let (at, other) = if port.key.starts_with("node") {
                (port, first_name)
            } else {
                (first, name)
            };
            let sentence = format!(
                "{} is the {other} port too: give each of them a number of its own",
                port.value
            );
            report.fault(at.span, &at.key, sentence);
        }
    }
}

/// A port of a node that an earlier node on the same host has too.
struct Clash<'partial> {
    /// The earlier node's index.
    first: usize,
    /// The port's name at the earlier node.
    first_name: &'static str,
    name: &'static str,
    port: &'partial Spanned<u16>,
}

/// No two nodes have the same address, that is the same host and port, whatever the port is for.
fn unique_addresses(nodes: &[PartialNode], defaults: &PartialPorts, report: &mut Report<'_>) {
    let mut seen: BTreeMap<(String, u16), (usize, &str)> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let Some(host) = &node.host else {
            continue;
        };
        let mut clashes: Vec<Clash<'_>> = Vec::new();
        for (name, port) in node.ports_used(defaults) {
            let address = (canonical(&host.value), port.value);
            let (first, first_name) = *seen.entry(address).or_insert((index, name));
            // Report one fault for each node: the clashes with the first node that has any.
            if first != index && clashes.iter().all(|clash| clash.first == first) {
                clashes.push(Clash {
                    first,
                    first_name,
                    name,
                    port,
                });
            }
        }
        // One clash is reported at the port, if the node sets it; more than one at the host.
        let (span, key) = match clashes.as_slice() {
            [] => continue,
            [Clash { port, .. }] if port.key.starts_with(&node.key) => (port.span, &port.key),
            [..] => (host.span, &host.key),
        };
        let first = clashes.first().and_then(|clash| nodes.get(clash.first));
        let first = first.map_or("another node", |first| first.key.as_str());
        report.fault(
            span,
            key,
            same_address_sentence(host, first, index, &clashes),
        );
    }
}

fn same_address_sentence(
    host: &Spanned<String>,
    first: &str,
    index: usize,
    clashes: &[Clash<'_>],
) -> String {
    let listed: Vec<_> = clashes
        .iter()
        .map(|clash| match clash.name == clash.first_name {
            true => format!("{} {}", clash.name, clash.port.value),
            false => format!(
                "{} {} (its {})",
                clash.name, clash.port.value, clash.first_name
            ),
        })
        .collect();
    let others: Vec<_> = clashes
        .iter()
        .map(|clash| {
            let further = u16::try_from(index - clash.first).unwrap_or(u16::MAX);
            let port = clash.port.value;
            let other = port.checked_add(further).unwrap_or(port - 1);
            format!("{} = {other}", clash.name)
        })
        .collect();
    format!(
        "{first} has the same host {} and the same {} {}: \
         give this node another host, or ports = {{ {} }}",
        quoted(&host.value),
        if listed.len() == 1 { "port" } else { "ports" },
        listed.join(", "),
        others.join(", ")
    )
}

/// No two nodes on one host use the same LED.
fn unique_leds(nodes: &[PartialNode], report: &mut Report<'_>) {
    let mut seen = BTreeMap::new();
    for node in nodes {
        let (Some(host), Some(led)) = (&node.host, &node.led) else {
            continue;
        };
        let Some(hardware) = led.value.hardware() else {
            continue;
        };
        let words = hardware_in_words(&hardware);
        if let Some(first) = seen.insert((canonical(&host.value), hardware.path), &node.key) {
            let sentence = format!(
                "{words} is used by {first} on the same host {}: give each node an LED of its own",
                quoted(&host.value)
            );
            report.fault(led.span, &led.key, sentence);
        }
    }
}

/// Every ball starts at a node of the file.
fn balls_start_at_nodes(
    balls: &[PartialBall],
    nodes: &[PartialNode],
    windows: &[PartialWindow],
    report: &mut Report<'_>,
) {
    // An invalid name has been reported. That a ball starts there is no second fault.
    let written_names = || nodes.iter().filter_map(|node| node.written_name.as_deref());
    if nodes.is_empty() {
        return;
    }
    for start in balls.iter().filter_map(|ball| ball.start.as_ref()) {
        if written_names().any(|written_name| name::is_same(written_name, &start.value)) {
            continue;
        }
        let mut written_names = windows
            .iter()
            .filter_map(|window| window.written_name.as_deref());
        if written_names.any(|written_name| name::is_same(written_name, &start.value)) {
            let sentence = format!(
                "{} is a window, and a window serves no ball of the ring: let it start at a node",
                quoted(&start.value)
            );
            report.fault(start.span, &start.key, sentence);
            continue;
        }
        let named = nodes.iter().filter_map(|node| node.name.as_ref());
        let names = || named.clone().map(|name| name.value.as_str());
        let digits = |name: &str| -> String { name.chars().filter(char::is_ascii_digit).collect() };
        // Suggest no node with another number: for "pi9", "pi1" is no better than "pi2".
        let alike = names().filter(|name| digits(name) == digits(&start.value));
        let hint = did_you_mean(&start.value, alike).unwrap_or_else(|| {
            let all: BTreeSet<_> = names().collect();
            let mut some: Vec<_> = all.iter().copied().take(8).collect();
            if all.len() > some.len() {
                some.push("...");
            }
            format!("the nodes are {}", some.join(", "))
        });
        let sentence = format!("no node is called {}: {hint}", quoted(&start.value));
        report.fault(start.span, &start.key, sentence);
    }
}

/// Every voter is a node.
fn voters_are_nodes(partial: &PartialConfig, nodes: &[PartialNode], report: &mut Report<'_>) {
    // An invalid name has been reported. That it votes is no second fault.
    let nodes = nodes.iter().filter_map(|node| node.written_name.as_deref());
    let windows = partial.windows.iter();
    let windows = windows.filter_map(|window| window.written_name.as_deref());
    if let Some(written) = &partial.ring.voters {
        let (nodes, windows): (Vec<_>, Vec<_>) = (nodes.collect(), windows.collect());
        voters::check(written, &nodes, &windows, report);
    }
}

/// Every ball is small enough to move on the screen.
fn ball_fits(ball: &PartialBall, partial: &PartialConfig, report: &mut Report<'_>) {
    let (Some(width), Some(height)) = (&partial.width, &partial.height) else {
        return;
    };
    let (radius, span, key) = ball.radius_or_default();
    let room = width.value.min(height.value) / 2.0;
    if radius >= room {
        let (width, height) = (width.value, height.value);
        let sentence = format!(
            "{radius} is too much for a screen of {width} x {height}: it must be under {room}"
        );
        report.fault(span, &key, sentence);
    }
}

/// Every ball starts on the screen.
fn ball_is_on_screen(ball: &PartialBall, partial: &PartialConfig, report: &mut Report<'_>) {
    let (Some(width), Some(height), Some(position)) =
        (&partial.width, &partial.height, &ball.position)
    else {
        return;
    };
    let (width, height, [x, y]) = (width.value, height.value, position.value);
    if !(0.0..=width).contains(&x) || !(0.0..=height).contains(&y) {
        let sentence = format!(
            "[{x}, {y}] is off the screen: x must be from 0 to {width}, y from 0 to {height}"
        );
        report.fault(position.span, &position.key, sentence);
    }
}
