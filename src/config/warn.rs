//! What is allowed but may surprise.

use std::fmt;

use super::host::is_loopback;
use super::types::{Config, NodeConfig, WindowChainConfig};
use super::warn_voters as voters;
use crate::ring::Direction;
use crate::ring::{NodeId, OnPartition};

/// A sentence about one thing that is allowed but may surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(String);

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Everything that may surprise about a configuration without faults.
pub(super) fn warnings(config: &Config) -> Vec<Warning> {
    let mut sentences = Vec::new();
    sentences.extend(ring_size(config));
    sentences.extend(voters::warnings(config));
    if config.balls.is_empty() {
        sentences.push("there is no ball: add a [[ball]] for the ring to pass on".to_owned());
    }
    sentences.extend(mixed_loopback(config));
    sentences.extend(unreachable_windows(config));
    sentences.extend(config.nodes.iter().filter_map(unreachable_listener));
    sentences.extend(
        config
            .window_chains
            .iter()
            .map(|chain| windows_in_ring(config, chain)),
    );
    sentences.extend(no_key(config));
    sentences.into_iter().map(Warning).collect()
}

/// Without a key the nodes believe whoever connects to their ring ports.
fn no_key(config: &Config) -> Option<String> {
    let sentence = "the ring has no key-file: anyone on the network can take the ball \
                    (docs/SECURITY.md)";
    config.ring.key_file.is_none().then(|| sentence.to_owned())
}

/// How many nodes may be down, if that is fewer than one may expect.
fn ring_size(config: &Config) -> Option<String> {
    let count = config.nodes.len();
    if count == 1 {
        let alone = || "the ring has one node, so a ball only comes back to it".to_owned();
        return config.window_chains.is_empty().then(alone);
    }
    let all_vote = config.topology().voter_ids().count() == count;
    match config.ring.on_partition {
        // `voters` says it.
        OnPartition::Freeze if !all_vote => None,
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

/// A node at a loopback address, when others are not.
fn mixed_loopback(config: &Config) -> Option<String> {
    let local = |node: &&NodeConfig| is_loopback(&node.host);
    let node = config.nodes.iter().find(local)?;
    let mixed = !config.nodes.iter().all(|node| local(&node));
    mixed.then(|| {
        format!(
            "node {} is at {}, where nodes on other machines cannot reach it",
            node.name, node.host
        )
    })
}

/// Windows at a loopback address, when the node beside them is not: the node cannot reach them.
fn unreachable_windows(config: &Config) -> impl Iterator<Item = String> {
    let sides = |chain| [Direction::Right, Direction::Left].map(|direction| (chain, direction));
    config
        .window_chains
        .iter()
        .flat_map(sides)
        .filter_map(|(chain, direction)| {
            let node = config.nodes.get(chain.before(direction)?.index())?;
            let window = chain.first(direction)?;
            let entrance = window.entrance(direction)?;
            (is_loopback(&entrance.host) && !is_loopback(&node.host)).then(|| {
                format!(
                    "window {} is at {entrance}, which leads node {} to itself",
                    window.name, node.name
                )
            })
        })
}

/// Which guarantees do not hold beside windows.
fn windows_in_ring(config: &Config, chain: &WindowChainConfig) -> String {
    let node = |node: Option<NodeId>| Some(config.nodes.get(node?.index())?.name.as_str());
    let windows: Vec<_> = chain
        .windows
        .iter()
        .map(|window| window.name.as_str())
        .collect();
    let is = match windows.as_slice() {
        [_] => "is",
        _ => "are",
    };
    let place = match (node(chain.left), node(chain.right)) {
        (Some(left), Some(right)) if left == right => format!("on both sides of {left}"),
        (Some(left), Some(right)) => format!("between {left} and {right}"),
        (Some(node), None) => format!("on the right of {node}"),
        (None, Some(node)) => format!("on the left of {node}"),
        (None, None) => "alone".to_owned(),
    };
    format!(
        "{} {is} {place}, where nobody acknowledges a ball: it can be lost there, or be there \
         twice; {:?} (loan) after it left, the node that lent it brings it back; windows have no \
         vote",
        windows.join(", "),
        config.ring.external_balls.loan
    )
}

/// A node that listens at a loopback address, while the others dial another one.
fn unreachable_listener(node: &NodeConfig) -> Option<String> {
    let listen = node.listen?;
    (listen.is_loopback() && !is_loopback(&node.host)).then(|| {
        format!(
            "node {} listens on {listen} only, but the others call {}",
            node.name, node.host
        )
    })
}
