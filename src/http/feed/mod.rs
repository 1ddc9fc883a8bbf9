//! The publisher behind `/events`: computes each change once and sends it to every subscriber.
//!
//! The services' loop owns this. While there are no subscribers, nothing is computed.
//! The loop never waits for a subscriber: one that does not read what it is sent is disconnected,
//! and reconnects by itself.

mod changes;
mod wire;

use std::collections::VecDeque;
use std::time::Duration;

use hyper::body::Bytes;
use smol::channel::{Sender, TrySendError};

use super::status::Status;
use crate::ring::Time;
use changes::{Change, changes};
pub(super) use wire::EventId;
use wire::{EventWriter, write, write_heartbeat};

/// Subscribers at a time.
pub(super) const MOST_SUBSCRIBERS: usize = 64;

/// Pieces of the stream that may be queued for one subscriber.
pub(super) const MOST_QUEUED: usize = 32;

/// Events that are kept for subscribers that reconnect.
const MOST_REMEMBERED: usize = 256;

/// How long changes are still kept after the last subscriber has left, so that it can resume.
const RESUME_LIMIT: Duration = Duration::from_secs(10);

/// The time between two checks for changes: several changes within it are published as one.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The time between two heartbeats of the stream, which carry the round trips.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);

/// A client of `/events`.
pub struct Subscriber {
    /// The last event that it received, if it reconnects.
    pub(super) last: Option<EventId>,
    /// The queue of its connection.
    pub(super) pieces: Sender<Bytes>,
    /// A message here closes its connection.
    pub(super) close: Sender<()>,
}

/// A change that was published.
#[derive(Debug)]
struct Remembered {
    number: u64,
    at: Time,
    change: Change,
}

/// All subscribers, and what they have been sent.
pub struct Feed {
    incarnation: String,
    next_number: u64,
    subscribers: Vec<Subscriber>,
    remembered: VecDeque<Remembered>,
    /// What the subscribers know, and since when; `None` after a while without subscribers.
    published: Option<(Time, Status)>,
    /// When the last subscriber was found to have left.
    abandoned_at: Option<Time>,
    next_check: Time,
    next_urgent: Time,
    next_heartbeat: Time,
    /// Something may have changed since the last check.
    pending: bool,
}

impl Feed {
    /// A feed without subscribers. `incarnation` is that of the node, in hexadecimal digits.
    pub fn new(incarnation: String, now: Time) -> Self {
        Self {
            incarnation,
            next_number: 1,
            subscribers: Vec::new(),
            remembered: VecDeque::new(),
            published: None,
            abandoned_at: None,
            next_check: now,
            next_urgent: now,
            next_heartbeat: now,
            pending: false,
        }
    }

    /// When [`Feed::is_due`] must be called even if nothing else happens; `None` if nobody follows.
    pub fn next_deadline(&self) -> Option<Time> {
        // Not before the next check: until then nothing is published, and a deadline in the past would never let the
        // services wait.
        let heartbeat = self.next_heartbeat.max(self.next_check);
        let heartbeat = (!self.subscribers.is_empty()).then_some(heartbeat);
        let check = self.pending.then_some(self.next_check);
        let end = self.abandoned_at.map(|since| since + RESUME_LIMIT);
        [heartbeat, check, end].into_iter().flatten().min()
    }

    /// Whether anybody follows, or may come back and go on where it was.
    pub fn is_followed(&self) -> bool {
        self.published.is_some()
    }

    /// Whether [`Feed::publish`] is to be called at [`Feed::next_deadline`].
    pub fn is_pending(&self) -> bool {
        self.pending
    }

    /// Whether to call [`Feed::publish`] now that something has happened. `urgent`: a ball came or went.
    pub fn is_due(&mut self, now: Time, urgent: bool) -> bool {
        if self.published.is_none() {
            return false;
        }
        if self
            .abandoned_at
            .is_some_and(|abandoned_at| now >= abandoned_at + RESUME_LIMIT)
        {
            self.reset();
            return false;
        }
        let earliest = if urgent {
            self.next_urgent.min(self.next_check)
        } else {
            self.next_check
        };
        self.pending = now < earliest;
        if urgent && !self.pending {
            self.next_urgent = now + CHECK_INTERVAL;
        }
        !self.pending
    }

    /// Finds out what has changed, and sends it to all subscribers.
    pub fn publish(&mut self, now: Time, status: Status) {
        self.next_check = now + CHECK_INTERVAL;
        self.pending = false;
        let Some((then, published)) = self.published.take() else {
            return;
        };
        let (changes, balls) = changes(&published, &status, now.since(then));
        let mut piece = Vec::new();
        let is_heartbeat_due = now >= self.next_heartbeat
            || published.condition != status.condition
            || published.led.fault != status.led.fault;
        let writer = self.writer(&status);
        for (number, change) in (self.next_number..).zip(&changes) {
            writer.write(&mut piece, number, change, Duration::ZERO);
        }
        for change in changes {
            let number = self.next_number;
            self.next_number += 1;
            if self.remembered.len() >= MOST_REMEMBERED {
                self.remembered.pop_front();
            }
            let at = now;
            self.remembered.push_back(Remembered { number, at, change });
        }
        if piece.is_empty() && !is_heartbeat_due {
            self.published = Some((then, published));
            return;
        }
        if is_heartbeat_due {
            self.next_heartbeat = now + HEARTBEAT_INTERVAL;
            write_heartbeat(&mut piece, &status);
        }
        self.published = Some((now, Status { balls, ..status }));
        self.send(now, &piece.into());
    }

    /// Adds a subscriber. It is sent the events that it missed or, where they are not known, the whole
    /// state.
    pub fn subscribe(&mut self, now: Time, subscriber: Subscriber, status: Status) {
        if self.published.is_some() {
            self.publish(now, status.clone());
        } else {
            self.next_heartbeat = now + HEARTBEAT_INTERVAL;
            self.next_check = now + CHECK_INTERVAL;
        }
        let mut piece = Vec::from("retry: 1000\n");
        match self.missed(subscriber.last.as_ref()) {
            Some(missed) => {
                let writer = self.writer(&status);
                for Remembered { number, at, change } in missed {
                    writer.write(&mut piece, *number, change, now.since(*at));
                }
                write_heartbeat(&mut piece, &status);
            }
            None => {
                let id = format!(
                    "{}-{}",
                    self.incarnation,
                    self.next_number.saturating_sub(1)
                );
                write(&mut piece, Some(&id), "state", &status);
            }
        }
        if self.published.is_none() {
            self.published = Some((now, status));
        }
        self.subscribers
            .retain(|subscriber| !subscriber.pieces.is_closed());
        if self.subscribers.len() < MOST_SUBSCRIBERS
            && subscriber.pieces.try_send(piece.into()).is_ok()
        {
            self.subscribers.push(subscriber);
            self.abandoned_at = None;
        }
        if self.subscribers.is_empty() {
            self.abandoned_at = self.abandoned_at.or(Some(now));
        }
    }

    fn writer(&self, status: &Status) -> EventWriter<'_> {
        EventWriter {
            incarnation: &self.incarnation,
            uptime_seconds: status.uptime_seconds,
        }
    }

    /// The events since `last`; `None` if some of them are no longer known.
    fn missed(
        &self,
        last: Option<&EventId>,
    ) -> Option<impl Iterator<Item = &Remembered> + use<'_>> {
        let last =
            last.filter(|last| last.incarnation == self.incarnation && self.published.is_some())?;
        let first = self
            .remembered
            .front()
            .map_or(self.next_number, |first| first.number);
        let number = last.number;
        (number.checked_add(1)? >= first && number < self.next_number).then(|| {
            self.remembered
                .iter()
                .filter(move |one| one.number > number)
        })
    }

    fn send(&mut self, now: Time, piece: &Bytes) {
        self.subscribers.retain(
            |subscriber| match subscriber.pieces.try_send(piece.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    tracing::debug!("a follower of the events was too slow and is cut off");
                    // Fails only if it is being closed already.
                    let _ = subscriber.close.try_send(());
                    false
                }
                Err(TrySendError::Closed(_)) => false,
            },
        );
        if self.subscribers.is_empty() {
            self.abandoned_at = self.abandoned_at.or(Some(now));
        }
    }

    /// Forgets what was published. From now on changes get no events, so the next number must not
    /// seem to follow the last one.
    fn reset(&mut self) {
        self.published = None;
        self.abandoned_at = None;
        self.pending = false;
        self.remembered = VecDeque::new();
        self.next_number += 1;
    }
}

#[cfg(test)]
mod tests;
