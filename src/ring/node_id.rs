//! The number of a node, and sets of nodes.

use serde::Serialize;

/// A node's place in the ring file, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct NodeId(pub u16);

impl NodeId {
    /// The same as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The largest number of nodes in a ring file.
pub const MOST_NODES: usize = 255;

/// The words of a set: enough for a ring of 1,024 nodes, which the simulator plays.
const WORDS: usize = 16;

/// A set of nodes, in 128 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeSet([u64; WORDS]);

impl NodeSet {
    /// The number of nodes that it has room for: more than a ring file may have.
    pub(super) const CAPACITY: usize = WORDS * 64;

    pub(super) fn insert(&mut self, node: NodeId) {
        if let Some(word) = self.0.get_mut(node.index() / 64) {
            *word |= 1 << (node.index() % 64);
        }
    }

    pub(super) fn remove(&mut self, node: NodeId) {
        if let Some(word) = self.0.get_mut(node.index() / 64) {
            *word &= !(1 << (node.index() % 64));
        }
    }

    pub(super) fn len(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn is_empty(self) -> bool {
        self.len() == 0
    }

    pub(super) fn words(self) -> [u64; WORDS] {
        self.0
    }

    /// Whether the node is a member.
    pub fn contains(self, node: NodeId) -> bool {
        let word = self.0.get(node.index() / 64);
        word.is_some_and(|word| word >> (node.index() % 64) & 1 == 1)
    }

    /// The members, in ring order.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        let words = self.0.into_iter().zip((0..=u16::MAX).step_by(64));
        words.flat_map(|(mut word, first)| {
            std::iter::from_fn(move || {
                let bit = u16::try_from(word.trailing_zeros()).ok()?;
                word = word.checked_sub(1)? & word;
                Some(NodeId(first + bit))
            })
        })
    }

    /// The members of either set.
    pub(super) fn or(self, other: Self) -> Self {
        let mut either = self;
        for (mine, others) in either.0.iter_mut().zip(other.0) {
            *mine |= others;
        }
        either
    }

    /// The members that are also members of `other`.
    pub(super) fn and(self, other: Self) -> Self {
        let mut both = self;
        for (mine, others) in both.0.iter_mut().zip(other.0) {
            *mine &= others;
        }
        both
    }

    /// Whether every member is also a member of `other`.
    pub(super) fn is_subset(self, other: Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(mine, others)| mine & !others == 0)
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::default();
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_and_go_over_the_whole_range() {
        let mut set: NodeSet = [0, 63, 64, 1023].map(NodeId).into_iter().collect();
        assert_eq!(set.len(), 4);
        set.insert(NodeId(64));
        assert_eq!(set.len(), 4);
        let smaller = set;
        set.insert(NodeId(700));
        assert!(smaller.is_subset(set) && !set.is_subset(smaller));
        assert!(set.contains(NodeId(700)) && !smaller.contains(NodeId(700)));
        assert_eq!(set.and(smaller), smaller);
        assert_eq!(set.or(smaller), set);
        let members: Vec<u16> = set.iter().map(|node| node.0).collect();
        assert_eq!(members, [0, 63, 64, 700, 1023]);
        for member in [0, 63, 64, 1023, 700] {
            set.remove(NodeId(member));
        }
        assert!(set.is_empty());
    }
}
