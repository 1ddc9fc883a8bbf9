//! What one endpoint of the lab allows, and who may connect.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// A moment of CLOCK_MONOTONIC, in nanoseconds.
pub(super) type Nanos = u64;

/// The bounds of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, of all clients.
    pub connections: usize,
    /// Connections at a time of one address.
    pub per_address: usize,
    /// A connection that sends nothing for so long is closed.
    pub idle: Duration,
    /// A connection that is older than this is closed, whatever it does.
    pub total: Duration,
    /// Connections at a time that were told why they are closed and have not heard it yet.
    pub closing: usize,
    /// How long such a one is kept.
    pub linger: Duration,
    /// Messages or runs that are remembered.
    pub remembered: usize,
}

impl Default for Limits {
    /// A class of forty, each with a few programs; 10 GiB take 15 minutes on a 100 Mbit/s port.
    fn default() -> Self {
        Self {
            connections: 256,
            per_address: 64,
            idle: Duration::from_secs(120),
            total: Duration::from_secs(3_600),
            closing: 64,
            linger: Duration::from_secs(1),
            remembered: 100,
        }
    }
}

/// Who waits this long, and sends this slowly, makes room when there is no other.
const PATIENCE: Nanos = 1_000_000_000;

/// Bytes a second.
const SLOW: u64 = 100;

/// Whether a connection of that age may be pushed out for another.
pub(super) fn is_slow(age: Nanos, bytes: u64) -> bool {
    age >= PATIENCE && bytes.saturating_mul(1_000_000_000) < age.saturating_mul(SLOW)
}

/// Counts the open connections.
#[derive(Debug)]
pub(super) struct ConnectionCounts {
    limits: Limits,
    total: usize,
    of: BTreeMap<IpAddr, usize>,
}

/// Which limit a newcomer meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitReached {
    /// Of its own address.
    Address,
    /// Of all.
    All,
}

impl ConnectionCounts {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            total: 0,
            of: BTreeMap::new(),
        }
    }

    /// The limit that one more connection of that address would break.
    pub(super) fn full(&self, address: IpAddr) -> Option<LimitReached> {
        let its = self.of.get(&address).copied().unwrap_or(0);
        if its >= self.limits.per_address {
            Some(LimitReached::Address)
        } else {
            (self.total >= self.limits.connections).then_some(LimitReached::All)
        }
    }

    pub(super) fn enter(&mut self, address: IpAddr) {
        self.total += 1;
        *self.of.entry(address).or_default() += 1;
    }

    pub(super) fn leave(&mut self, address: IpAddr) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.of.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of.remove(&address);
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
        counts.enter(one);
        counts.enter(one);
        assert_eq!(
            (counts.full(one), counts.full(two)),
            (Some(LimitReached::Address), None)
        );
        counts.enter(two);
        assert_eq!(counts.full(two), Some(LimitReached::All));
        counts.leave(one);
        assert_eq!((counts.full(one), counts.full(two)), (None, None));
        counts.leave(one);
        counts.leave(two);
        assert!(counts.of.is_empty() && counts.total == 0);
    }

    #[test]
    fn who_is_silent_or_drips_makes_room_but_not_in_the_first_second() {
        assert!(!is_slow(PATIENCE - 1, 0));
        assert!(is_slow(PATIENCE, 0));
        assert!(is_slow(60 * PATIENCE, 60), "a byte a second");
        assert!(!is_slow(60 * PATIENCE, 6_000));
    }
}
