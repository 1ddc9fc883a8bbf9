//! The open connections of one endpoint: who may come, what they say, when they must go.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::epoll::{self, EventData, EventFlags};
use slab::Slab;

use super::limits::{Full, Gate, Limits, Nanos, is_slow};
use super::message::End;
use super::serve::{Endpoint, Next};
use crate::clock;
use crate::throttle::RateLimitedLog;

/// Full reads of one connection before others have their turn.
const READS: usize = 8;

/// A peer that has to be told something hears our end of stream after that silence.
const QUIET: Nanos = 200_000_000;

/// One connection.
struct Line<C> {
    stream: TcpStream,
    peer: SocketAddr,
    opened: Nanos,
    heard: Nanos,
    bytes: u64,
    state: State<C>,
}

enum State<C> {
    /// The endpoint works on it.
    Open {
        connection: C,
        /// When to end our half, for a peer that may wait for that.
        half_close: Option<Nanos>,
    },
    /// It was told why it ends, or its result: what it still sends is thrown away, for closing at
    /// once would reset the connection before it has read that.
    Leaving { until: Nanos },
}

/// What came of a newcomer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    /// There is something to end at that moment.
    pub(super) look_again: Option<Nanos>,
    /// It has not said all yet: whoever is behind it comes later.
    pub(super) waits: bool,
}

/// All connections of one endpoint.
pub(super) struct Lines<E: Endpoint> {
    poll: Arc<OwnedFd>,
    limits: Limits,
    name: &'static str,
    gate: Gate,
    lines: Slab<Line<E::Connection>>,
    leaving: usize,
    troubles: RateLimitedLog,
}

impl<E: Endpoint> Lines<E> {
    pub(super) fn new(poll: Arc<OwnedFd>, limits: Limits, name: &'static str) -> Self {
        Self {
            poll,
            limits,
            name,
            gate: Gate::new(limits),
            lines: Slab::new(),
            leaving: 0,
            troubles: RateLimitedLog::default(),
        }
    }

    /// Takes a new connection in, and what it has brought along, or says why not.
    pub(super) fn admit(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        buffer: &mut [u8],
        endpoint: &mut E,
    ) -> Admitted {
        let now = clock::monotonic_nanos();
        let address = peer.ip();
        let mut pushed_out = None;
        if let Some(full) = self.gate.full(address) {
            let scope = (full == Full::Address).then_some(address);
            match self.slowest(scope, now) {
                Some(key) => pushed_out = self.dismiss(key, End::PushedOut, endpoint, now),
                None => {
                    let look_again = self.refuse(stream, peer, full, now);
                    return Admitted {
                        look_again,
                        waits: false,
                    };
                }
            }
        }
        let connection = endpoint.open(peer, now);
        let line = Line {
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
        self.gate.enter(address);
        let key = self.lines.insert(line);
        // A sender that reopens has often closed again by now: then nothing needs to be watched.
        let said = self.hear(key as u64, true, buffer, endpoint);
        let line = self.lines.get(key);
        // One that said its last word at once is gone, or watched already.
        let waits = line.is_some_and(|line| matches!(line.state, State::Open { .. }));
        let deadline = line.map(|line| line.deadline(&self.limits));
        if waits && !self.watch(key) {
            self.close(key, End::Stopped, endpoint, now);
        }
        Admitted {
            look_again: [pushed_out, said, deadline].into_iter().flatten().min(),
            waits,
        }
    }

    /// Waits for more of a connection; false if the system does not let us.
    fn watch(&self, key: usize) -> bool {
        let flags = EventFlags::IN | EventFlags::RDHUP;
        let data = EventData::new_u64(key as u64);
        let line = self.lines.get(key);
        line.is_some_and(|line| epoll::add(&self.poll, &line.stream, data, flags).is_ok())
    }

    /// Whoever was silent longest among those that are slow, of one address or of all.
    fn slowest(&self, scope: Option<IpAddr>, now: Nanos) -> Option<usize> {
        let in_scope = |line: &Line<_>| scope.is_none_or(|address| line.peer.ip() == address);
        let open = self.lines.iter().filter(|(_, line)| {
            matches!(line.state, State::Open { .. })
                && in_scope(line)
                && is_slow(now.saturating_sub(line.opened), line.bytes)
        });
        let (key, _) = open.min_by_key(|(_, line)| line.heard)?;
        Some(key)
    }

    fn refuse(
        &mut self,
        mut stream: TcpStream,
        peer: SocketAddr,
        full: Full,
        now: Nanos,
    ) -> Option<Nanos> {
        let Limits {
            connections,
            per_address,
            ..
        } = self.limits;
        let which = match full {
            Full::Address => format!("{per_address} connections of your address"),
            Full::All => format!("{connections} connections"),
        };
        let sentence = format!(
            "carom: refused: {which} are open, and no more are allowed; close some, then try again\n"
        );
        self.troubles.warn(|| {
            format!(
                "the {} endpoint refused {peer}: {which} are open",
                self.name
            )
        });
        // A new socket takes a line; if not, nobody is there.
        let _ = stream.write(sentence.as_bytes());
        self.see_off(stream, peer, now)
    }

    /// Lets a connection read its last line before it is closed; when to look at it again.
    fn see_off(&mut self, stream: TcpStream, peer: SocketAddr, now: Nanos) -> Option<Nanos> {
        if self.leaving >= self.limits.leaving || stream.shutdown(Shutdown::Write).is_err() {
            return None;
        }
        let until = now + nanos(self.limits.farewell);
        let line = Line {
            stream,
            peer,
            opened: now,
            heard: now,
            bytes: 0,
            state: State::Leaving { until },
        };
        let key = self.lines.insert(line);
        if self.watch(key) {
            self.leaving += 1;
            return Some(until);
        }
        self.lines.remove(key);
        None
    }

    /// Reads what there is, but leaves others their turn; when to look at it again.
    pub(super) fn hear(
        &mut self,
        key: u64,
        ending: bool,
        buffer: &mut [u8],
        endpoint: &mut E,
    ) -> Option<Nanos> {
        let key = usize::try_from(key).ok()?;
        let mut look_again = None;
        for _ in 0..READS {
            let Some(line) = self.lines.get_mut(key) else {
                return look_again;
            };
            let read = match line.stream.read(buffer) {
                Ok(0) => Err(End::EndOfStream),
                Ok(length) => Ok(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return look_again,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Err(End::Reset),
            };
            let now = clock::monotonic_nanos();
            let length = match read {
                Ok(length) => length,
                Err(end) => {
                    self.close(key, end, endpoint, now);
                    return look_again;
                }
            };
            match line.take(buffer.get(..length).unwrap_or_default(), endpoint, now) {
                Next::More => {}
                Next::MaybeOver => look_again = Some(now + QUIET),
                Next::Over => return self.dismiss(key, End::Newline, endpoint, now),
            }
            // The kernel had no more; unless the end of the stream came with it.
            if length < buffer.len() && !ending {
                return look_again;
            }
        }
        look_again
    }

    /// Ends a connection that hears no more.
    fn close(&mut self, key: usize, end: End, endpoint: &mut E, now: Nanos) {
        let Some(line) = self.lines.try_remove(key) else {
            return;
        };
        match line.state {
            State::Open { connection, .. } => {
                self.gate.leave(line.peer.ip());
                drop(endpoint.close(connection, &line.stream, end, now));
            }
            State::Leaving { .. } => self.leaving -= 1,
        }
    }

    /// Ends a connection and tells it why, or its result; when to look at it again.
    fn dismiss(&mut self, key: usize, end: End, endpoint: &mut E, now: Nanos) -> Option<Nanos> {
        let line = self.lines.try_remove(key)?;
        let State::Open { connection, .. } = line.state else {
            self.leaving -= 1;
            return None;
        };
        let Line {
            mut stream, peer, ..
        } = line;
        self.gate.leave(peer.ip());
        let mut last = endpoint.close(connection, &stream, end, now);
        if let Some(complaint) = end.complaint() {
            last = format!("carom: {complaint}\n").into_bytes();
            self.troubles.warn(|| {
                format!(
                    "the {} endpoint ended a connection of {peer}: {complaint}",
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
        self.see_off(stream, peer, now)
    }

    /// Ends what has lasted too long; when to look again.
    pub(super) fn sweep(&mut self, endpoint: &mut E, now: Nanos) -> Option<Nanos> {
        let due: Vec<usize> = self
            .lines
            .iter()
            .filter(|(_, line)| line.deadline(&self.limits) <= now)
            .map(|(key, _)| key)
            .collect();
        for key in due {
            let Some(line) = self.lines.get_mut(key) else {
                continue;
            };
            match &mut line.state {
                State::Leaving { .. } => self.close(key, End::EndOfStream, endpoint, now),
                State::Open { half_close, .. } => {
                    if half_close.take_if(|moment| *moment <= now).is_some() {
                        // Fails only where the peer has gone, and then we are told so.
                        let _ = line.stream.shutdown(Shutdown::Write);
                        continue;
                    }
                    let too_long = now.saturating_sub(line.opened) >= nanos(self.limits.total);
                    let end = if too_long { End::TooLong } else { End::Idle };
                    self.dismiss(key, end, endpoint, now);
                }
            }
        }
        let deadlines = self
            .lines
            .iter()
            .map(|(_, line)| line.deadline(&self.limits));
        deadlines.min()
    }

    /// Ends everything at once.
    pub(super) fn end_all(&mut self, endpoint: &mut E, now: Nanos) {
        let keys: Vec<usize> = self.lines.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, End::Stopped, endpoint, now);
        }
    }
}

impl<C> Line<C> {
    fn take<E: Endpoint<Connection = C>>(
        &mut self,
        bytes: &[u8],
        endpoint: &mut E,
        now: Nanos,
    ) -> Next {
        self.heard = now;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let State::Open {
            connection,
            half_close,
        } = &mut self.state
        else {
            return Next::More;
        };
        let next = endpoint.read(connection, bytes, now);
        *half_close = (next == Next::MaybeOver).then_some(now + QUIET);
        next
    }

    /// When it must be looked at, if nothing comes.
    fn deadline(&self, limits: &Limits) -> Nanos {
        match self.state {
            State::Leaving { until } => until,
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
