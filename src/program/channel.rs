//! Receives from a channel whose senders may be gone.

use smol::channel::Receiver;
use smol::future;

/// The next message; waits for ever once every sender is gone.
pub async fn recv_or_pending<T>(receiver: &Receiver<T>) -> T {
    match receiver.recv().await {
        Ok(message) => message,
        Err(_) => future::pending().await,
    }
}
