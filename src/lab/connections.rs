//! The open connections of one service: who may come, what they say, when they must go.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::epoll::{self, EventData, EventFlags};
use slab::Slab;

use super::limits::{ConnectionCounts, LimitReached, Limits, Nanos, is_slow};
use super::message::End;
use super::serve::{Progress, Service};
use crate::clock;
use crate::throttle::RateLimitedLog;

/// LimitReached reads of one connection before others have their turn.
const READS: usize = 8;

/// A peer that has to be told something hears our end of stream after that silence.
const QUIET: Nanos = 200_000_000;

/// One connection.
struct Connection<C> {
    stream: TcpStream,
    peer: SocketAddr,
    opened: Nanos,
    heard: Nanos,
    bytes: u64,
    state: State<C>,
}

enum State<C> {
    /// The service works on it.
    Open {
        connection: C,
        /// When to end our half, for a peer that may wait for that.
        half_close: Option<Nanos>,
    },
    /// It was told why it ends, or its result: what it still sends is thrown away, for closing at
    /// once would reset the connection before it has read that.
    Closing { until: Nanos },
}

/// What came of a newcomer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission {
    /// There is something to end at that moment.
    pub(super) check_at: Option<Nanos>,
    /// It has not said all yet: whoever is behind it comes later.
    pub(super) is_open: bool,
}

/// All connections of one service.
pub(super) struct Connections<S: Service> {
    poll: Arc<OwnedFd>,
    limits: Limits,
    name: &'static str,
    counts: ConnectionCounts,
    connections: Slab<Connection<S::Connection>>,
    closing: usize,
    log: RateLimitedLog,
}

impl<S: Service> Connections<S> {
    pub(super) fn new(poll: Arc<OwnedFd>, limits: Limits, name: &'static str) -> Self {
        Self {
            poll,
            limits,
            name,
            counts: ConnectionCounts::new(limits),
            connections: Slab::new(),
            closing: 0,
            log: RateLimitedLog::default(),
        }
    }

    /// Takes a new connection in, and what it has brought along, or says why not.
    pub(super) fn admit(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        buffer: &mut [u8],
        service: &mut S,
    ) -> Admission {
        let now = clock::monotonic_nanos();
        let address = peer.ip();
        let mut pushed_out = None;
        if let Some(full) = self.counts.full(address) {
            let scope = (full == LimitReached::Address).then_some(address);
            match self.eviction_candidate(scope, now) {
                Some(key) => pushed_out = self.close_with_answer(key, End::Evicted, service, now),
                None => {
                    let check_at = self.refuse(stream, peer, full, now);
                    return Admission {
                        check_at,
                        is_open: false,
                    };
                }
            }
        }
        let connection = service.open(peer, now);
        let connection = Connection {
            stream,
            peer,
            opened: now,
            heard: now,
            bytes: 0,
            state: State::Open {
                connection,
                half_close: None,
            },
        };
        self.counts.enter(address);
        let key = self.connections.insert(connection);
        // A sender that reopens has often closed again by now: then nothing needs to be watched.
        let said = self.on_readable(key as u64, true, buffer, service);
        let connection = self.connections.get(key);
        // One that said its last word at once is gone, or watched already.
        let is_open =
            connection.is_some_and(|connection| matches!(connection.state, State::Open { .. }));
        let deadline = connection.map(|connection| connection.deadline(&self.limits));
        if is_open && !self.watch(key) {
            self.close(key, End::Stopped, service, now);
        }
        Admission {
            check_at: [pushed_out, said, deadline].into_iter().flatten().min(),
            is_open,
        }
    }

    /// Waits for more of a connection; false if the system does not let us.
    fn watch(&self, key: usize) -> bool {
        let flags = EventFlags::IN | EventFlags::RDHUP;
        let data = EventData::new_u64(key as u64);
        let connection = self.connections.get(key);
        connection.is_some_and(|connection| {
            epoll::add(&self.poll, &connection.stream, data, flags).is_ok()
        })
    }

    /// Whoever was silent longest among those that are slow, of one address or of all.
    fn eviction_candidate(&self, scope: Option<IpAddr>, now: Nanos) -> Option<usize> {
        let in_scope = |connection: &Connection<_>| {
            scope.is_none_or(|address| connection.peer.ip() == address)
        };
        let open = self.connections.iter().filter(|(_, connection)| {
            matches!(connection.state, State::Open { .. })
                && in_scope(connection)
                && is_slow(now.saturating_sub(connection.opened), connection.bytes)
        });
        let (key, _) = open.min_by_key(|(_, connection)| connection.heard)?;
        Some(key)
    }

    fn refuse(
        &mut self,
        mut stream: TcpStream,
        peer: SocketAddr,
        full: LimitReached,
        now: Nanos,
    ) -> Option<Nanos> {
        let Limits {
            connections,
            per_address,
            ..
        } = self.limits;
        let which = match full {
            LimitReached::Address => format!("{per_address} connections of your address"),
            LimitReached::All => format!("{connections} connections"),
        };
        let sentence = format!(
            "carom: refused: {which} are open, and no more are allowed; close some, then try again\n"
        );
        self.log.tell(now, || {
            format!(
                "the {} endpoint refused {peer}: {which} are open",
                self.name
            )
        });
        // A new socket takes a connection; if not, nobody is there.
        let _ = stream.write(sentence.as_bytes());
        self.linger(stream, peer, now)
    }

    /// Lets a connection read its last connection before it is closed; when to look at it again.
    fn linger(&mut self, stream: TcpStream, peer: SocketAddr, now: Nanos) -> Option<Nanos> {
        if self.closing >= self.limits.closing || stream.shutdown(Shutdown::Write).is_err() {
            return None;
        }
        let until = now + nanos(self.limits.linger);
        let connection = Connection {
            stream,
            peer,
            opened: now,
            heard: now,
            bytes: 0,
            state: State::Closing { until },
        };
        let key = self.connections.insert(connection);
        if self.watch(key) {
            self.closing += 1;
            return Some(until);
        }
        self.connections.remove(key);
        None
    }

    /// Reads what there is, but leaves others their turn; when to look at it again.
    pub(super) fn on_readable(
        &mut self,
        key: u64,
        ending: bool,
        buffer: &mut [u8],
        service: &mut S,
    ) -> Option<Nanos> {
        let key = usize::try_from(key).ok()?;
        let mut check_at = None;
        for _ in 0..READS {
            let Some(connection) = self.connections.get_mut(key) else {
                return check_at;
            };
            let read = match connection.stream.read(buffer) {
                Ok(0) => Err(End::EndOfStream),
                Ok(length) => Ok(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return check_at,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Err(End::Reset),
            };
            let now = clock::monotonic_nanos();
            let length = match read {
                Ok(length) => length,
                Err(end) => {
                    self.close(key, end, service, now);
                    return check_at;
                }
            };
            match connection.take(buffer.get(..length).unwrap_or_default(), service, now) {
                Progress::More => {}
                Progress::MaybeComplete => check_at = Some(now + QUIET),
                Progress::Complete => {
                    return self.close_with_answer(key, End::Newline, service, now);
                }
            }
            // The kernel had no more; unless the end of the stream came with it.
            if length < buffer.len() && !ending {
                return check_at;
            }
        }
        check_at
    }

    /// Ends a connection that hears no more.
    fn close(&mut self, key: usize, end: End, service: &mut S, now: Nanos) {
        let Some(closed) = self.connections.try_remove(key) else {
            return;
        };
        match closed.state {
            State::Open { connection, .. } => {
                self.counts.leave(closed.peer.ip());
                drop(service.close(connection, &closed.stream, end, now));
            }
            State::Closing { .. } => self.closing -= 1,
        }
    }

    /// Ends a connection and tells it why, or its result; when to look at it again.
    fn close_with_answer(
        &mut self,
        key: usize,
        end: End,
        service: &mut S,
        now: Nanos,
    ) -> Option<Nanos> {
        let closed = self.connections.try_remove(key)?;
        let State::Open { connection, .. } = closed.state else {
            self.closing -= 1;
            return None;
        };
        let Connection {
            mut stream, peer, ..
        } = closed;
        self.counts.leave(peer.ip());
        let mut last = service.close(connection, &stream, end, now);
        if let Some(reason) = end.reason() {
            last = format!("carom: {reason}\n").into_bytes();
            self.log.tell(now, || {
                format!(
                    "the {} endpoint ended a connection of {peer}: {reason}",
                    self.name
                )
            });
        }
        if !last.is_empty() {
            // What it does not take, it will not miss: it has filled its buffers and does not read.
            let _ = stream.write(&last);
        }
        // Fails where it was not watched yet.
        let _ = epoll::delete(&self.poll, &stream);
        self.linger(stream, peer, now)
    }

    /// Ends what has lasted too long; when to look again.
    pub(super) fn expire(&mut self, service: &mut S, now: Nanos) -> Option<Nanos> {
        let due: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.deadline(&self.limits) <= now)
            .map(|(key, _)| key)
            .collect();
        for key in due {
            let Some(connection) = self.connections.get_mut(key) else {
                continue;
            };
            match &mut connection.state {
                State::Closing { .. } => self.close(key, End::EndOfStream, service, now),
                State::Open { half_close, .. } => {
                    if half_close.take_if(|moment| *moment <= now).is_some() {
                        // Fails only where the peer has gone, and then we are told so.
                        let _ = connection.stream.shutdown(Shutdown::Write);
                        continue;
                    }
                    let too_long =
                        now.saturating_sub(connection.opened) >= nanos(self.limits.total);
                    let end = if too_long { End::TooLong } else { End::Idle };
                    self.close_with_answer(key, end, service, now);
                }
            }
        }
        let deadlines = self
            .connections
            .iter()
            .map(|(_, connection)| connection.deadline(&self.limits));
        deadlines.min()
    }

    /// Ends everything at once.
    pub(super) fn close_all(&mut self, service: &mut S, now: Nanos) {
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, End::Stopped, service, now);
        }
    }
}

impl<C> Connection<C> {
    fn take<S: Service<Connection = C>>(
        &mut self,
        bytes: &[u8],
        service: &mut S,
        now: Nanos,
    ) -> Progress {
        self.heard = now;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let State::Open {
            connection,
            half_close,
        } = &mut self.state
        else {
            return Progress::More;
        };
        let next = service.read(connection, bytes, now);
        *half_close = (next == Progress::MaybeComplete).then_some(now + QUIET);
        next
    }

    /// When it must be looked at, if nothing comes.
    fn deadline(&self, limits: &Limits) -> Nanos {
        match self.state {
            State::Closing { until } => until,
            State::Open { half_close, .. } => {
                let idle = self.heard + nanos(limits.idle);
                let total = self.opened + nanos(limits.total);
                idle.min(total).min(half_close.unwrap_or(Nanos::MAX))
            }
        }
    }
}

fn nanos(span: std::time::Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX / 4)
}
