//! What has become of the link to a peer.

use std::net::{IpAddr, SocketAddr};

use crate::ring::NodeId;

/// What has become of the link to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkChange {
    /// The peer.
    pub peer: NodeId,
    /// Where its new link is; `None` if the link was there before, or is gone.
    pub opened: Option<IpAddr>,
    /// Where the peer accepts connections, if it is linked.
    pub place: Option<SocketAddr>,
}
