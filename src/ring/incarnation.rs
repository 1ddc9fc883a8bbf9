//! What tells one process of a node from the next.

use serde::{Deserialize, Serialize};

use super::node_id::NodeId;

/// A random number that a process draws at its start: it tells a restarted node from the process before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// One process of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u16, Incarnation)", into = "(u16, Incarnation)")]
pub struct Life {
    /// The node.
    pub node: NodeId,
    /// Its process.
    pub incarnation: Incarnation,
}

impl From<(u16, Incarnation)> for Life {
    fn from((node, incarnation): (u16, Incarnation)) -> Self {
        let node = NodeId(node);
        Self { node, incarnation }
    }
}

impl From<Life> for (u16, Incarnation) {
    fn from(life: Life) -> Self {
        (life.node.0, life.incarnation)
    }
}

impl std::fmt::Display for Incarnation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl Serialize for Incarnation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Incarnation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let number = u64::from_str_radix(&text, 16);
        number
            .map(Self)
            .map_err(|_| serde::de::Error::custom("an incarnation is sixteen hexadecimal digits"))
    }
}
