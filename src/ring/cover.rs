//! Rule 13: the cover of a lease, which names everyone who may come to hold the ball with it.

use serde::{Deserialize, Serialize};

use super::incarnation::{Incarnation, Life};
use super::node_id::NodeId;

/// The processes that may come to hold a ball with one lease, in the order of the nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cover(Vec<Life>);

/// What a pass says of the cover of its lease: 64 bits made from the list, as sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CoverDigest(Incarnation);

impl CoverDigest {
    /// The digest of these bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(Incarnation(bits))
    }

    /// Its 64 bits.
    pub const fn bits(self) -> u64 {
        self.0.0
    }
}

impl Cover {
    /// The cover of these processes.
    pub fn new(lives: impl IntoIterator<Item = Life>) -> Self {
        let mut lives: Vec<Life> = lives.into_iter().collect();
        lives.sort_unstable();
        lives.dedup();
        Self(lives)
    }

    /// The processes.
    pub fn lives(&self) -> &[Life] {
        &self.0
    }

    /// Whether it names that process.
    pub fn contains(&self, node: NodeId, incarnation: Incarnation) -> bool {
        self.0.contains(&Life { node, incarnation })
    }

    /// Two different covers have the same digest as rarely as two processes draw the same incarnation.
    pub fn digest(&self) -> CoverDigest {
        let mixed = self.0.iter().fold(self.0.len() as u64, |digest, life| {
            let node = u64::from(life.node.0).wrapping_add(1);
            mix(mix(digest ^ life.incarnation.0).wrapping_add(node))
        });
        CoverDigest::from_bits(mixed)
    }
}

/// Spreads every bit over all others (the last step of `SplitMix64`).
const fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(node: u16, incarnation: u64) -> Life {
        let (node, incarnation) = (NodeId(node), Incarnation(incarnation));
        Life { node, incarnation }
    }

    #[test]
    fn a_cover_is_told_from_every_other_one() {
        let cover = Cover::new([life(2, 7), life(1, 5)]);
        assert_eq!(cover, Cover::new([life(1, 5), life(2, 7), life(2, 7)]));
        let others = [
            Cover::default(),
            Cover::new([life(1, 5)]),
            Cover::new([life(1, 7), life(2, 5)]),
            Cover::new([life(1, 5), life(2, 8)]),
            Cover::new([life(1, 5), life(3, 7)]),
            Cover::new([life(0, 1), life(1, 5), life(2, 7)]),
        ];
        for other in others {
            assert_ne!(other.digest(), cover.digest(), "{other:?}");
        }
        assert!(cover.contains(NodeId(1), Incarnation(5)));
        assert!(!cover.contains(NodeId(1), Incarnation(7)));
    }

    #[test]
    fn a_cover_is_written_as_pairs() {
        let cover = Cover::new([life(1, 5)]);
        let text = serde_json::to_string(&cover).unwrap();
        assert_eq!(text, r#"[[1,"0000000000000005"]]"#);
        assert_eq!(serde_json::from_str::<Cover>(&text).unwrap(), cover);
    }
}
