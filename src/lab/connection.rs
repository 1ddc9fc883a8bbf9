//! One connection of an endpoint: what it has sent, and until when it may stay.

use std::net::{SocketAddr, TcpStream};

use super::limits::{Limits, is_slow};
use super::open::OpenConnection;
use super::service::{Progress, Service};
use super::tcp_info;
use super::time::{Nanos, nanos};

/// After this silence, our half is closed where the peer may wait for the end of our stream.
const HALF_CLOSE_AFTER: Nanos = 200_000_000;

/// After this silence, a connection that may be complete is: longer than TCP takes to send a lost
/// segment again, and then once more.
const COMPLETE_AFTER: Nanos = 1_000_000_000;

/// One connection; `C` is what the service knows of it.
pub(super) struct Connection<C> {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) opened: Nanos,
    /// When it last sent something.
    pub(super) last_read: Nanos,
    /// The bytes that it has sent so far.
    bytes: u64,
    /// Until when nothing is read of it, because of [`Limits::read_rate`].
    pub(super) paused_until: Option<Nanos>,
    /// When the next read is due by that rate, if it was slowed down.
    pub(super) next_read: Nanos,
    pub(super) state: State<C>,
}

/// What is done with a connection.
pub(super) enum State<C> {
    /// The service handles what it sends.
    Open {
        service_state: C,
        /// What to do after a silence, if there is anything.
        silence: Option<Silence>,
    },
    /// It got its last line, and our half is closed. What it still sends is thrown away: closing
    /// at once would reset the connection before the peer has read that line.
    Lingering { until: Nanos },
}

/// A silence that means something.
#[derive(Clone, Copy)]
pub(super) struct Silence {
    /// When it has been long enough.
    pub(super) until: Nanos,
    /// What is done then.
    pub(super) then: AfterSilence,
}

/// What is done after a silence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterSilence {
    /// Our half of the connection is closed.
    HalfClose,
    /// The connection gets its answer and is closed.
    Complete,
}

impl<C> Connection<C> {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, now: Nanos, state: State<C>) -> Self {
        Self {
            stream,
            peer,
            opened: now,
            last_read: now,
            bytes: 0,
            paused_until: None,
            next_read: now,
            state,
        }
    }

    /// What is listed of it.
    pub(super) fn listed(&self) -> OpenConnection {
        OpenConnection::new(self.peer, self.bytes, tcp_info::of(&self.stream))
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether it may be evicted for a new connection.
    pub(super) fn is_evictable(&self, now: Nanos) -> bool {
        self.is_open() && is_slow(now.saturating_sub(self.opened), self.bytes)
    }

    /// Hands what one read brought to the service; when a silence would mean something.
    pub(super) fn on_bytes<S: Service<Connection = C>>(
        &mut self,
        bytes: &[u8],
        service: &mut S,
        now: Nanos,
    ) -> Option<Nanos> {
        self.last_read = now;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let State::Open {
            service_state,
            silence,
        } = &mut self.state
        else {
            return None;
        };
        let (span, then) = match service.read(service_state, bytes, now) {
            Progress::More => {
                *silence = None;
                return None;
            }
            Progress::MayWaitForEnd => (HALF_CLOSE_AFTER, AfterSilence::HalfClose),
            Progress::MayBeComplete => (COMPLETE_AFTER, AfterSilence::Complete),
        };
        let until = now + span;
        *silence = Some(Silence { until, then });
        Some(until)
    }

    /// When something must be done if nothing more comes.
    pub(super) fn deadline(&self, limits: &Limits) -> Nanos {
        match self.state {
            State::Lingering { until } => until,
            State::Open { silence, .. } => {
                let idle = self.last_read + nanos(limits.idle);
                let total = self.opened + nanos(limits.total);
                let silence = silence.map_or(Nanos::MAX, |silence| silence.until);
                let pause = self.paused_until.unwrap_or(Nanos::MAX);
                idle.min(total).min(silence).min(pause)
            }
        }
    }
}
