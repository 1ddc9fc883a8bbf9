//! Wakes the tasks that dial the peers.

use std::time::Duration;

use async_io::Timer;
use smol::channel::{Receiver, Sender, bounded};
use smol::future;

use crate::ring::NodeId;

/// One wake-up for each peer, in ring order.
pub(super) struct Wakes(Vec<(Sender<()>, Receiver<()>)>);

impl Wakes {
    pub(super) fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| bounded(1)).collect())
    }

    /// Has the task that dials the peer look again at what there is to do.
    pub(super) fn wake(&self, peer: NodeId) {
        if let Some((sender, _)) = self.0.get(peer.index()) {
            // A wake-up that is already queued does as well.
            let _ = sender.try_send(());
        }
    }

    /// Waits until the task of that peer is woken, or until so much time has passed.
    pub(super) async fn woken(&self, peer: NodeId, rest: Option<Duration>) {
        let woken = async {
            match self.0.get(peer.index()) {
                // Fails only if the sender is gone, and that is here.
                Some((_, receiver)) => drop(receiver.recv().await),
                None => future::pending().await,
            }
        };
        let over = async {
            match rest {
                Some(rest) => drop(Timer::after(rest).await),
                None => future::pending().await,
            }
        };
        future::or(woken, over).await;
    }
}
