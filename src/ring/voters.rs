//! Which nodes vote: as many as the ring file says, or those that it names.

use super::node_id::NodeId;

/// How the ring file chooses the nodes that vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voters {
    /// So many nodes, spread evenly along the ring; all nodes of a ring that has no more.
    Number(usize),
    /// These nodes.
    Nodes(Vec<NodeId>),
}

impl Voters {
    /// Whether this node of a ring of `count` votes.
    ///
    /// Of `n` voters spread evenly, the voter `i` is the node `i * count / n`, so the first node always votes.
    pub(super) fn include(&self, node: NodeId, count: usize) -> bool {
        let index = node.index();
        match self {
            Self::Nodes(nodes) => nodes.contains(&node),
            Self::Number(number) if *number >= count => index < count,
            Self::Number(number) => {
                // The only voter that can be at this place is the first one not before it.
                let voter = (index * number).div_ceil(count);
                voter < *number && voter * count / number == index
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node_id::MOST_NODES;
    use super::*;

    fn spread(number: usize, count: usize) -> Vec<u16> {
        let voters = Voters::Number(number);
        let nodes = (0..u16::try_from(count).unwrap()).map(NodeId);
        let votes = nodes.filter(|&node| voters.include(node, count));
        votes.map(|node| node.0).collect()
    }

    #[test]
    fn so_many_voters_are_spread_evenly() {
        assert_eq!(spread(3, 9), [0, 3, 6]);
        assert_eq!(spread(7, 40), [0, 5, 11, 17, 22, 28, 34]);
        assert_eq!(spread(7, 8), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(spread(1, 5), [0]);
        assert_eq!(spread(9, 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn there_are_as_many_as_asked_for_and_no_gap_is_more_than_one_node_wider_than_another() {
        for count in 1..=MOST_NODES {
            for number in 1..=count {
                let voters = spread(number, count);
                assert_eq!(voters.len(), number, "{number} of {count}");
                let next = voters.iter().skip(1).map(|&at| usize::from(at));
                let ends = next.chain([count + usize::from(voters[0])]);
                let gaps = voters
                    .iter()
                    .zip(ends)
                    .map(|(&at, end)| end - usize::from(at));
                let gaps: Vec<_> = gaps.collect();
                let (least, most) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
                assert!(most - least <= 1, "{number} of {count}: {voters:?}");
            }
        }
    }
}
