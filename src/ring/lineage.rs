//! The renewals that a ball carries with it, by which a voter tells one possession from its double.
//!
//! Within one generation the ball goes from node to node, and every holder requests renewals. A voter
//! remembers the last renewal it granted. A request continues that possession iff the voter's
//! renewal is in the request's lineage, or is not newer than the one that a quorum has confirmed last: then
//! the voter has only missed some. Otherwise two nodes hold the ball in one generation, which no
//! correct run leads to, and the voter denies the second one. Two quorums meet in a voter, so at
//! most one of the two is ever renewed.
//!
//! Comparing hops would not be enough: two balls that fly equally fast would outrun each other's last
//! renewal again and again.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::node_id::NodeId;

/// One renewal within a generation: the hop at which it was requested, and the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(u64, u16)", into = "(u64, u16)")]
pub struct Renewal {
    /// The hop of the ball at that time.
    pub hop: u64,
    /// The holder that requested it.
    pub node: NodeId,
}

impl From<(u64, u16)> for Renewal {
    fn from((hop, node): (u64, u16)) -> Self {
        let node = NodeId(node);
        Self { hop, node }
    }
}

impl From<Renewal> for (u64, u16) {
    fn from(renewal: Renewal) -> Self {
        (renewal.hop, renewal.node.0)
    }
}

/// The largest number of renewals in a lineage: a lease passes only a few on before one is confirmed.
pub(super) const LONGEST_LINEAGE: usize = 8;

/// The last confirmed renewal first, then those that were requested since.
#[derive(Clone, Copy, Default)]
pub struct Lineage {
    slots: [Renewal; LONGEST_LINEAGE],
    used: usize,
}

impl Lineage {
    /// The renewals, the confirmed one first.
    pub fn as_slice(&self) -> &[Renewal] {
        self.slots.get(..self.used).unwrap_or_default()
    }

    /// Whether nothing was requested yet in this generation.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Appends a renewal of a lineage that was received; `None` if it has as many as a lineage may have.
    pub(crate) fn push(&mut self, renewal: Renewal) -> Option<()> {
        *self.slots.get_mut(self.used)? = renewal;
        self.used += 1;
        Some(())
    }

    /// Adds a renewal that is requested now.
    pub fn request(&mut self, renewal: Renewal) {
        if self.as_slice().last() == Some(&renewal) {
            return;
        }
        if self.used >= LONGEST_LINEAGE {
            // Forget the second one: the first, which is confirmed, says most.
            self.slots.copy_within(2.., 1);
            self.used = LONGEST_LINEAGE - 1;
        }
        if let Some(slot) = self.slots.get_mut(self.used) {
            *slot = renewal;
            self.used += 1;
        }
    }

    /// A quorum has granted this renewal: what came before it is no longer needed.
    pub fn confirm(&mut self, renewal: Renewal) {
        let index = self.as_slice().iter().position(|known| *known == renewal);
        if let Some(index) = index {
            self.slots.copy_within(index..self.used, 0);
            self.used -= index;
        }
    }

    /// Whether a holder with this lineage continues the possession of which a voter granted that renewal.
    pub fn continues(&self, granted: Renewal) -> bool {
        let renewals = self.as_slice();
        let missed = renewals
            .first()
            .is_some_and(|confirmed| granted.hop < confirmed.hop);
        missed || renewals.contains(&granted)
    }
}

impl fmt::Debug for Lineage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.as_slice()).finish()
    }
}

impl PartialEq for Lineage {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Serialize for Lineage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice())
    }
}

impl<'de> Deserialize<'de> for Lineage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Renewals;
        impl<'de> Visitor<'de> for Renewals {
            type Value = Lineage;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    formatter,
                    "at most {LONGEST_LINEAGE} pairs of a hop and a node"
                )
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lineage, A::Error> {
                let mut lineage = Lineage::default();
                while let Some(renewal) = list.next_element()? {
                    if lineage.push(renewal).is_none() {
                        return Err(de::Error::invalid_length(LONGEST_LINEAGE + 1, &self));
                    }
                }
                Ok(lineage)
            }
        }
        deserializer.deserialize_seq(Renewals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewal(hop: u64, node: u16) -> Renewal {
        Renewal::from((hop, node))
    }

    fn lineage(renewals: &[(u64, u16)]) -> Lineage {
        let mut lineage = Lineage::default();
        for &(hop, node) in renewals {
            lineage.request(renewal(hop, node));
        }
        lineage
    }

    #[test]
    fn lineages_of_other_renewals_are_not_equal() {
        let line = lineage(&[(10, 1), (12, 3)]);
        assert_eq!(line, lineage(&[(10, 1), (12, 3)]));
        assert_ne!(line, lineage(&[(10, 1)]));
        assert_ne!(line, lineage(&[(10, 1), (12, 2)]));
    }

    #[test]
    fn a_voter_that_missed_renewals_is_told_from_one_that_granted_a_double() {
        let line = lineage(&[(10, 1), (12, 3), (13, 4)]);
        for granted in [(3, 0), (10, 1), (12, 3), (13, 4)] {
            assert!(line.continues(renewal(granted.0, granted.1)), "{granted:?}");
        }
        // The same hop at another node, a hop between, a hop ahead: another possession.
        for granted in [(10, 2), (12, 2), (11, 2), (14, 2)] {
            assert!(
                !line.continues(renewal(granted.0, granted.1)),
                "{granted:?}"
            );
        }
    }

    #[test]
    fn a_confirmed_renewal_replaces_those_before_it() {
        let mut line = lineage(&[(10, 1), (12, 3), (13, 4)]);
        line.confirm(renewal(12, 3));
        assert_eq!(line, lineage(&[(12, 3), (13, 4)]));
        line.confirm(renewal(99, 9));
        assert_eq!(line.as_slice().len(), 2);
    }

    #[test]
    fn it_stays_short_and_keeps_the_confirmed_one() {
        let mut line = lineage(&[(1, 1)]);
        for hop in 2..100 {
            line.request(renewal(hop, 2));
            line.request(renewal(hop, 2));
        }
        assert_eq!(line.as_slice().len(), LONGEST_LINEAGE);
        assert!(line.continues(renewal(1, 1)) && line.continues(renewal(99, 2)));
        assert!(!line.continues(renewal(50, 2)));
    }

    #[test]
    fn it_reads_back_what_it_writes_and_no_more() {
        let line = lineage(&[(10, 1), (12, 3)]);
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(text, "[[10,1],[12,3]]");
        assert_eq!(serde_json::from_str::<Lineage>(&text).unwrap(), line);
        let long = format!("[{}[1,1]]", "[1,1],".repeat(LONGEST_LINEAGE));
        assert!(serde_json::from_str::<Lineage>(&long).is_err());
    }
}
