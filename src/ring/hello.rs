//! The first line of a connection: who sends it, and whether the two belong to one ring.

use serde::{Deserialize, Serialize};

use super::incarnation::Incarnation;
use super::node_id::NodeId;
use super::topology::Topology;

/// The sender of a connection's lines, and its ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`](super::message::VERSION).
    pub version: u32,
    /// The ring's name.
    pub ring: String,
    /// The sender's name.
    pub node: String,
    /// Sixteen hexadecimal digits, drawn at the start of the process.
    pub incarnation: Incarnation,
    /// The fingerprint of the sender's topology.
    pub topology: String,
    /// This connection takes the place of another one between the two processes, as their key has changed.
    /// What was sent there is read first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
    /// The hash of the secret with which the end of the sender's process is proved, in hexadecimal digits; absent if it has
    /// no LED keeper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obituary: Option<String>,
}

impl Hello {
    /// The peer that this hello introduces to the node of `topology` that says `own` itself.
    ///
    /// # Errors
    /// A sentence for the logs of both nodes.
    pub fn introduce(&self, own: &Self, topology: &Topology) -> Result<NodeId, String> {
        let name = &own.node;
        if self.version != own.version {
            return Err(format!(
                "{name} speaks version {} of the ring protocol and the peer version {}: run the same carom on both",
                own.version, self.version
            ));
        }
        if self.ring != own.ring {
            return Err(format!(
                "{name} is in the ring \"{}\" and the peer in \"{}\": check the addresses in the ring file",
                own.ring, self.ring
            ));
        }
        if self.topology != own.topology {
            return Err(format!(
                "the ring file of {name} (topology {}) differs from the peer's (topology {}): copy one file and one version of carom to all nodes, then restart them all",
                own.topology, self.topology
            ));
        }
        match topology.find(&self.node) {
            None => Err(format!(
                "\"{}\" is no node of the ring file of {name}",
                self.node
            )),
            Some(peer) if topology.find(name) == Some(peer) => Err(format!(
                "the peer calls itself {name}, and that is the name of the node it reached: give each node its own name and address"
            )),
            Some(peer) => Ok(peer),
        }
    }
}
