//! The connections of one endpoint: accepts them within the limits, reads them, closes them.

use std::cmp::Reverse;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::epoll::{self, EventData, EventFlags};
use slab::Slab;

use super::connection::{AfterSilence, Connection, State};
use super::limits::{ConnectionCounts, LimitReached, Limits};
use super::message::End;
use super::open::{MOST_LISTED, OpenConnections};
use super::service::Service;
use super::time::{Nanos, nanos};
use crate::clock;
use crate::throttle::RateLimitedLog;

/// Full reads of one connection before the others have their turn.
const READS_PER_TURN: usize = 8;

/// A connection is listed once it has been open for as long.
const LISTED_AFTER: Nanos = 250_000_000;
/// With a read rate, so many reads a second.
const PACED_READS: u64 = 20;

/// With a read rate, how much of a delay is made up for.
const CATCH_UP: Nanos = 500_000_000;

/// What epoll reports of a connection that is read.
const WATCHED: EventFlags = EventFlags::IN.union(EventFlags::RDHUP);

/// All connections of one endpoint, the refused and closing ones included.
pub(super) struct Connections<S: Service> {
    poll: Arc<OwnedFd>,
    limits: Limits,
    counts: ConnectionCounts,
    connections: Slab<Connection<S::Connection>>,
    /// How many of them linger.
    lingering: usize,
    log: RateLimitedLog,
}

impl<S: Service> Connections<S> {
    pub(super) fn new(poll: Arc<OwnedFd>, limits: Limits) -> Self {
        Self {
            poll,
            limits,
            counts: ConnectionCounts::new(limits),
            connections: Slab::new(),
            lingering: 0,
            log: RateLimitedLog::default(),
        }
    }

    /// Takes a new connection and what it has sent already, or refuses it with a reason; when some connection must
    /// be checked for its limits.
    ///
    /// At a limit, a slow connection is evicted for it; if there is none, the new one is refused.
    pub(super) fn admit(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        buffer: &mut [u8],
        service: &mut S,
    ) -> Option<Nanos> {
        let now = clock::monotonic_nanos();
        let address = peer.ip();
        let mut evicted = None;
        if let Some(limit) = self.counts.limit_reached(address) {
            let scope = (limit == LimitReached::Address).then_some(address);
            match self.eviction_candidate(scope, now) {
                Some(key) => evicted = self.close_with_answer(key, End::Evicted, service, now),
                None => return self.refuse(stream, peer, limit, now),
            }
        }
        let state = State::Open {
            service_state: service.open(peer, now),
            silence: None,
        };
        self.counts.add(address);
        let connection = Connection::new(stream, peer, now, state);
        let key = self.connections.insert(connection);
        // A sender that reopens has often closed again by now: then epoll need not watch it.
        let read = self.on_readable(key as u64, true, buffer, service);
        let connection = self.connections.get(key);
        // A connection that is complete already is gone, or lingers and is watched.
        let deadline = connection.map(|connection| connection.deadline(&self.limits));
        if connection.is_some_and(Connection::is_open) && !self.watch(key) {
            self.close(key, End::Stopped, service, now);
        }
        [evicted, read, deadline].into_iter().flatten().min()
    }

    /// Has epoll report what a connection sends; false if the system refuses.
    fn watch(&self, key: usize) -> bool {
        let data = EventData::new_u64(key as u64);
        let Some(connection) = self.connections.get(key) else {
            return false;
        };
        let flags = if connection.paused_until.is_some() {
            EventFlags::empty()
        } else {
            WATCHED
        };
        epoll::add(&self.poll, &connection.stream, data, flags).is_ok()
    }

    /// Reads nothing of a connection until its read rate allows the next piece; when that is. Its bytes then stay in the
    /// kernel, which closes the receive window.
    fn pause(&mut self, key: usize, length: usize, rate: u64, now: Nanos) -> Option<Nanos> {
        let connection = self.connections.get_mut(key)?;
        let nanos = (length as u64).saturating_mul(1_000_000_000) / rate.max(1);
        // From when the read was due, so that a thread that wakes late keeps the rate.
        let from = connection.next_read.max(now.saturating_sub(CATCH_UP));
        let until = from + nanos;
        connection.next_read = until;
        connection.paused_until = Some(until);
        let data = EventData::new_u64(key as u64);
        // Fails if epoll does not watch it yet; it begins with what the pause says.
        let _ = epoll::modify(&self.poll, &connection.stream, data, EventFlags::empty());
        Some(until)
    }

    /// Of the slow connections of one address, or of all: the one that was silent longest.
    fn eviction_candidate(&self, scope: Option<IpAddr>, now: Nanos) -> Option<usize> {
        let evictable = self.connections.iter().filter(|(_, connection)| {
            connection.is_evictable(now)
                && scope.is_none_or(|address| connection.peer.ip() == address)
        });
        let (key, _) = evictable.min_by_key(|(_, connection)| connection.last_read)?;
        Some(key)
    }

    fn refuse(
        &mut self,
        mut stream: TcpStream,
        peer: SocketAddr,
        limit: LimitReached,
        now: Nanos,
    ) -> Option<Nanos> {
        let Limits {
            connections,
            per_address,
            ..
        } = self.limits;
        let which = match limit {
            LimitReached::Address => format!("{per_address} connections of your address"),
            LimitReached::All => format!("{connections} connections"),
        };
        let sentence = format!(
            "carom: refused: {which} are open, and no more are allowed; close some, then try again\n"
        );
        self.log
            .warn(|| format!("the {} endpoint refused {peer}: {which} are open", S::NAME));
        // The buffer of a new socket has room for a line, so this fails only if the peer is gone.
        let _ = stream.write(sentence.as_bytes());
        self.linger(stream, peer, now)
    }

    /// Keeps a connection until the peer had time to read its last line; when to close it.
    fn linger(&mut self, stream: TcpStream, peer: SocketAddr, now: Nanos) -> Option<Nanos> {
        if self.lingering >= self.limits.lingering || stream.shutdown(Shutdown::Write).is_err() {
            return None;
        }
        let until = now + nanos(self.limits.linger);
        let connection = Connection::new(stream, peer, now, State::Lingering { until });
        let key = self.connections.insert(connection);
        if self.watch(key) {
            self.lingering += 1;
            return Some(until);
        }
        self.connections.remove(key);
        None
    }

    /// Reads what a connection has sent, within its turn; when to check it again.
    ///
    /// With `ending`, epoll reported the end of the stream as well, or it may be there.
    pub(super) fn on_readable(
        &mut self,
        key: u64,
        ending: bool,
        buffer: &mut [u8],
        service: &mut S,
    ) -> Option<Nanos> {
        let key = usize::try_from(key).ok()?;
        let mut check_at = None;
        let piece = self.limits.read_rate.and_then(|rate| {
            let piece = (rate / PACED_READS).max(1);
            usize::try_from(piece).ok()
        });
        let room = buffer.len().min(piece.unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..room)?;
        for _ in 0..READS_PER_TURN {
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
            let bytes = buffer.get(..length).unwrap_or_default();
            check_at = connection.on_bytes(bytes, service, now).or(check_at);
            if let Some(rate) = self.limits.read_rate {
                let paused = self.pause(key, length, rate, now);
                return [check_at, paused].into_iter().flatten().min();
            }
            // The kernel had no more bytes; but the end of the stream may have come with them.
            if length < buffer.len() && !ending {
                return check_at;
            }
        }
        check_at
    }

    /// Closes a connection whose peer sends no more. If its stream ended as it should, the peer may
    /// still read, and gets its answer.
    fn close(&mut self, key: usize, end: End, service: &mut S, now: Nanos) {
        let Some(connection) = self.connections.try_remove(key) else {
            return;
        };
        let Connection {
            mut stream, peer, ..
        } = connection;
        match connection.state {
            State::Open { service_state, .. } => {
                self.counts.remove(peer.ip());
                let answer = service.close(service_state, &stream, end, now);
                if end == End::EndOfStream && !answer.is_empty() {
                    // Fails only if the peer is gone.
                    let _ = stream.write(&answer);
                }
            }
            State::Lingering { .. } => self.lingering -= 1,
        }
    }

    /// Sends a connection its result, or why it ends, and lets it linger; when to close it.
    fn close_with_answer(
        &mut self,
        key: usize,
        end: End,
        service: &mut S,
        now: Nanos,
    ) -> Option<Nanos> {
        let connection = self.connections.try_remove(key)?;
        let State::Open { service_state, .. } = connection.state else {
            self.lingering -= 1;
            return None;
        };
        let Connection {
            mut stream, peer, ..
        } = connection;
        self.counts.remove(peer.ip());
        let mut answer = service.close(service_state, &stream, end, now);
        if let Some(reason) = end.reason() {
            answer = format!("carom: {reason}\n").into_bytes();
            self.log.warn(|| {
                let name = S::NAME;
                format!("the {name} endpoint ended a connection of {peer}: {reason}")
            });
        }
        if !answer.is_empty() {
            // Fails only if the peer has filled its buffers and does not read.
            let _ = stream.write(&answer);
        }
        // Fails if epoll did not watch it yet.
        let _ = epoll::delete(&self.poll, &stream);
        self.linger(stream, peer, now)
    }

    /// Closes the connections that are over a limit of time; when to call again.
    pub(super) fn expire(&mut self, service: &mut S, now: Nanos) -> Option<Nanos> {
        let expired = self.connections.iter();
        let expired = expired.filter(|(_, one)| one.deadline(&self.limits) <= now);
        let expired: Vec<usize> = expired.map(|(key, _)| key).collect();
        for key in expired {
            let Some(connection) = self.connections.get_mut(key) else {
                continue;
            };
            if connection
                .paused_until
                .take_if(|until| *until <= now)
                .is_some()
            {
                let data = EventData::new_u64(key as u64);
                // Fails only if the connection is not watched, and then it lingers.
                let _ = epoll::modify(&self.poll, &connection.stream, data, WATCHED);
                continue;
            }
            match &mut connection.state {
                State::Lingering { .. } => self.close(key, End::EndOfStream, service, now),
                State::Open {
                    silence,
                    service_state,
                } => {
                    let passed = silence.take_if(|silence| silence.until <= now);
                    match passed.map(|silence| silence.then) {
                        Some(AfterSilence::HalfClose) => {
                            // Fails only if the peer is gone, and then epoll reports that.
                            let _ = connection.stream.shutdown(Shutdown::Write);
                            service.on_half_closed(service_state);
                            continue;
                        }
                        Some(AfterSilence::Complete) => {
                            // When to close it is among the deadlines below.
                            let _ = self.close_with_answer(key, End::Newline, service, now);
                            continue;
                        }
                        None => {}
                    }
                    let age = now.saturating_sub(connection.opened);
                    let too_long = age >= nanos(self.limits.total);
                    let end = if too_long { End::TooLong } else { End::Idle };
                    self.close_with_answer(key, end, service, now);
                }
            }
        }
        let deadlines = self.connections.iter();
        let deadlines = deadlines.map(|(_, connection)| connection.deadline(&self.limits));
        deadlines.min()
    }

    /// The connections that have been open for a moment; those of a sender that reopens come and go.
    pub(super) fn open(&self, now: Nanos) -> OpenConnections {
        let connections = self.connections.iter().map(|(_, connection)| connection);
        let mut open: Vec<&Connection<S::Connection>> = connections
            .filter(|one| one.is_open() && now.saturating_sub(one.opened) >= LISTED_AFTER)
            .collect();
        let count = open.len();
        open.sort_unstable_by_key(|connection| Reverse(connection.last_read));
        open.truncate(MOST_LISTED);
        // In an order that does not change with every read.
        open.sort_unstable_by_key(|connection| connection.opened);
        OpenConnections {
            count,
            listed: open.into_iter().map(Connection::listed).collect(),
        }
    }

    /// Closes all connections at once.
    pub(super) fn close_all(&mut self, service: &mut S, now: Nanos) {
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, End::Stopped, service, now);
        }
    }
}
