//! Windows in the ring file: where they stand between the nodes, and where they listen.

pub(super) mod check;
pub(super) mod read;

use super::partial::{PartialNode, PartialWindow};
use crate::endpoint::Endpoint;
use crate::ring::ball::Direction;
use crate::ring::topology::{NodeId, Screen, Shape};

/// Windows side by side, with the nodes that hand balls to them.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowChainConfig {
    /// The node on their left; `None` at the left end of a row.
    pub left: Option<NodeId>,
    /// The node on their right; `None` at the right end of a row.
    pub right: Option<NodeId>,
    /// From left to right; at least one.
    pub windows: Vec<WindowConfig>,
}

impl WindowChainConfig {
    /// The window that a ball comes to which leaves a node for this gap in that direction.
    pub fn first(&self, direction: Direction) -> Option<&WindowConfig> {
        match direction {
            Direction::Right => self.windows.first(),
            Direction::Left => self.windows.last(),
        }
    }

    /// The node that hands balls flying in that direction to this gap.
    pub fn before(&self, direction: Direction) -> Option<NodeId> {
        match direction {
            Direction::Right => self.left,
            Direction::Left => self.right,
        }
    }
}

/// One `[[node]]` with `kind = "window"`: a program that shows a ball and passes it on.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowConfig {
    /// Its name; no node's and no other window's.
    pub name: String,
    /// Its own screen.
    pub screen: Screen,
    /// Where it takes balls that come from its left neighbour.
    pub listen_left: Endpoint,
    /// Where it takes balls that come from its right neighbour.
    pub listen_right: Endpoint,
}

impl WindowConfig {
    /// Where it takes a ball that flies in that direction.
    pub fn entrance(&self, direction: Direction) -> &Endpoint {
        match direction {
            Direction::Right => &self.listen_left,
            Direction::Left => &self.listen_right,
        }
    }
}

/// Windows side by side, all by their numbers from 0.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) left: Option<usize>,
    pub(super) right: Option<usize>,
    pub(super) windows: Vec<usize>,
}

/// Where windows stand among so many nodes; `after` says how many nodes come before each.
///
/// In a ring, those before the first node stand behind those after the last.
pub(super) fn stands(shape: Shape, nodes: usize, after: &[usize]) -> Vec<Stand> {
    let here = |place: usize| {
        let numbered = after.iter().enumerate();
        let here = numbered.filter(move |&(_, &after)| after == place);
        here.map(|(window, _)| window)
    };
    let first = match shape {
        Shape::Ring => 1,
        Shape::Row => 0,
    };
    (first..=nodes)
        .map(|place| {
            let closing = shape == Shape::Ring && place == nodes;
            let wrapped = closing.then(|| here(0)).into_iter().flatten();
            Stand {
                left: place.checked_sub(1),
                right: match closing {
                    true => Some(0),
                    false => (place < nodes).then_some(place),
                },
                windows: here(place).chain(wrapped).collect(),
            }
        })
        .filter(|stand| !stand.windows.is_empty())
        .collect()
}

/// Notes at every node on which of its sides a window stands.
pub(super) fn note(shape: Option<Shape>, nodes: &mut [PartialNode], windows: &[PartialWindow]) {
    let after: Vec<_> = windows.iter().map(|window| window.after).collect();
    // If the shape cannot be read, a row: what stands beside a node there does so in a ring, too.
    for stand in stands(shape.unwrap_or(Shape::Row), nodes.len(), &after) {
        if let Some(node) = stand.left.and_then(|left| nodes.get_mut(left)) {
            node.window_sides.right = true;
        }
        if let Some(node) = stand.right.and_then(|right| nodes.get_mut(right)) {
            node.window_sides.left = true;
        }
    }
}

/// The gaps, once everything could be read.
pub(super) fn complete(
    shape: Shape,
    nodes: usize,
    partials: Vec<PartialWindow>,
) -> Option<Vec<WindowChainConfig>> {
    let after: Vec<_> = partials.iter().map(|window| window.after).collect();
    let windows: Option<Vec<_>> = partials.into_iter().map(PartialWindow::complete).collect();
    let windows = windows?;
    let id = |index: usize| u8::try_from(index).ok().map(NodeId);
    let gaps = stands(shape, nodes, &after)
        .into_iter()
        .map(|stand| WindowChainConfig {
            left: stand.left.and_then(id),
            right: stand.right.and_then(id),
            windows: stand
                .windows
                .into_iter()
                .filter_map(|window| windows.get(window).cloned())
                .collect(),
        });
    Some(gaps.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(left: Option<usize>, right: Option<usize>, windows: &[usize]) -> Stand {
        Stand {
            left,
            right,
            windows: windows.to_vec(),
        }
    }

    #[test]
    fn windows_side_by_side_are_one_gap_round_the_end_of_a_ring() {
        let after = [0, 0, 2, 3, 3];
        assert_eq!(
            stands(Shape::Ring, 3, &after),
            [
                stand(Some(1), Some(2), &[2]),
                stand(Some(2), Some(0), &[3, 4, 0, 1]),
            ]
        );
        assert_eq!(
            stands(Shape::Row, 3, &after),
            [
                stand(None, Some(0), &[0, 1]),
                stand(Some(1), Some(2), &[2]),
                stand(Some(2), None, &[3, 4]),
            ]
        );
    }

    #[test]
    fn one_node_meets_its_windows_on_both_sides() {
        let round = [stand(Some(0), Some(0), &[1, 0])];
        assert_eq!(stands(Shape::Ring, 1, &[0, 1]), round);
        let ends = [stand(None, Some(0), &[0]), stand(Some(0), None, &[1])];
        assert_eq!(stands(Shape::Row, 1, &[0, 1]), ends);
        assert_eq!(stands(Shape::Ring, 0, &[0, 0]), []);
    }

    #[test]
    fn an_address_of_six_groups_of_digits_keeps_its_brackets() {
        let shown = |host: &str| {
            let host = host.to_owned();
            Endpoint { host, port: 10001 }.to_string()
        };
        assert_eq!(shown("fe80::1%eth0"), "[fe80::1%eth0]:10001");
        assert_eq!(shown("laptop.local"), "laptop.local:10001");
    }
}
