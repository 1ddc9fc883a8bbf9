//! SIGHUP: reads the ring file and the key file again, and hands the changes that a running node can
//! take over to its loop.

use std::sync::Arc;

use smol::channel::Sender;
use smol::stream::StreamExt as _;

use crate::cli::node;
use crate::cli::ring_file::RingFile;
use crate::config::{Config, Faults};
use crate::daemon;
use crate::daemon::reload::{ReloadChanges, ReloadRefused, ReloadStep, compare, compare_keys};
use crate::daemon::windows::WindowEndpoints;
use crate::key::{KeyFileError, Keys};
use crate::program::{keys, signals};
use crate::ring::NodeId;

/// What the node runs with.
pub(super) struct Running {
    pub(super) config: Config,
    pub(super) keys: Option<Keys>,
}

/// Reads the files again at every SIGHUP, for ever. If one has faults, nothing changes.
///
/// # Errors
/// When the system does not let the process watch for signals.
pub(super) async fn watch(
    file: RingFile,
    mut running: Running,
    me: NodeId,
    steps: Sender<ReloadStep>,
) -> std::io::Result<()> {
    let mut hangups = signals::hangups()?;
    let file = Arc::new(file);
    while let Some(signal) = hangups.next().await {
        signal?;
        send(&steps, ReloadStep::Begun).await;
        let reading = Arc::clone(&file);
        // In a thread of its own: an SD card may be slow, and the ring must not wait.
        let read = smol::unblock(move || read(&reading)).await;
        let step = match decide(read, &mut running, me) {
            Ok(step) => step,
            Err(refused) => {
                refused.log();
                ReloadStep::Refused
            }
        };
        send(&steps, step).await;
    }
    Ok(())
}

/// Reads the ring file, and the key file that it names.
fn read(file: &RingFile) -> Result<Running, Refused> {
    let config = file.read().map_err(Refused::Faults)?;
    let keys = keys::read(&config).map_err(Refused::KeyFile)?;
    Ok(Running { config, keys })
}

/// Why the new files change nothing.
enum Refused {
    Faults(Faults),
    KeyFile(KeyFileError),
    Change(ReloadRefused),
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
            Self::KeyFile(error) => {
                tracing::error!(
                    "the new key file was refused, nothing changes, the node plays on as before: {error}"
                );
            }
            Self::Change(refusal) => {
                tracing::error!("the new ring file was refused, nothing changes: {refusal}");
            }
        }
    }
}

/// Compares the new files with what the node runs with, and logs what changes.
fn decide(
    read: Result<Running, Refused>,
    running: &mut Running,
    me: NodeId,
) -> Result<ReloadStep, Refused> {
    let new = read?;
    let mut sentences = compare(&running.config, &new.config, me).map_err(Refused::Change)?;
    let keys = compare_keys(running.keys.as_ref(), new.keys.as_ref()).map_err(Refused::Change)?;
    sentences.extend(keys);
    let Running { config: old, .. } = std::mem::replace(running, new);
    let Running {
        config: running,
        keys,
    } = running;
    if sentences.is_empty() {
        tracing::info!("the ring file was read again: nothing in it concerns this node anew");
        return Ok(ReloadStep::Unchanged);
    }
    tracing::info!("the ring file was read again: {}", sentences.join("; "));
    let led = |config: &Config| config.nodes.get(me.index()).map(|node| node.led.clone());
    let has_new_led = led(&old) != led(running);
    let lease = running.ring.lease;
    let node = running.nodes.get(me.index());
    let node = node.filter(|_| has_new_led).cloned();
    let changes = ReloadChanges {
        ring_endpoints: daemon::ring_endpoints(running),
        http_endpoints: daemon::http_endpoints(running),
        http_names: running.ring.http_names.clone(),
        keys: keys.clone(),
        windows: WindowEndpoints::of(running, me),
        leds: node.map(|node| Box::new(move || node::leds(&node, lease)) as Box<_>),
    };
    Ok(ReloadStep::Apply(Box::new(changes)))
}

async fn send(steps: &Sender<ReloadStep>, step: ReloadStep) {
    // Fails only when the node has ended, and then this task is about to be dropped.
    let _ = steps.send(step).await;
}
