//! Which nodes are followed: few, however large the ring is. The page chooses by the same rules, in `choice.js`.

use std::collections::BTreeSet;

use crate::http::NodeStatus;
use crate::ring::Shape;

/// In a ring of up to so many nodes, all are followed.
const ALL: usize = 7;

/// How many are followed on each side.
const NEAR: usize = 2;

/// How many voters are followed: each hears of every ball.
const VOTERS: usize = 3;

/// How many nodes are followed at most.
pub(super) const MOST: usize = 1 + 2 * NEAR + VOTERS;

/// Whether only some of so many nodes are followed.
pub(super) fn is_large(nodes: usize) -> bool {
    nodes > ALL
}

/// The node at `home`, the nearest on each side, and enough voters, as indices. The next ones take the places of those
/// that do not answer, for which `skip` is true.
pub(super) fn choose(
    nodes: &[NodeStatus],
    shape: Shape,
    home: usize,
    skip: impl Fn(&str) -> bool,
) -> BTreeSet<usize> {
    let count = nodes.len();
    if !is_large(count) {
        return (0..count).collect();
    }
    let skipped = |&index: &usize| nodes.get(index).is_none_or(|node| skip(&node.name));
    let votes = |index: &usize| nodes.get(*index).is_some_and(|node| node.voter);
    let (right, left): (Vec<usize>, Vec<usize>) = match shape {
        Shape::Ring => (
            (1..count).map(|step| (home + step) % count).collect(),
            (1..count)
                .map(|step| (home + count - step) % count)
                .collect(),
        ),
        Shape::Row => ((home + 1..count).collect(), (0..home).rev().collect()),
    };
    let near = |side: Vec<usize>| side.into_iter().filter(|index| !skipped(index)).take(NEAR);
    let mut chosen = BTreeSet::from([home]);
    chosen.extend(near(right));
    chosen.extend(near(left));
    // Counted from the home node, so that those who watch different nodes choose different voters.
    let others: Vec<usize> = (1..count)
        .map(|step| (home + step) % count)
        .filter(|index| votes(index) && !chosen.contains(index))
        .collect();
    let have = chosen
        .iter()
        .filter(|index| votes(index) && !skipped(index));
    let missing = VOTERS.saturating_sub(have.count());
    for turn in 0..missing {
        let first = turn * others.len() / missing;
        let mut after = others.iter().cycle().skip(first).take(others.len());
        if let Some(&found) = after.find(|index| !chosen.contains(index) && !skipped(index)) {
            chosen.insert(found);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(count: usize, voters: &[usize]) -> Vec<NodeStatus> {
        let node = |index: usize| NodeStatus {
            name: index.to_string(),
            voter: voters.contains(&index),
            state: "up".to_owned(),
            since_seconds: 0.0,
            round_trip_ms: None,
            incarnation: None,
            http: None,
            duplicate: None,
        };
        (0..count).map(node).collect()
    }

    fn chosen(nodes: &[NodeStatus], shape: Shape, home: usize, dead: &[usize]) -> Vec<usize> {
        let skip = |name: &str| dead.iter().any(|index| index.to_string() == name);
        choose(nodes, shape, home, skip).into_iter().collect()
    }

    const VOTERS_OF_40: [usize; 7] = [0, 5, 11, 17, 22, 28, 34];

    #[test]
    fn of_a_small_ring_all_are_followed() {
        let nodes = ring(7, &[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(chosen(&nodes, Shape::Ring, 3, &[2]), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn of_a_large_ring_the_near_ones_and_three_voters_are_followed() {
        let nodes = ring(40, &VOTERS_OF_40);
        let shape = Shape::Ring;
        assert_eq!(chosen(&nodes, shape, 8, &[]), [6, 7, 8, 9, 10, 11, 22, 34]);
        // Over the end of the list; a voter that is near counts.
        assert_eq!(chosen(&nodes, shape, 39, &[]), [0, 1, 5, 22, 37, 38, 39]);
        // The next ones take the places of the dead, near ones and voters.
        let dead = [6, 9, 22];
        assert_eq!(chosen(&nodes, shape, 8, &dead), [5, 7, 8, 10, 11, 17]);
        // A row has nothing beyond its ends.
        assert_eq!(chosen(&nodes, Shape::Row, 0, &[]), [0, 1, 2, 5, 22]);
    }

    #[test]
    fn whoever_is_dead_there_are_enough_and_never_too_many() {
        for count in [8, 40, 250] {
            let voters: Vec<usize> = (0..7).map(|index| index * count / 7).collect();
            let nodes = ring(count, &voters);
            for home in 0..count {
                for dead in [
                    vec![],
                    (0..count / 2).collect(),
                    (0..count).collect::<Vec<_>>(),
                ] {
                    let chosen = chosen(&nodes, Shape::Ring, home, &dead);
                    let live = |index: &&usize| !dead.contains(index);
                    let voters_live = voters.iter().filter(live).count();
                    let followed = chosen.iter().filter(|index| voters.contains(index));
                    assert!(chosen.contains(&home) && chosen.len() <= MOST);
                    assert!(followed.filter(live).count() >= voters_live.min(VOTERS));
                    assert!(chosen.iter().all(|index| *index == home || live(&index)));
                }
            }
        }
    }
}
