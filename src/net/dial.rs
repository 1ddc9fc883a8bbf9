//! Keeps one outgoing link open: dials, serves, backs off, dials again.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::{LocalExecutor, Task, future};

use super::hub::Hub;
use super::introduce::{Origin, PendingConnection};
use super::link::serve;
use super::link_error::LinkError;
use super::table::Ended;
use crate::clock;
use crate::connect;
use crate::ring::NodeId;

/// The back-off after the first failure.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// The longest back-off, before a jitter of a fifth: two attempts begin at most 2 s apart.
const LONGEST_BACKOFF: Duration = Duration::from_millis(1_600);

/// Failures are logged only once the back-off has grown to this, or if the attempt took as long: while a ring starts, some
/// nodes listen later than others.
const LOGGED_BACKOFF: Duration = Duration::from_millis(400);

/// An attempt that takes this long is given up, and the next one begins at once.
const CONNECT_LIMIT: Duration = Duration::from_millis(1_900);

/// After a link that lasted this long, the back-off starts anew.
const STABLE_AFTER: Duration = Duration::from_secs(1);

/// At most this many links wait at a time for another one to replace them.
const MOST_OUTDATED: usize = 2;

/// Dials the peer, again and again. The executor owns this task, so the reference to it is weak.
pub(super) async fn keep_connected(
    executor: Weak<LocalExecutor<'static>>,
    hub: Rc<Hub>,
    peer: NodeId,
) {
    let mut random = fastrand::Rng::with_seed(hub.settings.incarnation.0 ^ u64::from(peer.0));
    let mut backoff = FIRST_BACKOFF;
    // Links that are about to be replaced, as they were made with another key than the one used now.
    let mut outdated: Vec<Task<Ended>> = Vec::new();
    loop {
        outdated.retain(|link| !link.is_finished());
        let started = clock::now();
        let mut was_link = false;
        match connect_to(&hub, peer).await {
            Ok((stream, address)) => {
                let Some(executor) = executor.upgrade() else {
                    return;
                };
                let connection = PendingConnection {
                    stream,
                    address,
                    origin: Origin::Dialled(peer),
                };
                let served = Rc::clone(&hub);
                let mut link = executor.spawn(async move { serve(&served, connection).await });
                drop(executor);
                let ended = async { Some((&mut link).await) };
                let renewed = async {
                    hub.renewal(peer).await;
                    None
                };
                let Some(ended) = future::or(ended, renewed).await else {
                    if outdated.len() >= MOST_OUTDATED {
                        // Closes the oldest.
                        drop(outdated.remove(0));
                    }
                    outdated.push(link);
                    backoff = FIRST_BACKOFF;
                    continue;
                };
                was_link = ended.was_link;
                if matches!(ended.error, LinkError::Refused { duplicate, .. } if duplicate) {
                    // Each refusal silences a duplicate for a lease: the next must come before that ends.
                    backoff = backoff.min(hub.settings.topology.lease / 3);
                }
            }
            Err(_) if backoff.max(clock::now().since(started)) < LOGGED_BACKOFF => {}
            Err(error) => {
                let name = hub.name(peer);
                hub.peer_log
                    .warn(&format!("{name} cannot be reached: {error}"));
            }
        }
        let lasted = clock::now().since(started);
        if was_link && lasted >= STABLE_AFTER {
            backoff = FIRST_BACKOFF;
        }
        let jittered = backoff.mul_f64(random.f64().mul_add(0.4, 0.8));
        // The back-off is between the beginnings of attempts: a slow failure adds nothing to it.
        let spent = if was_link { Duration::ZERO } else { lasted };
        Timer::after(jittered.saturating_sub(spent)).await;
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
}

async fn connect_to(hub: &Hub, peer: NodeId) -> io::Result<(Async<TcpStream>, IpAddr)> {
    let unknown = || io::Error::new(io::ErrorKind::NotFound, "the ring file gives no address");
    let address = hub.addresses.borrow().get(peer.index()).cloned();
    let address = address.ok_or_else(unknown)?;
    let late = async {
        Timer::after(CONNECT_LIMIT).await;
        Err(connect::late(&address.host, address.port))
    };
    future::or(
        connect::connect(&address.host, address.port, CONNECT_LIMIT),
        late,
    )
    .await
}
