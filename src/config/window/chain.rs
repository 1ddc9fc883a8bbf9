//! Which windows stand side by side, and between which nodes.

use crate::ring::Shape;

/// Windows side by side, and the nodes next to them; both by their numbers from 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) left: Option<usize>,
    pub(crate) right: Option<usize>,
    pub(crate) windows: Vec<usize>,
}

/// Which windows stand side by side among that many nodes; `nodes_before` says how many nodes come
/// before each window in the file.
///
/// In a ring, the windows before the first node follow those after the last.
pub(crate) fn chains(shape: Shape, nodes: usize, nodes_before: &[usize]) -> Vec<Chain> {
    let windows_after = |count: usize| {
        let numbered = nodes_before.iter().enumerate();
        let after = numbered.filter(move |&(_, &before)| before == count);
        after.map(|(window, _)| window)
    };
    let first = match shape {
        Shape::Ring => 1,
        Shape::Row => 0,
    };
    (first..=nodes)
        .map(|before| {
            let closes_ring = shape == Shape::Ring && before == nodes;
            let at_start = closes_ring.then(|| windows_after(0));
            let at_start = at_start.into_iter().flatten();
            Chain {
                left: before.checked_sub(1),
                right: match closes_ring {
                    true => Some(0),
                    false => (before < nodes).then_some(before),
                },
                windows: windows_after(before).chain(at_start).collect(),
            }
        })
        .filter(|chain| !chain.windows.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(left: Option<usize>, right: Option<usize>, windows: &[usize]) -> Chain {
        Chain {
            left,
            right,
            windows: windows.to_vec(),
        }
    }

    #[test]
    fn windows_side_by_side_are_one_chain_round_the_end_of_a_ring() {
        let nodes_before = [0, 0, 2, 3, 3];
        assert_eq!(
            chains(Shape::Ring, 3, &nodes_before),
            [
                chain(Some(1), Some(2), &[2]),
                chain(Some(2), Some(0), &[3, 4, 0, 1]),
            ]
        );
        assert_eq!(
            chains(Shape::Row, 3, &nodes_before),
            [
                chain(None, Some(0), &[0, 1]),
                chain(Some(1), Some(2), &[2]),
                chain(Some(2), None, &[3, 4]),
            ]
        );
    }

    #[test]
    fn one_node_meets_its_windows_on_both_sides() {
        let round = [chain(Some(0), Some(0), &[1, 0])];
        assert_eq!(chains(Shape::Ring, 1, &[0, 1]), round);
        let ends = [chain(None, Some(0), &[0]), chain(Some(0), None, &[1])];
        assert_eq!(chains(Shape::Row, 1, &[0, 1]), ends);
        assert_eq!(chains(Shape::Ring, 0, &[0, 0]), []);
    }
}
