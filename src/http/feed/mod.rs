//! What has changed, told once and sent to everyone who follows: the other end of `/events`.
//!
//! The loop that owns the node owns this too. Nothing is reckoned while nobody follows. Nobody is
//! waited for: who does not take in time what is sent to it is cut off, and comes back by itself.

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
use wire::{Teller, write, write_beat};

/// Followers at a time.
pub(super) const MOST_FOLLOWERS: usize = 64;

/// Pieces that wait for one follower.
pub(super) const MOST_WAITING: usize = 32;

/// Events that a follower who comes back can be told.
const MOST_REMEMBERED: usize = 256;

/// How long changes are still noted after the last follower has gone, so that it can come back.
const GRACE: Duration = Duration::from_secs(10);

/// Between two looks for changes: what changes faster is told once.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Between two signs of life, with the round trips.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// Someone who wants to be told.
pub struct Follower {
    /// The last event that it got, if it comes back.
    pub(super) last: Option<EventId>,
    /// Where events go.
    pub(super) pieces: Sender<Bytes>,
    /// A message here ends its connection.
    pub(super) cut: Sender<()>,
}

/// A change, when it was told.
#[derive(Debug)]
struct Remembered {
    number: u64,
    at: Time,
    change: Change,
}

/// All followers, and what they know.
pub struct Feed {
    life: String,
    next_number: u64,
    followers: Vec<Follower>,
    remembered: VecDeque<Remembered>,
    /// What was last told, and when; `None` while nobody has followed for a while.
    told: Option<(Time, Status)>,
    /// When the last follower was seen to be gone.
    left: Option<Time>,
    next_look: Time,
    next_urgent: Time,
    next_beat: Time,
    /// Something may have changed since the last look.
    pending: bool,
}

impl Feed {
    /// Nobody follows yet. `life` is the node's incarnation: hexadecimal digits.
    pub fn new(life: String, now: Time) -> Self {
        Self {
            life,
            next_number: 1,
            followers: Vec::new(),
            remembered: VecDeque::new(),
            told: None,
            left: None,
            next_look: now,
            next_urgent: now,
            next_beat: now,
            pending: false,
        }
    }

    /// When [`Feed::tell`] wants to be called although nothing else happens; never while nobody follows.
    pub fn due(&self) -> Option<Time> {
        if self.followers.is_empty() {
            return None;
        }
        Some(if self.pending {
            self.next_beat.min(self.next_look)
        } else {
            self.next_beat
        })
    }

    /// Something happened; whether it is time to [`Feed::tell`]. With `urgent`, a ball came or went.
    pub fn wants(&mut self, now: Time, urgent: bool) -> bool {
        if self.told.is_none() {
            return false;
        }
        if self.left.is_some_and(|left| now >= left + GRACE) {
            self.forget();
            return false;
        }
        let gate = if urgent {
            self.next_urgent.min(self.next_look)
        } else {
            self.next_look
        };
        self.pending = now < gate;
        if urgent && !self.pending {
            self.next_urgent = now + LOOK_EVERY;
        }
        !self.pending
    }

    /// Finds out what has changed, and tells everyone.
    pub fn tell(&mut self, now: Time, status: Status) {
        self.next_look = now + LOOK_EVERY;
        self.pending = false;
        let Some((then, told)) = self.told.take() else {
            return;
        };
        let (changes, balls) = changes(&told, &status, now.since(then));
        let mut piece = Vec::new();
        let beats = now >= self.next_beat
            || told.condition != status.condition
            || told.led.fault != status.led.fault;
        let teller = self.teller(&status);
        for (number, change) in (self.next_number..).zip(&changes) {
            teller.write(&mut piece, number, change, Duration::ZERO);
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
        if piece.is_empty() && !beats {
            self.told = Some((then, told));
            return;
        }
        if beats {
            self.next_beat = now + BEAT_EVERY;
            write_beat(&mut piece, &status);
        }
        self.told = Some((now, Status { balls, ..status }));
        self.send(now, &piece.into());
    }

    /// One more follower: told what it missed, or else all there is.
    pub fn admit(&mut self, now: Time, follower: Follower, status: Status) {
        if self.told.is_some() {
            self.tell(now, status.clone());
        } else {
            self.next_beat = now + BEAT_EVERY;
            self.next_look = now + LOOK_EVERY;
        }
        let mut piece = Vec::from("retry: 1000\n");
        match self.missed(follower.last.as_ref()) {
            Some(missed) => {
                let teller = self.teller(&status);
                for Remembered { number, at, change } in missed {
                    teller.write(&mut piece, *number, change, now.since(*at));
                }
                write_beat(&mut piece, &status);
            }
            None => {
                let id = format!("{}-{}", self.life, self.next_number.saturating_sub(1));
                write(&mut piece, Some(&id), "state", &status);
            }
        }
        if self.told.is_none() {
            self.told = Some((now, status));
        }
        self.left = None;
        if self.followers.len() < MOST_FOLLOWERS && follower.pieces.try_send(piece.into()).is_ok() {
            self.followers.push(follower);
        }
    }

    fn teller(&self, status: &Status) -> Teller<'_> {
        Teller {
            life: &self.life,
            uptime_seconds: status.uptime_seconds,
        }
    }

    /// What was told since `last`; `None` if that is not known.
    fn missed(
        &self,
        last: Option<&EventId>,
    ) -> Option<impl Iterator<Item = &Remembered> + use<'_>> {
        let last = last.filter(|last| last.life == self.life && self.told.is_some())?;
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
        self.followers
            .retain(|follower| match follower.pieces.try_send(piece.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    tracing::debug!("a follower of the events was too slow and is cut off");
                    // Fails only where it is being cut off already.
                    let _ = follower.cut.try_send(());
                    false
                }
                Err(TrySendError::Closed(_)) => false,
            });
        if self.followers.is_empty() {
            self.left = self.left.or(Some(now));
        }
    }

    /// Nobody came back: what happens from now on is told to nobody, so no number may continue.
    fn forget(&mut self) {
        self.told = None;
        self.left = None;
        self.pending = false;
        self.remembered = VecDeque::new();
        self.next_number += 1;
    }
}

#[cfg(test)]
mod tests;
