//! The limits of one endpoint of the lab.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::time::Nanos;

/// The limits of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, of all clients.
    pub connections: usize,
    /// Connections at a time of one address.
    pub per_address: usize,
    /// A connection that sends nothing for this long is closed.
    pub idle: Duration,
    /// A connection that is older than this is closed, whatever it does.
    pub total: Duration,
    /// Connections at a time that got their last line and linger until the peer has read it; beyond
    /// this, connections are closed at once.
    pub lingering: usize,
    /// How long a connection lingers at most.
    pub linger: Duration,
    /// How many of the latest messages or runs are listed.
    pub remembered: usize,
    /// Bytes a second that are read of a connection; none: as fast as they come.
    pub read_rate: Option<u64>,
}

impl Default for Limits {
    /// Enough for a class of forty, each with a few programs. 10 GiB take 15 minutes on a
    /// 100 Mbit/s port.
    fn default() -> Self {
        Self {
            connections: 256,
            per_address: 64,
            idle: Duration::from_secs(120),
            total: Duration::from_secs(3_600),
            lingering: 64,
            linger: Duration::from_secs(1),
            remembered: 100,
            read_rate: None,
        }
    }
}

/// Connections older than this and slower than [`SLOW`] may be evicted.
const EVICTABLE_AGE: Nanos = 1_000_000_000;

/// In bytes a second, on average.
const SLOW: u64 = 100;

/// Whether a connection of that age that has sent so many bytes may be evicted for a new one.
pub(super) fn is_slow(age: Nanos, bytes: u64) -> bool {
    age >= EVICTABLE_AGE && bytes.saturating_mul(1_000_000_000) < age.saturating_mul(SLOW)
}

/// Counts the open connections: all, and those of each address.
#[derive(Debug)]
pub(super) struct ConnectionCounts {
    limits: Limits,
    total: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// The limit that a new connection would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitReached {
    /// [`Limits::per_address`].
    Address,
    /// [`Limits::connections`].
    All,
}

impl ConnectionCounts {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            total: 0,
            by_address: BTreeMap::new(),
        }
    }

    /// The limit that one more connection of that address would break.
    pub(super) fn limit_reached(&self, address: IpAddr) -> Option<LimitReached> {
        let count = self.by_address.get(&address).copied().unwrap_or(0);
        if count >= self.limits.per_address {
            Some(LimitReached::Address)
        } else {
            (self.total >= self.limits.connections).then_some(LimitReached::All)
        }
    }

    pub(super) fn add(&mut self, address: IpAddr) {
        self.total += 1;
        *self.by_address.entry(address).or_default() += 1;
    }

    pub(super) fn remove(&mut self, address: IpAddr) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.by_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_full_before_all_are_and_makes_room_when_it_leaves() {
        let limits = Limits {
            connections: 3,
            per_address: 2,
            ..Limits::default()
        };
        let mut counts = ConnectionCounts::new(limits);
        let [one, two]: [IpAddr; 2] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        counts.add(one);
        counts.add(one);
        assert_eq!(
            (counts.limit_reached(one), counts.limit_reached(two)),
            (Some(LimitReached::Address), None)
        );
        counts.add(two);
        assert_eq!(counts.limit_reached(two), Some(LimitReached::All));
        counts.remove(one);
        assert_eq!(
            (counts.limit_reached(one), counts.limit_reached(two)),
            (None, None)
        );
        counts.remove(one);
        counts.remove(two);
        assert!(counts.by_address.is_empty() && counts.total == 0);
    }

    #[test]
    fn a_silent_or_very_slow_connection_may_be_evicted_but_not_in_its_first_second() {
        assert!(!is_slow(EVICTABLE_AGE - 1, 0));
        assert!(is_slow(EVICTABLE_AGE, 0));
        assert!(is_slow(60 * EVICTABLE_AGE, 60), "a byte a second");
        assert!(!is_slow(60 * EVICTABLE_AGE, 6_000));
    }
}
