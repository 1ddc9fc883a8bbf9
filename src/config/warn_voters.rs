//! What may surprise about the voters: how many may be missing, and which of them seem to share a fate.

use std::collections::BTreeMap;

use super::defaults;
use super::host::canonical;
use super::types::{Config, NodeConfig};
use crate::ring::{OnPartition, Shape, Voters};

/// Everything that may surprise about the voters.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    if config.ring.on_partition == OnPartition::PlayOn {
        return without_effect(config).into_iter().collect();
    }
    let votes = votes(config);
    let voters = votes.iter().filter(|&&votes| votes).count();
    if voters < 3 {
        return too_few(config, &votes, voters).into_iter().collect();
    }
    let may_be_missing = voters - (voters / 2 + 1);
    let mut sentences = Vec::new();
    if voters < config.nodes.len() {
        sentences.extend(even(voters, may_be_missing));
    }
    sentences.extend(side_by_side(config, &votes, may_be_missing));
    sentences.extend(on_one_host(config, &votes, may_be_missing));
    sentences
}

/// Whether each node votes, in ring order.
fn votes(config: &Config) -> Vec<bool> {
    let topology = config.topology();
    let nodes = topology.node_ids();
    nodes.map(|node| topology.votes(node)).collect()
}

/// Voters are chosen where every node votes.
fn without_effect(config: &Config) -> Option<String> {
    let chosen = match &config.ring.voters {
        Voters::Number(number) => *number != defaults::VOTERS && *number < config.nodes.len(),
        Voters::Nodes(_) => true,
    };
    let sentence = "voters has no effect with on-partition = \"play-on\": every node decides for its part of \
                    the ring";
    chosen.then(|| sentence.to_owned())
}

/// One or two voters, none of which may be missing.
fn too_few(config: &Config, votes: &[bool], voters: usize) -> Option<String> {
    if voters == config.nodes.len() {
        return None;
    }
    let names = config.nodes.iter().zip(votes);
    let names = names.filter(|(_, votes)| **votes);
    let names: Vec<_> = names.map(|(node, _)| node.name.as_str()).collect();
    let names = names.join(" and ");
    Some(match voters {
        1 => format!(
            "only {names} votes: while it is down, every ball stands still; let three nodes vote, or more"
        ),
        _ => format!(
            "only {names} vote: while either is down, every ball stands still; let three nodes vote, or more"
        ),
    })
}

/// An even number of voters.
fn even(voters: usize, may_be_missing: usize) -> Option<String> {
    let less = voters - 1;
    voters.is_multiple_of(2).then(|| {
        format!(
            "of {voters} voters {may_be_missing} may be missing, no more than of {less}: let one node more vote, or one less"
        )
    })
}

/// So many chosen voters next to each other that the ring stands still without them.
fn side_by_side(config: &Config, votes: &[bool], may_be_missing: usize) -> Option<String> {
    let Voters::Nodes(_) = config.ring.voters else {
        // They are spread as evenly as they can be.
        return None;
    };
    let first_gap = votes.iter().position(|&votes| !votes)?;
    // In a ring the count begins behind a node that does not vote, so that no group is cut in two.
    let start = match config.ring.shape {
        Shape::Ring => first_gap,
        Shape::Row => 0,
    };
    let nodes = config.nodes.iter().zip(votes).cycle().skip(start);
    let (mut group, mut longest): (Vec<&NodeConfig>, Vec<&NodeConfig>) = Default::default();
    for (node, votes) in nodes.take(config.nodes.len()) {
        if *votes {
            group.push(node);
        } else {
            group.clear();
        }
        if group.len() > longest.len() {
            longest.clone_from(&group);
        }
    }
    let (first, last) = (longest.first()?, longest.last()?);
    let mut spread = config.topology();
    spread.voters = Voters::Number(defaults::VOTERS);
    let mut nodes = spread.node_ids().zip(votes);
    // The number would choose the very same nodes.
    let offer = if nodes.all(|(node, votes)| spread.votes(node) == *votes) {
        String::new()
    } else {
        format!(", or write voters = {}", defaults::VOTERS)
    };
    (longest.len() > may_be_missing).then(|| {
        format!(
            "the voters {} to {} stand side by side: if one power strip or switch feeds them, the whole ring \
             stands still without it; let other nodes vote{offer}",
            first.name, last.name
        )
    })
}

/// So many voters on one host that the ring stands still without it.
fn on_one_host(config: &Config, votes: &[bool], may_be_missing: usize) -> Option<String> {
    let mut hosts: BTreeMap<String, Vec<&NodeConfig>> = BTreeMap::new();
    for (node, _) in config.nodes.iter().zip(votes).filter(|(_, votes)| **votes) {
        hosts.entry(canonical(&node.host)).or_default().push(node);
    }
    let (host, voters) = hosts.iter().max_by_key(|(_, voters)| voters.len())?;
    let mut nodes = config.nodes.iter();
    let all_there = nodes.all(|node| canonical(&node.host) == *host);
    let names: Vec<_> = voters.iter().map(|node| node.name.as_str()).collect();
    (voters.len() > may_be_missing && !all_there).then(|| {
        format!(
            "the voters {} are all on the host {host}: when it fails, every ball stands still",
            names.join(", ")
        )
    })
}
