//! Rule 13: whom a voter counts to the cover of the lease that has its vote.

use std::time::Duration;

use crate::ring::cover::Cover;
use crate::ring::incarnation::Life;
use crate::ring::time::Time;

/// At most so many processes are remembered: more restarts within a lease make the cover unlimited.
const MOST_COVERED: usize = 64;

/// The processes that requests have named, each until a lease after the latest grant.
#[derive(Clone, Debug, Default)]
pub(in crate::ring) struct Covered {
    lives: Vec<(Life, Time)>,
    /// Until then anybody may have the ball: a request without a cover was granted.
    unlimited_until: Option<Time>,
}

impl Covered {
    /// A request of that cover has been granted, until that moment; nobody is forgotten before its own moment.
    pub(in crate::ring) fn note(&mut self, cover: Option<&Cover>, now: Time, until: Time) {
        self.lives.retain(|&(_, end)| end > now);
        let lives = cover.map(Cover::lives);
        let room = MOST_COVERED.saturating_sub(self.lives.len());
        let Some(lives) = lives.filter(|lives| lives.len() <= room) else {
            self.unlimited_until = Some(until);
            return;
        };
        for &life in lives {
            match self.lives.iter_mut().find(|(known, _)| *known == life) {
                Some((_, end)) => *end = until,
                None => self.lives.push((life, until)),
            }
        }
    }

    /// Who may still have the ball; `None` if anybody may.
    pub(in crate::ring) fn running(&self, now: Time) -> Option<impl Iterator<Item = Life>> {
        if self.unlimited_until.is_some_and(|until| now < until) {
            return None;
        }
        let running = self.lives.iter().filter(move |&&(_, end)| now < end);
        Some(running.map(|&(life, _)| life))
    }

    /// Every process with its moment, and until when anybody may have the ball.
    pub(super) fn parts(&self) -> (&[(Life, Time)], Option<Time>) {
        (&self.lives, self.unlimited_until)
    }

    /// Rule 11: nobody is counted for longer than a lease from now.
    pub(super) fn limit_moments(&mut self, now: Time, span: Duration) {
        let latest = now + span;
        for (_, end) in &mut self.lives {
            *end = latest.min(*end);
        }
        self.unlimited_until = self.unlimited_until.map(|until| latest.min(until));
    }

    /// Replaces the memory, for tests of rule 11.
    pub(super) fn corrupt(&mut self, lives: Vec<(Life, Time)>, unlimited_until: Option<Time>) {
        self.lives = lives;
        self.unlimited_until = unlimited_until;
    }
}
