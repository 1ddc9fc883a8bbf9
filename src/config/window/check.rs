//! The rules between windows, nodes and balls.

use std::collections::BTreeMap;

use crate::config::check::{canonical, ports_of};
use crate::config::draft::{BallDraft, Draft, NodeDraft, PortsDraft, WindowDraft};
use crate::config::place::{At, Report};
use crate::config::schema::NODE;
use crate::endpoint::Endpoint;
use crate::ring::WindowBall;
use crate::ring::{BallState, Direction};

/// Reports every rule about windows that is broken between keys that could be read.
pub(in crate::config) fn check(draft: &Draft, report: &mut Report<'_>) {
    let Some(first) = draft.windows.first() else {
        return;
    };
    if let Some(nodes) = &draft.nodes {
        if nodes.is_empty() {
            let sentence = "has windows only, and they do not keep a ball: \
                            add at least one [[node]] that runs carom";
            report.fault(first.spot, NODE.name, sentence);
        }
        addresses(nodes, &draft.windows, &draft.ports, report);
    }
    for ball in &draft.balls {
        fits(ball, &draft.windows, report);
    }
    looks(&draft.balls, report);
}

/// No window listens where anybody else does.
fn addresses(
    nodes: &[NodeDraft],
    windows: &[WindowDraft],
    defaults: &PortsDraft,
    report: &mut Report<'_>,
) {
    let mut seen: BTreeMap<(String, u16), String> = BTreeMap::new();
    for node in nodes {
        let Some(host) = &node.host else {
            continue;
        };
        for (name, port) in ports_of(node, defaults) {
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
            let Some(At { value, spot, key }) = endpoint else {
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
                report.fault(*spot, key, sentence);
            } else {
                seen.insert(address, mine);
            }
        }
    }
}

/// Every ball has room to move on every window's screen.
fn fits(ball: &BallDraft, windows: &[WindowDraft], report: &mut Report<'_>) {
    let (radius, spot, key) = ball.size();
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
            report.fault(spot, &key, sentence);
        }
    }
}

/// Windows can tell the balls apart.
fn looks(balls: &[BallDraft], report: &mut Report<'_>) {
    let mut seen: Vec<(&BallDraft, BallState)> = Vec::new();
    for ball in balls {
        let Some((radius, color)) = ball.look else {
            continue;
        };
        let state = BallState {
            position: [0.0; 2],
            velocity: [1.0, 0.0],
            radius,
            color,
        };
        // Its place and the screen are none of its look.
        let shown = WindowBall::leaving(&state, Direction::Right, super::read::SCREEN_DEFAULT);
        let twin = seen.iter().find(|(_, other)| shown.looks_like(other));
        if let Some((other, _)) = twin {
            let set = ball.color.as_ref().map(|color| (color.spot, &color.key));
            let radius = ball
                .radius
                .as_ref()
                .map(|radius| (radius.spot, &radius.key));
            let (spot, key) = set.or(radius).unwrap_or((ball.spot, &ball.key));
            let sentence = format!(
                "looks like {} to a window, which tells balls by their color {color:?} and their \
                 radius {} in whole pixels: give it another color or radius",
                other.key, shown.radius
            );
            report.fault(spot, key, sentence);
        } else {
            seen.push((ball, state));
        }
    }
}
