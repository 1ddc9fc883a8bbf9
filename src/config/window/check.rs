//! The rules between windows, nodes and balls.

use std::collections::BTreeMap;

use crate::config::defaults;
use crate::config::host::canonical;
use crate::config::partial::{
    PartialBall, PartialConfig, PartialNode, PartialPorts, PartialWindow,
};
use crate::config::report::Report;
use crate::config::schema::NODE;
use crate::config::span::Spanned;
use crate::endpoint::Endpoint;
use crate::ring::WindowBall;
use crate::ring::{BallState, Direction};

/// Reports every breach of the rules about windows, among the keys that could be read.
pub(crate) fn check(partial: &PartialConfig, report: &mut Report<'_>) {
    let Some(first) = partial.windows.first() else {
        return;
    };
    if let Some(nodes) = &partial.nodes {
        if nodes.is_empty() {
            let sentence = "has windows only, and they do not keep a ball: \
                            add at least one [[node]] that runs carom";
            report.fault(first.span, NODE.name, sentence);
        }
        unique_addresses(nodes, &partial.windows, &partial.ports, report);
    }
    for ball in &partial.balls {
        ball_fits(ball, &partial.windows, report);
    }
    balls_look_different(&partial.balls, report);
}

/// No window listens at the address of a node or of another window.
fn unique_addresses(
    nodes: &[PartialNode],
    windows: &[PartialWindow],
    defaults: &PartialPorts,
    report: &mut Report<'_>,
) {
    let mut seen: BTreeMap<(String, u16), String> = BTreeMap::new();
    for node in nodes {
        let Some(host) = &node.host else {
            continue;
        };
        for (name, port) in node.ports_used(defaults) {
            let address = (canonical(&host.value), port.value);
            seen.entry(address)
                .or_insert_with(|| format!("the {name} port of {}", node.key));
        }
    }
    for window in windows {
        let listeners = [
            ("listen-left", &window.listen_left),
            ("listen-right", &window.listen_right),
        ];
        for (name, endpoint) in listeners {
            let Some(Spanned { value, span, key }) = endpoint else {
                continue;
            };
            let Endpoint { host, port } = value;
            let address = (canonical(host), *port);
            let mine = format!("{name} of {}", window.key);
            if let Some(other) = seen.get(&address) {
                let sentence = format!(
                    "leads to {value} for {name}, but that is {other}: \
                     write {name} = \"HOST:PORT\" with another port"
                );
                report.fault(*span, key, sentence);
            } else {
                seen.insert(address, mine);
            }
        }
    }
}

/// Every ball is small enough to move on every window's screen.
fn ball_fits(ball: &PartialBall, windows: &[PartialWindow], report: &mut Report<'_>) {
    let (radius, span, key) = ball.radius_or_default();
    for window in windows {
        let Some(screen) = window.screen else {
            continue;
        };
        let room = screen.width.min(screen.height) / 2.0;
        if radius >= room {
            let sentence = format!(
                "{radius} is too much for the screen of {} of {} x {}: it must be under {room}",
                window.key, screen.width, screen.height
            );
            report.fault(span, &key, sentence);
        }
    }
}

/// Windows can tell all balls apart.
fn balls_look_different(balls: &[PartialBall], report: &mut Report<'_>) {
    let mut seen: Vec<(&PartialBall, BallState)> = Vec::new();
    for ball in balls {
        let Some((radius, color)) = ball.appearance else {
            continue;
        };
        let state = BallState {
            position: [0.0; 2],
            velocity: [1.0, 0.0],
            radius,
            color,
        };
        // Position, velocity and screen do not matter for the comparison.
        let shown = WindowBall::leaving(&state, Direction::Right, defaults::SCREEN);
        let twin = seen.iter().find(|(_, other)| shown.looks_like(other));
        if let Some((other, _)) = twin {
            let set = ball.color.as_ref().map(|color| (color.span, &color.key));
            let radius = ball
                .radius
                .as_ref()
                .map(|radius| (radius.span, &radius.key));
            let (span, key) = set.or(radius).unwrap_or((ball.span, &ball.key));
            let sentence = format!(
                "looks like {} to a window, which tells balls by their color {color:?} and their \
                 radius {} in whole pixels: give it another color or radius",
                other.key, shown.radius
            );
            report.fault(span, key, sentence);
        } else {
            seen.push((ball, state));
        }
    }
}
