//! Keeps one outgoing link: dials, serves, waits a little, dials again.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use async_io::{Async, Timer};
use smol::future;

use super::Hub;
use super::link::{Connection, LinkError, serve};
use crate::clock;
use crate::escape::Escaped;
use crate::ring::NodeId;

/// The wait after the first failure.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest wait before its jitter of a fifth, so that two attempts begin at most 2 s apart.
const LONGEST_WAIT: Duration = Duration::from_millis(1_600);

/// A failure is worth a line in the log once the wait between attempts has grown to this.
const LOG_FROM_WAIT: Duration = Duration::from_millis(400);

/// An attempt is given up after this time: the next one begins at once.
const CONNECT_LIMIT: Duration = Duration::from_millis(1_900);

/// A link that lived this long was a good one: the next wait is short again.
const STABLE_AFTER: Duration = Duration::from_secs(1);

/// Dials the peer for ever.
pub(super) async fn keep_connected(hub: Rc<Hub>, peer: NodeId) {
    let mut random = fastrand::Rng::with_seed(hub.settings.incarnation.0 ^ u64::from(peer.0));
    let mut wait = FIRST_WAIT;
    loop {
        let started = clock::now();
        let introduced = Rc::new(Cell::new(false));
        match connect(&hub, peer).await {
            Ok((stream, address)) => {
                let introduced = Rc::clone(&introduced);
                let dialled = Some(peer);
                let connection = Connection {
                    stream,
                    address,
                    dialled,
                    introduced,
                };
                let ended = serve(&hub, connection).await;
                if matches!(ended, LinkError::Refused { duplicate, .. } if duplicate) {
                    // Each refusal silences a double for a lease: the next must come before that ends.
                    wait = wait.min(hub.settings.topology.lease / 3);
                }
            }
            // While a ring starts, some nodes are there before others: no news yet.
            Err(_) if wait < LOG_FROM_WAIT => {}
            Err(error) => {
                let name = hub.name(peer);
                hub.peer_log
                    .warn(&format!("{name} cannot be reached: {error}"));
            }
        }
        let lasted = clock::now().since(started);
        if introduced.get() && lasted >= STABLE_AFTER {
            wait = FIRST_WAIT;
        }
        let jittered = wait.mul_f64(random.f64().mul_add(0.4, 0.8));
        // The beginnings of attempts are this far apart, so that a slow failure adds nothing.
        let spent = if introduced.get() {
            Duration::ZERO
        } else {
            lasted
        };
        Timer::after(jittered.saturating_sub(spent)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

async fn connect(hub: &Hub, peer: NodeId) -> io::Result<(Async<TcpStream>, IpAddr)> {
    let unknown = || io::Error::new(io::ErrorKind::NotFound, "the ring file gives no address");
    let address = hub.addresses.borrow().get(peer.index()).cloned();
    let address = address.ok_or_else(unknown)?;
    let late = async {
        Timer::after(CONNECT_LIMIT).await;
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!(
                "no answer from {} port {}",
                Escaped(&address.host),
                address.port
            ),
        ))
    };
    future::or(
        crate::connect::connect(&address.host, address.port, CONNECT_LIMIT),
        late,
    )
    .await
}
