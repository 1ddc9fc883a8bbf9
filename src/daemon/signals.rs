//! SIGTERM and SIGINT, as requests to hand every ball on and end; SIGHUP, to read the ring file again.

use async_signal::{Signal, Signals};
use smol::channel::Sender;
use smol::stream::StreamExt as _;

/// Passes every such signal on, for ever.
///
/// # Errors
/// When the system does not let the process watch for signals.
pub async fn watch(stop: Sender<()>) -> std::io::Result<()> {
    let mut signals = Signals::new([Signal::Term, Signal::Int])?;
    while let Some(signal) = signals.next().await {
        let signal = signal?;
        tracing::info!("asked to stop ({signal:?}): passing every ball on, then leaving");
        // A request that is already waiting does as well.
        let _ = stop.try_send(());
    }
    Ok(())
}

/// The next SIGHUP, and the one after it, for ever.
///
/// # Errors
/// When the system does not let the process watch for signals.
pub fn hangups() -> std::io::Result<Signals> {
    Signals::new([Signal::Hup])
}
