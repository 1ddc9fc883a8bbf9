//! The voter's part: to whom this node has lent its voice for one ball, and the newest state it knows.

use std::time::Duration;

use super::ball::{Generation, Record};
use super::sketch::{self, Sketch};
use super::time::Time;
use super::topology::NodeId;

/// One node's voice for one ball.
#[derive(Clone, Debug, Default)]
pub(super) struct Voter {
    lease: Option<Lease>,
    newest: Option<Record>,
    holder: Option<NodeId>,
    heard: Option<Time>,
    /// Since when a ball of this identity is known: where a farewell was missed, the last guest's time
    /// counts for the next one, too.
    known_since: Option<Time>,
    /// Up to this generation, all guests of this identity have left.
    gone: Option<Generation>,
}

/// A promise to grant nobody else before `until`.
#[derive(Clone, Copy, Debug)]
struct Lease {
    generation: Generation,
    until: Time,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Granted,
    Denied {
        /// Whose lease runs here.
        favoured: Option<Generation>,
        /// How long this node will still refuse.
        left: Duration,
    },
}

impl Voter {
    /// Rules 1 and 2: grants iff the quarantine is over, the lease is free or already the
    /// asker's, and nothing newer than the asker is known.
    pub(super) fn decide(
        &mut self,
        now: Time,
        quarantine_until: Time,
        span: Duration,
        generation: Generation,
    ) -> Verdict {
        if now < quarantine_until {
            // We may have forgotten a grant of our last life, so we lend our voice to nobody yet.
            return Verdict::Denied {
                favoured: None,
                left: now.until(quarantine_until),
            };
        }
        let running = self.lease.filter(|lease| now < lease.until);
        let below_newest = self
            .newest
            .is_some_and(|newest| generation < newest.stamp.generation)
            || self.is_gone(generation);
        let taken = running.is_some_and(|lease| lease.generation != generation);
        if below_newest || taken {
            return Verdict::Denied {
                favoured: running.map(|lease| lease.generation),
                left: running.map_or(Duration::ZERO, |lease| now.until(lease.until)),
            };
        }
        self.lease = Some(Lease {
            generation,
            until: now + span,
        });
        Verdict::Granted
    }

    /// Gives the voice back if it is lent to `generation`.
    pub(super) fn release(&mut self, generation: Generation) {
        if self
            .lease
            .is_some_and(|lease| lease.generation == generation)
        {
            self.lease = None;
        }
    }

    /// Notes what a holder said of its ball, unless something newer is known.
    pub(super) fn learn(&mut self, now: Time, record: Record, holder: NodeId) {
        if self
            .newest
            .is_none_or(|newest| newest.stamp <= record.stamp)
            && !self.is_gone(record.stamp.generation)
        {
            self.known_since = self.known_since.or(Some(now));
            self.newest = Some(record);
            self.holder = Some(holder);
            self.heard = Some(now);
        }
    }

    /// Forgets a guest that has left, for good.
    pub(super) fn bury(&mut self, generation: Generation) {
        self.gone = self.gone.max(Some(generation));
        if self
            .newest
            .is_some_and(|newest| self.is_gone(newest.stamp.generation))
        {
            self.newest = None;
            self.holder = None;
            self.heard = None;
            self.known_since = None;
        }
        // Only what was promised to this very guest: another may shine by an older generation, begun
        // where all had forgotten the grave, and what it was promised runs on.
        self.release(generation);
    }

    /// Whether the guest of that generation has left.
    pub(super) fn is_gone(&self, generation: Generation) -> bool {
        self.gone.is_some_and(|gone| generation <= gone)
    }

    /// The last generation that has left.
    pub(super) fn gone(&self) -> Option<Generation> {
        self.gone
    }

    /// Whether nobody is promised this voice.
    pub(super) fn is_free(&self, now: Time) -> bool {
        self.lease.is_none_or(|lease| lease.until <= now)
    }

    /// Since when a ball of this identity is known.
    pub(super) fn known_since(&self) -> Option<Time> {
        self.known_since
    }

    /// The newest state that any holder said.
    pub(super) fn newest(&self) -> Option<Record> {
        self.newest
    }

    /// The last node known to have had the ball.
    pub(super) fn holder(&self) -> Option<NodeId> {
        self.holder
    }

    /// When a holder was last heard of.
    pub(super) fn heard(&self) -> Option<Time> {
        self.heard
    }

    /// The moment from which the ball must be missed: no lease runs and no holder was heard for a lease.
    pub(super) fn missed_at(&self, span: Duration) -> Time {
        let free = self.lease.map_or(Time::default(), |lease| lease.until);
        self.heard.map_or(free, |heard| free.max(heard + span))
    }

    /// Shows what decides this voice's future.
    pub(super) fn sketch(&self, me: NodeId, span: Duration, turn: Duration, to: &mut impl Sketch) {
        to.number(self.lease.is_some().into());
        if let Some(lease) = self.lease {
            to.generation(lease.generation);
            to.moment(me, lease.until, turn);
        }
        sketch::record(to, self.newest);
        to.number(self.holder.map_or(u64::MAX, |holder| holder.0.into()));
        sketch::moment(to, me, self.heard, span + turn);
        to.number(self.gone.is_some().into());
        if let Some(gone) = self.gone {
            to.generation(gone);
        }
    }

    /// The highest round that this voice was lent to or heard of.
    pub(super) fn highest_round(&self) -> u64 {
        let lent = self.lease.map_or(0, |lease| lease.generation.round);
        self.newest
            .map_or(lent, |newest| lent.max(newest.stamp.generation.round))
    }
}
