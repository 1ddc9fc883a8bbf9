//! Keeps the link to one peer: dials while there is none, serves, backs off, dials again.
//!
//! The node that is listed first dials at once; the other one when there has been no link for [`TURN`], so that a pair is
//! connected although one of the two cannot look the other one's name up.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::{LocalExecutor, Task, future};

use super::hub::Hub;
use super::introduce::{Origin, PendingConnection};
use super::link::serve;
use super::link_error::LinkError;
use super::table::{Ended, State};
use crate::clock;
use crate::connect;
use crate::endpoint::Endpoint;
use crate::ring::NodeId;

/// After so long without a link, the node that is listed later dials, too.
const TURN: Duration = Duration::from_secs(2);

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

/// So many addresses at which something else than the peer answered are remembered for the order of the next attempt.
const MOST_FAILED: usize = 8;

/// Dials the peer, again and again. The executor owns this task, so the reference to it is weak.
pub(super) async fn keep_connected(
    executor: Weak<LocalExecutor<'static>>,
    hub: Rc<Hub>,
    peer: NodeId,
) {
    let mut dialler = Dialler::new(hub, peer);
    loop {
        dialler.until_due().await;
        let started = clock::now();
        let Some(connected) = dialler.connect().await else {
            // It is connected now, or is somewhere else.
            continue;
        };
        let mut was_link = false;
        match connected {
            Ok((stream, address)) => {
                let Some(executor) = executor.upgrade() else {
                    return;
                };
                let origin = Origin::Dialled(peer);
                let connection = PendingConnection {
                    stream,
                    address,
                    origin,
                };
                let hub = Rc::clone(&dialler.hub);
                let link = executor.spawn(async move { serve(&hub, connection).await });
                drop(executor);
                let Some(ended) = dialler.until_ended(link).await else {
                    continue;
                };
                was_link = ended.was_link;
                dialler.on_ended(&ended, address);
            }
            Err(error) => dialler.log(&error, clock::now().since(started)),
        }
        let lasted = clock::now().since(started);
        if was_link && lasted >= STABLE_AFTER {
            dialler.backoff = dialler.first_backoff();
        }
        // The back-off is between the beginnings of attempts: a slow failure adds nothing to it.
        let spent = if was_link { Duration::ZERO } else { lasted };
        dialler.back_off(spent).await;
    }
}

/// What dials one peer.
struct Dialler {
    hub: Rc<Hub>,
    peer: NodeId,
    random: fastrand::Rng,
    backoff: Duration,
    /// Links that are about to be replaced, as they were made with another key than the one used now.
    outdated: Vec<Task<Ended>>,
    /// Addresses at which something has answered that did not become a link, the last one at the end.
    failed: Vec<IpAddr>,
}

impl Dialler {
    fn new(hub: Rc<Hub>, peer: NodeId) -> Self {
        let seed = hub.settings.incarnation.0 ^ u64::from(peer.0);
        let mut dialler = Self {
            hub,
            peer,
            random: fastrand::Rng::with_seed(seed),
            backoff: Duration::ZERO,
            outdated: Vec::new(),
            failed: Vec::new(),
        };
        dialler.backoff = dialler.first_backoff();
        dialler
    }

    fn is_first(&self) -> bool {
        self.hub.settings.me < self.peer
    }

    /// The node that is listed later has waited already.
    fn first_backoff(&self) -> Duration {
        if self.is_first() {
            FIRST_BACKOFF
        } else {
            LONGEST_BACKOFF
        }
    }

    /// Waits until the peer is to be dialled: because it is not connected, or because the link that this node has dialled
    /// was made with a key that is no longer used.
    async fn until_due(&mut self) {
        let turn = TURN.mul_f64(self.random.f64().mul_add(0.4, 0.8));
        let mut linked_since = None;
        let mut has_resigned = false;
        loop {
            if let Some(until) = self.hub.resigned_until() {
                has_resigned = true;
                let rest = clock::now().until(until);
                self.hub.wakes.woken(self.peer, Some(rest)).await;
                continue;
            }
            let state = self.hub.state(self.peer);
            let rest = match state {
                State::Outdated => return,
                State::Linked { since } => {
                    self.failed.clear();
                    linked_since = Some(since);
                    None
                }
                State::Down { since } => {
                    let lasted = linked_since.take().map(|linked| since.since(linked));
                    if lasted.is_some_and(|lasted| lasted >= STABLE_AFTER) {
                        self.backoff = self.first_backoff();
                    }
                    let rest = clock::now().until(since + turn);
                    if self.is_first() || has_resigned || rest.is_zero() {
                        return;
                    }
                    Some(rest)
                }
            };
            self.hub.wakes.woken(self.peer, rest).await;
        }
    }

    /// Connects to the peer; `None` as soon as there is no reason to do so any more.
    async fn connect(&self) -> Option<io::Result<(Async<TcpStream>, IpAddr)>> {
        let Some(endpoint) = self.hub.endpoint(self.peer) else {
            let sentence = "the ring file gives no address";
            return Some(Err(io::Error::new(io::ErrorKind::NotFound, sentence)));
        };
        let connecting = async {
            let targets = self.targets(&endpoint).await?;
            connect::connect_to_first(&targets, CONNECT_LIMIT).await
        };
        let late = async {
            Timer::after(CONNECT_LIMIT).await;
            Err(connect::late(&endpoint.host, endpoint.port))
        };
        let connected = async { Some(future::or(connecting, late).await) };
        let undue = async {
            loop {
                self.hub.wakes.woken(self.peer, None).await;
                let is_linked = matches!(self.hub.state(self.peer), State::Linked { .. });
                if is_linked || self.hub.endpoint(self.peer).as_ref() != Some(&endpoint) {
                    return None;
                }
            }
        };
        future::or(connected, undue).await
    }

    /// Where the peer may be: where its last link was, if it has proved on that one that it has the ring's key, and what its
    /// host stands for. Without a key, no other address than those of its host is believed.
    ///
    /// The last address comes first, as a name may lead to another machine by now, and only the first address that answers is
    /// used. Where something else than the peer has answered, that address comes last the next time.
    async fn targets(&self, endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        let last = self.hub.last_address(self.peer);
        let looked_up = connect::addresses(&endpoint.host, endpoint.port);
        let Some(last) = last.map(|last| SocketAddr::new(last, endpoint.port)) else {
            return Ok(in_order(None, looked_up.await?, &self.failed));
        };
        // Who has an address already does not wait for a name.
        let looked_up = future::or(looked_up, async { Ok(Vec::new()) }).await;
        let looked_up = looked_up.unwrap_or_default();
        Ok(in_order(Some(last), looked_up, &self.failed))
    }

    /// Waits for the end of the link; `None` if it is to be made anew, with another key.
    async fn until_ended(&mut self, mut link: Task<Ended>) -> Option<Ended> {
        let ended = async { Some((&mut link).await) };
        let renewed = async {
            loop {
                self.hub.wakes.woken(self.peer, None).await;
                if self.hub.state(self.peer) == State::Outdated {
                    return None;
                }
            }
        };
        let ended = future::or(ended, renewed).await;
        if ended.is_none() {
            self.outdated.retain(|link| !link.is_finished());
            if self.outdated.len() >= MOST_OUTDATED {
                // Closes the oldest.
                drop(self.outdated.remove(0));
            }
            self.outdated.push(link);
            self.backoff = FIRST_BACKOFF;
        }
        ended
    }

    fn on_ended(&mut self, ended: &Ended, address: IpAddr) {
        if ended.was_link {
            self.failed.clear();
        } else if !is_peer(&ended.error) {
            self.failed.retain(|&failed| failed != address);
            if self.failed.len() >= MOST_FAILED {
                self.failed.remove(0);
            }
            self.failed.push(address);
        }
        if let LinkError::Refused {
            duplicate: true, ..
        } = ended.error
        {
            // Each refusal silences a duplicate for a lease: the next must come before that ends.
            self.backoff = self.backoff.min(self.hub.settings.topology.lease / 3);
        }
        if matches!(
            ended.error,
            LinkError::Mismatch(_) | LinkError::Handshake(_)
        ) {
            // Something else has got the peer's last address.
            self.hub.forget_address(self.peer, address);
        }
    }

    fn log(&self, error: &io::Error, lasted: Duration) {
        if self.backoff.max(lasted) >= LOGGED_BACKOFF {
            let name = self.hub.name(self.peer);
            let log = &self.hub.peer_log;
            log.warn(&format!("{name} cannot be reached: {error}"));
        }
    }

    async fn back_off(&mut self, spent: Duration) {
        let jittered = self.backoff.mul_f64(self.random.f64().mul_add(0.4, 0.8));
        Timer::after(jittered.saturating_sub(spent)).await;
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
    }
}

/// The addresses to dial, each once: `last` first, but after the others those that have failed, the last one at the end.
fn in_order(
    last: Option<SocketAddr>,
    looked_up: Vec<SocketAddr>,
    failed: &[IpAddr],
) -> Vec<SocketAddr> {
    let others = looked_up.into_iter().filter(|&target| Some(target) != last);
    let mut targets: Vec<SocketAddr> = last.into_iter().chain(others).collect();
    targets.sort_by_key(|target| failed.iter().position(|&failed| failed == target.ip()));
    targets
}

/// Whether a connection that did not become a link has ended so that the peer may well be at its other end.
fn is_peer(error: &LinkError) -> bool {
    matches!(
        error,
        LinkError::AlreadyConnected
            | LinkError::Closed(_)
            | LinkError::Duplicate { .. }
            | LinkError::Refused {
                duplicate: true,
                ..
            }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_comes_first_and_those_that_failed_come_last() {
        let target = |last| SocketAddr::from(([192, 0, 2, last], 7_700));
        let order = |last: Option<u8>, looked_up: &[u8], failed: &[u8]| -> Vec<SocketAddr> {
            let looked_up = looked_up.iter().copied().map(target).collect();
            let failed: Vec<IpAddr> = failed.iter().map(|&last| target(last).ip()).collect();
            in_order(last.map(target), looked_up, &failed)
        };
        let targets =
            |lasts: &[u8]| -> Vec<SocketAddr> { lasts.iter().copied().map(target).collect() };
        assert_eq!(order(Some(9), &[], &[]), targets(&[9]));
        assert_eq!(order(Some(9), &[1, 2], &[]), targets(&[9, 1, 2]));
        assert_eq!(order(Some(2), &[1, 2], &[]), targets(&[2, 1]));
        assert_eq!(order(Some(9), &[1, 2], &[9]), targets(&[1, 2, 9]));
        assert_eq!(order(Some(9), &[1, 2], &[9, 1]), targets(&[2, 9, 1]));
        assert_eq!(order(Some(9), &[1, 2], &[9, 1, 2]), targets(&[9, 1, 2]));
        assert_eq!(order(None, &[1, 2], &[1]), targets(&[2, 1]));
    }
}
