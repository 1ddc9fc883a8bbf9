//! One connection of an endpoint: what it has sent, and until when it may stay.

use std::net::{SocketAddr, TcpStream};

use super::limits::{Limits, is_slow};
use super::service::{Progress, Service};
use super::time::{Nanos, nanos};

/// After this silence, our half is closed where the peer may wait for the end of our stream.
pub(super) const HALF_CLOSE_AFTER: Nanos = 200_000_000;

/// One connection; `C` is what the service knows of it.
pub(super) struct Connection<C> {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) opened: Nanos,
    /// When it last sent something.
    pub(super) last_read: Nanos,
    /// The bytes that it has sent so far.
    bytes: u64,
    pub(super) state: State<C>,
}

/// What is done with a connection.
pub(super) enum State<C> {
    /// The service handles what it sends.
    Open {
        service_state: C,
        /// When to close our half, if the peer may wait for that.
        half_close: Option<Nanos>,
    },
    /// It got its last line, and our half is closed. What it still sends is thrown away: closing
    /// at once would reset the connection before the peer has read that line.
    Lingering { until: Nanos },
}

impl<C> Connection<C> {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, now: Nanos, state: State<C>) -> Self {
        Self {
            stream,
            peer,
            opened: now,
            last_read: now,
            bytes: 0,
            state,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether it may be evicted for a new connection.
    pub(super) fn is_evictable(&self, now: Nanos) -> bool {
        self.is_open() && is_slow(now.saturating_sub(self.opened), self.bytes)
    }

    /// Hands what one read brought to the service.
    pub(super) fn on_bytes<S: Service<Connection = C>>(
        &mut self,
        bytes: &[u8],
        service: &mut S,
        now: Nanos,
    ) -> Progress {
        self.last_read = now;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let State::Open {
            service_state,
            half_close,
        } = &mut self.state
        else {
            return Progress::More;
        };
        let progress = service.read(service_state, bytes, now);
        let may_wait = progress == Progress::MaybeComplete;
        *half_close = may_wait.then_some(now + HALF_CLOSE_AFTER);
        progress
    }

    /// When something must be done if nothing more comes.
    pub(super) fn deadline(&self, limits: &Limits) -> Nanos {
        match self.state {
            State::Lingering { until } => until,
            State::Open { half_close, .. } => {
                let idle = self.last_read + nanos(limits.idle);
                let total = self.opened + nanos(limits.total);
                idle.min(total).min(half_close.unwrap_or(Nanos::MAX))
            }
        }
    }
}
