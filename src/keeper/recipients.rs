//! The nodes that the keeper is to tell that the daemon has ended.

use std::net::SocketAddr;

use super::book::Book;
use crate::obituary::Commitment;
use crate::ring::NodeId;

/// The nodes that the keeper is to tell that the daemon has ended, and what they must know to believe it.
#[derive(Debug)]
pub struct Recipients {
    pub(super) commitment: Commitment,
    pub(super) book: Book,
}

impl Recipients {
    /// What every node is to be told in the hello.
    pub fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// That node is linked, and accepts connections there; or it is not linked.
    pub fn set(&self, node: NodeId, place: Option<SocketAddr>) {
        // Fails only if the system has no memory left. Then that node is not told, and the lease decides there.
        let _ = self.book.note(node, place);
    }
}
