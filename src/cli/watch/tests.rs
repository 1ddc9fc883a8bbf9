//! What is shown of a large ring, of which only some nodes are followed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::model::{Model, Phase};
use crate::endpoint::Endpoint;
use crate::http::{Status, Update};
use crate::ring::Time;

const NODES: usize = 40;

fn at(seconds: u64) -> Time {
    Time::from_micros(1_000_000 * seconds)
}

/// What node `me` answers: it hears two nodes on each side, of which `down` is down. `holder`: who has the ball, as far
/// as it knows.
fn status(me: usize, down: Option<usize>, holder: Option<usize>) -> Status {
    let name = |index: usize| format!("n{}", index + 1);
    let node = |index: usize| {
        let state = match index.abs_diff(me) {
            3.. => "unknown",
            _ if down == Some(index) => "down",
            _ => "up",
        };
        let http = format!(":{}", 8_000 + index);
        json!({"name": name(index), "state": state, "voter": index.is_multiple_of(6), "since_seconds": 1.0, "http": http})
    };
    let nodes: Vec<Value> = (0..NODES).map(node).collect();
    let hop = if holder.is_some() { 7 } else { 2 };
    let mut ball = json!({
        "ball": 1, "here": holder == Some(me), "frozen": false, "generation": "1.2", "hop": hop,
        "position": [1.0, 2.0], "velocity": [100.0, 5.0], "radius": 20.0, "color": [1, 2, 3],
        "age_seconds": 0.1
    });
    if let Some(holder) = holder {
        ball["holder"] = json!(name(holder));
    }
    serde_json::from_value(json!({
        "version": 1, "carom": "0.1.0", "ring": "test", "node": name(me), "incarnation": "1f",
        "uptime_seconds": 3.5, "condition": "in-ring", "shape": "ring", "lease_ms": 500,
        "on_partition": "freeze", "screen": [800.0, 600.0], "led": {"lit": false},
        "nodes": nodes, "balls": [ball],
        "counters": {"hops": 0, "elections": 0, "refused_passes": 0, "reconnects": 0, "bad_lines": 0}
    }))
    .unwrap()
}

/// n9, and then the voter n25, are followed; the voter says that n31 has the ball.
fn model() -> Model {
    let mut model = Model::new(at(0));
    for (index, holder) in [(8, None), (24, Some(30))] {
        let status = status(index, None, holder);
        let endpoint = Endpoint {
            host: "pi".to_owned(),
            port: u16::try_from(8_000 + index).unwrap(),
        };
        let name = status.node.clone();
        model.on_reached(&endpoint, &name);
        model.on_event(&name, Update::State(Box::new(status)), at(1));
    }
    model
}

#[test]
fn a_ball_far_away_is_where_a_voter_says_until_its_holder_is_known_to_be_down() {
    let mut model = model();
    assert_eq!(model.state("n31", at(3)), "unknown");
    let located = model.balls(at(3)).remove(0);
    assert_eq!(located.phase, Phase::Held);
    assert_eq!(located.ball.holder.as_deref(), Some("n31"));
    assert_eq!(located.age, Duration::from_secs(2));
    model.on_told(&status(31, Some(30), None), at(4));
    assert_eq!(model.state("n31", at(5)), "down");
    assert_eq!(model.balls(at(5)).remove(0).phase, Phase::Away);
}

#[test]
fn an_answer_fades_and_a_stream_counts_for_more() {
    let mut model = model();
    model.on_told(&status(12, Some(10), None), at(4));
    assert_eq!(model.state("n13", at(5)), "up");
    assert_eq!(model.state("n15", at(123)), "up");
    assert_eq!(model.state("n15", at(125)), "unknown");
    // n9 is followed, and reports n11 as up.
    assert_eq!(model.state("n11", at(5)), "up");
}

#[test]
fn every_node_of_which_no_stream_tells_is_asked_about() {
    let model = model();
    let mut last = 0;
    let asked: Vec<Endpoint> = (0..NODES)
        .filter_map(|_| model.next_to_ask(&mut last))
        .collect();
    assert!(asked.iter().all(|endpoint| endpoint.host == "pi"));
    let ports: BTreeSet<u16> = asked.iter().map(|endpoint| endpoint.port).collect();
    let followed = |index: usize| index.abs_diff(8) < 3 || index.abs_diff(24) < 3;
    for index in (0..NODES).filter(|&index| !followed(index)) {
        let port = u16::try_from(8_000 + index).unwrap();
        assert!(ports.contains(&port), "n{}", index + 1);
    }
    // Nothing new is to be had from those whose neighbours are known, too.
    assert!(!ports.contains(&8_008) && !ports.contains(&8_024));
}

#[test]
fn an_address_that_does_not_answer_is_told_once_for_each_reason() {
    let mut model = Model::new(at(1));
    let mut tell = |reason: &str| {
        model.on_unreached("pi9:8080", reason.to_owned(), at(1));
        model.log.len()
    };
    assert_eq!([tell("refused"), tell("refused"), tell("late")], [1, 1, 2]);
    let endpoint = Endpoint {
        host: "pi9".to_owned(),
        port: 8080,
    };
    model.on_reached(&endpoint, "pi9");
    model.on_unreached("pi9:8080", "late".to_owned(), at(1));
    assert_eq!(model.log.len(), 3);
    let last = model.log.back().unwrap();
    assert!(last.ends_with("pi9:8080: late; asking again"), "{last}");
}
