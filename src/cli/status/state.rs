//! The state of a node, by all answers.

use crate::http::Status;

/// The state of a node: its own report if it answered. Otherwise `up` if another node has a link to
/// it, `down` if another node reports that, else `unknown`.
pub(super) fn state(name: &str, statuses: &[&Status]) -> &'static str {
    if let Some(own) = statuses.iter().find(|status| status.node == name) {
        return own.condition.label();
    }
    let reports = || {
        let nodes = statuses.iter().flat_map(|status| &status.nodes);
        nodes.filter(|node| node.name == name)
    };
    if reports().any(|node| node.state == "up") {
        "up"
    } else if reports().any(|node| node.state == "down") {
        "down"
    } else {
        "unknown"
    }
}
