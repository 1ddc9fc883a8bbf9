//! Signals: SIGTERM and SIGINT request a planned stop, SIGHUP a reload of the ring file.

use async_signal::{Signal, Signals};
use smol::channel::Sender;
use smol::stream::StreamExt as _;

/// Sends a message to `stop` at every SIGTERM and SIGINT, for ever.
///
/// # Errors
/// When the system does not let the process watch for signals.
pub async fn watch(stop: Sender<()>) -> std::io::Result<()> {
    let mut signals = Signals::new([Signal::Term, Signal::Int])?;
    while let Some(signal) = signals.next().await {
        let signal = signal?;
        tracing::info!("asked to stop ({signal:?}): passing every ball on, then leaving");
        // Fails only if an earlier request is still waiting: one is enough.
        let _ = stop.try_send(());
    }
    Ok(())
}

/// Every SIGHUP, for ever.
///
/// # Errors
/// When the system does not let the process watch for signals.
pub fn hangups() -> std::io::Result<Signals> {
    Signals::new([Signal::Hup])
}
