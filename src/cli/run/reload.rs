//! SIGHUP: reads the ring file again, and hands what a running node can take over to its loop.

use std::sync::Arc;

use smol::stream::StreamExt as _;

use super::super::{RingFile, node};
use crate::config::{Config, Faults};
use crate::daemon::reload::{Beside, Change, Refusal, Step, Stepper, compare};
use crate::daemon::{self, signals};
use crate::ring::NodeId;

/// Reads the file again at every SIGHUP, for ever. A bad file changes nothing.
///
/// # Errors
/// When the system does not let the process watch for signals.
pub(super) async fn watch(
    file: RingFile,
    mut running: Config,
    me: NodeId,
    steps: Stepper,
) -> std::io::Result<()> {
    let mut hangups = signals::hangups()?;
    let file = Arc::new(file);
    while let Some(signal) = hangups.next().await {
        signal?;
        tell(&steps, Step::Begun).await;
        let reading = Arc::clone(&file);
        // An SD card may take its time; the ring does not wait for it.
        let read = smol::unblock(move || reading.read()).await;
        let step = match decide(read, &mut running, me) {
            Ok(step) => step,
            Err(refused) => {
                refused.log();
                Step::Refused
            }
        };
        tell(&steps, step).await;
    }
    Ok(())
}

/// Why nothing changes.
enum Refused {
    Faults(Faults),
    Refusal(Refusal),
}

impl Refused {
    fn log(&self) {
        match self {
            Self::Faults(faults) => {
                for fault in faults.to_string().lines() {
                    tracing::error!("{fault}");
                }
                tracing::error!(
                    "the new ring file has faults: nothing changes, the node plays on as before"
                );
            }
            Self::Refusal(refusal) => {
                tracing::error!("the new ring file was refused, nothing changes: {refusal}");
            }
        }
    }
}

fn decide(read: Result<Config, Faults>, running: &mut Config, me: NodeId) -> Result<Step, Refused> {
    let new = read.map_err(Refused::Faults)?;
    let sentences = compare(running, &new, me).map_err(Refused::Refusal)?;
    let old = std::mem::replace(running, new);
    if sentences.is_empty() {
        tracing::info!("the ring file was read again: nothing in it concerns this node anew");
        return Ok(Step::Unchanged);
    }
    tracing::info!("the ring file was read again: {}", sentences.join("; "));
    let led = |config: &Config| config.nodes.get(me.index()).map(|node| node.led.clone());
    let rewired = led(&old) != led(running);
    let lease = running.ring.lease;
    let wired = running.nodes.get(me.index()).filter(|_| rewired).cloned();
    Ok(Step::Apply(Change {
        addresses: daemon::addresses(running),
        http_endpoints: daemon::http_endpoints(running),
        windows: Beside::of(running, me),
        lights: wired.map(|wired| Box::new(move || node::lights(&wired, lease)) as Box<_>),
    }))
}

async fn tell(steps: &Stepper, step: Step) {
    // Fails only when the node has left, and then this task is about to be dropped.
    let _ = steps.send(step).await;
}
