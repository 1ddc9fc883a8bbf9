//! Rules 1 and 2: the voter's part. It grants a lease to one generation at a time, and in that to one
//! holder, and remembers the newest state that any holder reported.

use std::time::Duration;

use super::covered::Covered;
use crate::ring::cover::Cover;
use crate::ring::generation::{Generation, Record};
use crate::ring::lineage::Renewal;
use crate::ring::message::LeaseRequest;
use crate::ring::node_id::NodeId;
use crate::ring::time::Time;

/// This node's vote for one ball, and what it knows of the ball.
#[derive(Clone, Debug, Default)]
pub(in crate::ring) struct Voter {
    lease: Option<GrantedLease>,
    newest: Option<Record>,
    holder: Option<NodeId>,
    heard_at: Option<Time>,
    /// Since when a ball of this number is known. Where a guest's retirement was missed, the time of
    /// the last guest counts for the next one, too.
    known_since: Option<Time>,
    /// All guests of this number up to this generation have left the ring.
    tombstone: Option<Generation>,
    /// Whom the voter counts to the cover of the lease (rule 13).
    pub(in crate::ring) covered: Covered,
}

/// A promise to grant no other generation before `until`.
#[derive(Clone, Copy, Debug)]
pub(in crate::ring) struct GrantedLease {
    pub(in crate::ring) generation: Generation,
    pub(in crate::ring) until: Time,
    /// The last renewal granted in this generation; `None` where only a candidate was.
    pub(in crate::ring) renewal: Option<Renewal>,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ring) enum Verdict {
    Granted,
    Denied {
        /// The generation whose lease runs here.
        favoured: Option<Generation>,
        /// How long this node will still deny.
        left: Duration,
        /// The renewal granted to another holder of the requested generation.
        double: Option<Renewal>,
    },
}

impl Verdict {
    /// A denial for what this node knows, not for whom it has granted a lease.
    pub(in crate::ring) const OUTRANKED: Self = Self::Denied {
        favoured: None,
        left: Duration::ZERO,
        double: None,
    };
}

impl Voter {
    /// Rules 1 and 2: grants iff the quarantine is over, the lease is free or already the
    /// requested generation's, and nothing newer than the request is known. `renewal` is what a
    /// holder requests; a candidate has none.
    pub(in crate::ring) fn decide(
        &mut self,
        now: Time,
        quarantine_until: Time,
        span: Duration,
        generation: Generation,
        renewal: Option<Renewal>,
    ) -> Verdict {
        if now < quarantine_until {
            // A grant of the last incarnation may be forgotten and still run.
            return Verdict::Denied {
                favoured: None,
                left: now.until(quarantine_until),
                double: None,
            };
        }
        let running = self.lease.filter(|lease| now < lease.until);
        let below_newest = self
            .newest
            .is_some_and(|newest| generation < newest.stamp.generation)
            || self.is_retired(generation);
        let taken = running.is_some_and(|lease| lease.generation != generation);
        if below_newest || taken {
            return Verdict::Denied {
                favoured: running.map(|lease| lease.generation),
                left: running.map_or(Duration::ZERO, |lease| now.until(lease.until)),
                double: None,
            };
        }
        let known = self.lease.filter(|lease| lease.generation == generation);
        self.lease = Some(GrantedLease {
            generation,
            until: now + span,
            renewal: renewal.or(known.and_then(|known| known.renewal)),
        });
        Verdict::Granted
    }

    /// Rule 13: the cover of the request that was just granted is remembered for a lease, and those before it in the same
    /// generation.
    pub(super) fn note_cover(
        &mut self,
        (now, span): (Time, Duration),
        is_same: bool,
        cover: Option<&Cover>,
    ) {
        if !is_same {
            self.covered = Covered::default();
        }
        self.covered.note(cover, now, now + span);
    }

    /// Rule 13: nobody can use the lease any more.
    pub(super) fn forget_lease(&mut self) {
        self.lease = None;
    }

    /// The renewal that this node granted to another holder of the request's generation, if it did.
    ///
    /// No correct run leads there: a peer has lied, or memory is corrupt. The check holds even when
    /// the lease has run out, so that two holders cannot take turns. A holder of an earlier version
    /// sends no lineage, and is judged by its generation alone.
    pub(in crate::ring) fn double_of(&self, request: &LeaseRequest) -> Option<Renewal> {
        let lease = self.lease?;
        let is_holder = request.is_from_holder() && !request.lineage.is_empty();
        let is_holder = is_holder && lease.generation == request.generation;
        let granted = lease.renewal.filter(|_| is_holder)?;
        (!request.lineage.continues(granted)).then_some(granted)
    }

    /// Rule 11: limits every moment to what a correct run can lead to.
    pub(super) fn limit_moments(&mut self, now: Time, span: Duration) {
        if let Some(lease) = &mut self.lease {
            lease.until = lease.until.min(now + span);
        }
        self.heard_at = self.heard_at.map(|heard| heard.min(now));
        self.known_since = self.known_since.map(|since| since.min(now));
        self.covered.limit_moments(now, span);
    }

    /// Rule 11: a ball of the ring file never leaves the ring.
    pub(super) fn forget_tombstone(&mut self) {
        self.tombstone = None;
    }

    /// Replaces the voter's memory, for tests of rule 11.
    pub(super) fn corrupt(
        &mut self,
        lease: Option<(Generation, Time, Option<Renewal>)>,
        newest: Option<Record>,
        holder: Option<NodeId>,
        heard_at: Option<Time>,
        tombstone: Option<Generation>,
    ) {
        self.tombstone = tombstone;
        self.lease = lease.map(|(generation, until, renewal)| GrantedLease {
            generation,
            until,
            renewal,
        });
        self.newest = newest;
        self.holder = holder;
        self.heard_at = heard_at;
    }

    /// Frees the lease if it is granted to `generation`.
    pub(in crate::ring) fn release(&mut self, generation: Generation) {
        if self
            .lease
            .is_some_and(|lease| lease.generation == generation)
        {
            self.lease = None;
        }
    }

    /// Notes what a holder reported of its ball, unless something newer is known.
    pub(in crate::ring) fn learn(&mut self, now: Time, record: Record, holder: NodeId) {
        if self
            .newest
            .is_none_or(|newest| newest.stamp <= record.stamp)
            && !self.is_retired(record.stamp.generation)
        {
            self.known_since = self.known_since.or(Some(now));
            self.newest = Some(record);
            self.holder = Some(holder);
            self.heard_at = Some(now);
        }
    }

    /// Retires every guest of this number up to `generation`, for good.
    pub(in crate::ring) fn retire(&mut self, generation: Generation) {
        self.tombstone = self.tombstone.max(Some(generation));
        if self
            .newest
            .is_some_and(|newest| self.is_retired(newest.stamp.generation))
        {
            self.newest = None;
            self.holder = None;
            self.heard_at = None;
            self.known_since = None;
        }
        // Release only this generation's lease: voters that lost the tombstone may have elected a
        // guest under an older generation, and the lease they granted it still runs.
        self.release(generation);
    }

    /// Whether the guest of that generation has left the ring.
    pub(in crate::ring) fn is_retired(&self, generation: Generation) -> bool {
        self.tombstone
            .is_some_and(|tombstone| generation <= tombstone)
    }

    /// The highest generation that has left the ring.
    pub(in crate::ring) fn tombstone(&self) -> Option<Generation> {
        self.tombstone
    }

    /// The lease that was granted last; it may have run out.
    pub(in crate::ring) fn lease(&self) -> Option<GrantedLease> {
        self.lease
    }

    /// Whether no granted lease runs.
    pub(in crate::ring) fn is_free(&self, now: Time) -> bool {
        self.lease.is_none_or(|lease| lease.until <= now)
    }

    /// Since when a ball of this number is known.
    pub(in crate::ring) fn known_since(&self) -> Option<Time> {
        self.known_since
    }

    /// The newest state that any holder reported.
    pub(in crate::ring) fn newest(&self) -> Option<Record> {
        self.newest
    }

    /// The generation of [`Self::newest`].
    pub(in crate::ring) fn newest_generation(&self) -> Option<Generation> {
        self.newest.map(|newest| newest.stamp.generation)
    }

    /// The last node known to have had the ball.
    pub(in crate::ring) fn holder(&self) -> Option<NodeId> {
        self.holder
    }

    /// When a holder last reported.
    pub(in crate::ring) fn heard_at(&self) -> Option<Time> {
        self.heard_at
    }

    /// The moment from which the ball counts as missed: no lease runs and no holder was heard for a lease.
    pub(in crate::ring) fn missed_at(&self, span: Duration) -> Time {
        let free = self.lease.map_or(Time::default(), |lease| lease.until);
        self.heard_at.map_or(free, |heard| free.max(heard + span))
    }

    /// The highest round that this node granted a lease or heard a holder report.
    pub(in crate::ring) fn highest_round(&self) -> u64 {
        let granted = self.lease.map_or(0, |lease| lease.generation.round);
        self.newest
            .map_or(granted, |newest| granted.max(newest.stamp.generation.round))
    }
}
