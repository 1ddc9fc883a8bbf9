//! Two processes of one name: which of them leaves the ring to the other, and what is known of both.
//!
//! A node refuses a process if it is connected to another one of that name. So the one that is connected to all nodes
//! stays. If each of the two is connected to some, the one that has no majority of the links ends those that it has, and
//! the other one gets them. Nobody has to tell the nodes which.

use std::net::IpAddr;
use std::time::Duration;

use crate::ring::{NodeId, Time};

/// A process that is refused leaves its links to the other one after so many leases at the earliest: a link to a process
/// that has died ends before that.
const LEASES_BEFORE: u32 = 2;

/// And up to so many leases later, by chance: two processes must not both leave.
const LEASES_OF_CHANCE: f64 = 4.0;

/// After so long without a refusal, beside two leases, there is only one process again.
const REMEMBERED: Duration = Duration::from_secs(4);

/// What this node knows of processes that have the same name.
pub(super) struct Rivals {
    lease: Duration,
    random: fastrand::Rng,
    /// Other nodes refuse this process, as they are connected to another one of its name.
    told: Option<Told>,
    resigned_until: Option<Time>,
    /// By node: the process of its name that was refused here last.
    refused: Vec<Option<Refused>>,
}

struct Told {
    since: Time,
    last: Time,
    /// From this moment on, this process leaves its links to the other one.
    leaves_from: Time,
    sentence: String,
}

/// A process that this node has refused.
#[derive(Clone, Copy)]
struct Refused {
    since: Time,
    last: Time,
    connected: IpAddr,
    refused: IpAddr,
}

/// Another process has the name of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duplicate {
    /// A peer says so of this process, in this sentence.
    Told(String),
    /// This node has refused a process of that node.
    Refused {
        /// Where the process is that is connected.
        connected: IpAddr,
        /// Where the process is that was refused.
        refused: IpAddr,
    },
}

impl Rivals {
    pub(super) fn new(nodes: usize, lease: Duration, seed: u64) -> Self {
        Self {
            lease,
            random: fastrand::Rng::with_seed(seed),
            told: None,
            resigned_until: None,
            refused: vec![None; nodes],
        }
    }

    /// A peer refuses this process, as it is connected to another one of its name; this one has `links` of `peers` links.
    /// Returns whether it is to end them.
    pub(super) fn on_told(
        &mut self,
        now: Time,
        sentence: &str,
        (links, peers): (usize, usize),
    ) -> bool {
        let remembered = self.remembered();
        let (since, mut leaves_from) = match &self.told {
            Some(told) if now.since(told.last) <= remembered => (told.since, told.leaves_from),
            _ => (now, now + self.limit()),
        };
        // Of two processes at most one has a majority of the links. Without any link there is nothing to leave.
        let resigns = links > 0
            && links * 2 <= peers
            && now >= leaves_from
            && self.resigned_until(now).is_none();
        if resigns {
            // The other process dials three times a lease, and gets the links.
            let until = now + self.lease;
            self.resigned_until = Some(until);
            // If the other one has left at the same time, another chance decides which leaves next.
            leaves_from = until + self.limit();
        }
        self.told = Some(Told {
            since,
            last: now,
            leaves_from,
            sentence: sentence.to_owned(),
        });
        resigns
    }

    /// How long a process is refused before it leaves its links, drawn by chance.
    fn limit(&mut self) -> Duration {
        let chance = self.random.f64() * LEASES_OF_CHANCE;
        self.lease * LEASES_BEFORE + self.lease.mul_f64(chance)
    }

    fn remembered(&self) -> Duration {
        REMEMBERED + self.lease * 2
    }

    /// Until when this process makes no links, if it has left the ring to another one of its name.
    pub(super) fn resigned_until(&self, now: Time) -> Option<Time> {
        self.resigned_until.filter(|&until| now < until)
    }

    /// This node has refused a process of that node, as it is connected to another one.
    pub(super) fn on_refused(
        &mut self,
        now: Time,
        node: NodeId,
        (connected, refused): (IpAddr, IpAddr),
    ) {
        let remembered = self.remembered();
        let Some(slot) = self.refused.get_mut(node.index()) else {
            return;
        };
        let earlier = slot.filter(|earlier| now.since(earlier.last) <= remembered);
        *slot = Some(Refused {
            since: earlier.map_or(now, |earlier| earlier.since),
            last: now,
            connected,
            refused,
        });
    }

    /// What is known of another process with the name of that node, if it was refused a moment ago, and for longer than a
    /// link to a process that has died lasts.
    pub(super) fn duplicate(&self, now: Time, node: NodeId, me: NodeId) -> Option<Duplicate> {
        let counts = |since: Time, last: Time| {
            last.since(since) >= self.lease && now.since(last) <= self.remembered()
        };
        if node == me {
            let told = self.told.as_ref();
            let told = told.filter(|told| counts(told.since, told.last))?;
            return Some(Duplicate::Told(told.sentence.clone()));
        }
        let refused = self.refused.get(node.index()).copied().flatten();
        let refused = refused.filter(|refused| counts(refused.since, refused.last))?;
        let Refused {
            connected, refused, ..
        } = refused;
        Some(Duplicate::Refused { connected, refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_millis(500);

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    /// When a process that is refused three times a lease from 1 s on ends its links, in milliseconds.
    fn resigns_at(rivals: &mut Rivals, links: (usize, usize)) -> Option<u64> {
        let mut moments = (1_000..20_000).step_by(160);
        moments.find(|&now| rivals.on_told(at(now), "no", links))
    }

    #[test]
    fn who_has_no_majority_of_the_links_leaves_them_after_a_random_time() {
        let mut moments = Vec::new();
        for seed in 0..100 {
            for (links, leaves) in [(1, true), (2, true), (0, false), (3, false), (4, false)] {
                let mut rivals = Rivals::new(5, LEASE, seed);
                let moment = resigns_at(&mut rivals, (links, 4));
                assert_eq!(moment.is_some(), leaves, "{links} links");
                let Some(moment) = moment else { continue };
                assert!((2_000..=4_200).contains(&moment), "{moment}");
                assert!(rivals.resigned_until(at(moment + 499)).is_some());
                assert!(rivals.resigned_until(at(moment + 500)).is_none());
                moments.push(moment);
            }
        }
        moments.sort_unstable();
        moments.dedup();
        assert!(moments.len() > 8, "{moments:?}");
    }

    #[test]
    fn two_that_left_at_the_same_time_do_not_leave_together_again() {
        let mut moments = Vec::new();
        for seed in 0..100 {
            let mut rivals = Rivals::new(5, LEASE, seed);
            let first = resigns_at(&mut rivals, (2, 4)).unwrap();
            // It is let in again where the other one has not been faster, and is refused again.
            let again = first + 500;
            let mut later = (again..again + 20_000).step_by(160);
            let second = later.find(|&now| rivals.on_told(at(now), "no", (2, 4)));
            let waited = second.unwrap() - again;
            assert!((1_000..=3_200).contains(&waited), "{waited}");
            moments.push(waited);
        }
        moments.sort_unstable();
        moments.dedup();
        assert!(moments.len() > 8, "{moments:?}");
    }

    #[test]
    fn refusals_that_end_in_time_change_nothing() {
        let mut rivals = Rivals::new(3, LEASE, 7);
        for begin in [1_000, 10_000, 20_000] {
            // As after a restart that no peer has noticed yet.
            for now in (begin..begin + 990).step_by(160) {
                assert!(!rivals.on_told(at(now), "no", (1, 2)));
            }
        }
    }

    #[test]
    fn a_duplicate_is_remembered_for_a_moment() {
        let mut rivals = Rivals::new(3, LEASE, 7);
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 168, 7, last]));
        for moment in [500, 800, 1_000] {
            let know = |node| rivals.duplicate(at(moment), NodeId(node), NodeId(0));
            assert_eq!([know(0), know(2)], [None, None], "a restart");
            rivals.on_refused(at(moment), NodeId(2), (one, other));
            rivals.on_told(at(moment), "pi2 says: no", (2, 2));
        }
        let (connected, refused) = (one, other);
        let known = |millis, node| rivals.duplicate(at(millis), NodeId(node), NodeId(0));
        assert_eq!(
            known(6_000, 2),
            Some(Duplicate::Refused { connected, refused })
        );
        let told = Duplicate::Told("pi2 says: no".to_owned());
        assert_eq!([known(6_000, 0), known(6_000, 1)], [Some(told), None]);
        assert_eq!([known(6_100, 0), known(6_100, 2)], [None, None]);
    }
}
