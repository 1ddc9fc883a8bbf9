//! The ring port: accepts links from the nodes listed before this one.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::{Rc, Weak};

use async_io::Async;
use smol::LocalExecutor;

use super::hub::Hub;
use super::introduce::{Origin, PendingConnection};
use super::link;
use crate::accept::{self, Service, Standing};
use crate::clock;
use crate::throttle::RateLimitedLog;

/// Connections that have not introduced themselves; one more closes the oldest of them.
///
/// A peer sends its hello at once, so many silent connections cannot keep it out.
const MOST_PENDING: usize = 64;

/// Accepts for as long as the executor runs.
pub(super) async fn run(
    executor: Weak<LocalExecutor<'static>>,
    listener: Async<TcpListener>,
    hub: Rc<Hub>,
) {
    accept::run(executor, listener, Rc::new(RingPort::new(hub))).await;
}

struct RingPort {
    hub: Rc<Hub>,
    /// For the line about addresses that connect too often.
    log: RefCell<RateLimitedLog>,
}

impl RingPort {
    fn new(hub: Rc<Hub>) -> Self {
        let log = RefCell::default();
        Self { hub, log }
    }
}

impl Service for RingPort {
    fn limit(&self) -> usize {
        MOST_PENDING
    }

    fn admits(&self, peer: SocketAddr) -> bool {
        let admitted = self
            .hub
            .admission
            .borrow_mut()
            .admit(clock::now(), peer.ip());
        if !admitted {
            self.log.borrow_mut().warn(|| {
                format!(
                    "{} opens connections to the ring port too fast: some are closed unread",
                    peer.ip().to_canonical()
                )
            });
        }
        admitted
    }

    fn on_accept_error(&self, error: &io::Error) {
        self.hub.unknown_log.warn(&format!(
            "a connection to the ring port could not be accepted: {error}"
        ));
    }

    fn on_evicted(&self) {
        self.hub.unknown_log.warn(&format!(
            "more than {MOST_PENDING} connections to the ring port say no hello: the oldest are closed"
        ));
    }

    async fn serve(
        self: Rc<Self>,
        stream: Async<TcpStream>,
        peer: SocketAddr,
        standing: Rc<Cell<Standing>>,
    ) {
        let connection = PendingConnection {
            stream,
            address: peer.ip().to_canonical(),
            origin: Origin::Accepted(standing),
        };
        link::serve(&self.hub, connection).await;
    }
}
