//! What is allowed but may surprise.

use std::fmt;
use std::net::IpAddr;

use super::{Config, Node};
use crate::ring::topology::OnPartition;

/// One thing that is allowed but may surprise: a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(String);

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// All that may surprise about a configuration without faults.
pub(super) fn warnings(config: &Config) -> Vec<Warning> {
    let mut sentences = Vec::new();
    sentences.extend(size(config));
    if config.balls.is_empty() {
        sentences.push("there is no ball: add a [[ball]] for the ring to pass on".to_owned());
    }
    sentences.extend(loopback(config));
    sentences.extend(config.nodes.iter().filter_map(deaf));
    sentences.into_iter().map(Warning).collect()
}

/// What the number of nodes means for how many of them may be down.
fn size(config: &Config) -> Option<String> {
    let count = config.nodes.len();
    if count == 1 {
        return Some("the ring has one node, so a ball only comes back to it".to_owned());
    }
    match config.ring.on_partition {
        OnPartition::PlayOn => Some(
            "on-partition = \"play-on\": while the ring is cut apart every part has a ball of \
             its own, by design, and when the parts meet the newest survives"
                .to_owned(),
        ),
        OnPartition::Freeze if count == 2 => Some(
            "a ring of 2 stands still while either node is down: a third node would keep it going"
                .to_owned(),
        ),
        OnPartition::Freeze if count.is_multiple_of(2) => {
            let (down, less) = (count / 2 - 1, count - 1);
            Some(format!(
                "a ring of {count} goes on while at most {down} of its nodes are down, no more \
                 than a ring of {less} does: one node more would help"
            ))
        }
        OnPartition::Freeze => None,
    }
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Loopback addresses next to others.
fn loopback(config: &Config) -> Option<String> {
    let local = |node: &&Node| is_loopback(&node.host);
    let node = config.nodes.iter().find(local)?;
    let mixed = !config.nodes.iter().all(|node| local(&node));
    mixed.then(|| {
        format!(
            "node {} is at {}, where nodes on other machines cannot reach it",
            node.name, node.host
        )
    })
}

/// A node that listens where nobody calls.
fn deaf(node: &Node) -> Option<String> {
    let listen = node.listen?;
    (listen.is_loopback() && !is_loopback(&node.host)).then(|| {
        format!(
            "node {} listens on {listen} only, but the others call {}",
            node.name, node.host
        )
    })
}
