//! How many connections one address may open to the ring port: a token bucket for each address.
//!
//! Peers are not slowed by what another address does. An address is a whole one: in a classroom all
//! computers have the same IPv6 prefix.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::ring::Time;
use crate::ring::token_bucket::TokenBucket;

/// So many connections of one address at once. Every node of a ring may be on one machine.
const BURST: u32 = 64;

/// After the burst, one connection of an address in this part of a lease: a process whose name is taken
/// dials three times a lease and must be told so each time, and several may have one address.
const PART_OF_LEASE: u32 = 16;

/// The shortest and the longest time for one connection of an address.
const INTERVALS: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(50)];

/// So many addresses are told apart.
const MOST_ADDRESSES: usize = 256;

/// The token buckets of the addresses that opened connections recently.
pub(super) struct Admission {
    interval: Duration,
    buckets: BTreeMap<IpAddr, TokenBucket>,
}

impl Admission {
    pub(super) fn new(lease: Duration) -> Self {
        let [shortest, longest] = INTERVALS;
        Self {
            interval: (lease / PART_OF_LEASE).clamp(shortest, longest),
            buckets: BTreeMap::new(),
        }
    }

    /// Whether a new connection from that address may be served.
    pub(super) fn admit(&mut self, now: Time, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if !self.buckets.contains_key(&address) && self.buckets.len() >= MOST_ADDRESSES {
            self.make_room(now);
        }
        let interval = self.interval;
        let bucket = self.buckets.entry(address);
        bucket
            .or_insert_with(|| TokenBucket::new(BURST, interval))
            .try_take(now)
    }

    /// Gives the address its whole burst again: a peer of the ring has connected from there.
    pub(super) fn on_link(&mut self, address: IpAddr) {
        self.buckets.remove(&address.to_canonical());
    }

    /// Forgets the addresses that have earned everything back. If there are none, forgets the one that is
    /// nearest to it: with many addresses one can get round this limit, but nobody can use it to keep a
    /// peer out.
    fn make_room(&mut self, now: Time) {
        self.buckets.retain(|_, bucket| bucket.full_at() > now);
        if self.buckets.len() >= MOST_ADDRESSES {
            let nearest = self
                .buckets
                .iter()
                .min_by_key(|(_, bucket)| bucket.full_at());
            if let Some(address) = nearest.map(|(address, _)| *address) {
                self.buckets.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_millis(500);

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    fn admitted(admission: &mut Admission, now: Time, from: u32, tried: u32) -> u32 {
        let admit = |_: &u32| admission.admit(now, address(from));
        u32::try_from((0..tried).filter(admit).count()).unwrap()
    }

    #[test]
    fn a_flood_from_one_address_is_cut_and_no_other_address_is() {
        let mut admission = Admission::new(LEASE);
        assert_eq!(admitted(&mut admission, at(0), 1, 10_000), BURST);
        // A second later: one for each sixteenth of a lease.
        assert_eq!(admitted(&mut admission, at(1_000), 1, 10_000), 32);
        assert_eq!(admitted(&mut admission, at(1_000), 2, 10), 10);
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert!(!admission.admit(at(1_000), mapped), "another spelling");
        admission.on_link(address(1));
        assert_eq!(admitted(&mut admission, at(1_000), 1, 10), 10);
    }

    #[test]
    fn processes_whose_name_is_taken_may_dial_as_often_as_they_must() {
        for millis in [50, 500, 60_000] {
            let lease = Duration::from_millis(millis);
            let interval = Admission::new(lease).interval;
            // Two of them at one address, each three times a lease, and a fifth sooner by jitter.
            assert!(interval * 2 <= (lease / 3).mul_f64(0.8), "{interval:?}");
        }
        assert_eq!(
            Admission::new(LEASE).interval,
            Duration::from_micros(31_250)
        );
    }

    #[test]
    fn many_addresses_take_bounded_memory_and_keep_no_peer_out() {
        let mut admission = Admission::new(LEASE);
        for number in 0..10_000 {
            admitted(&mut admission, at(0), number, 2);
            assert!(admission.buckets.len() <= MOST_ADDRESSES);
        }
        assert_eq!(admitted(&mut admission, at(0), 20_000, 10), 10);
        // Whoever has used up a whole burst is forgotten last.
        let mut admission = Admission::new(LEASE);
        assert_eq!(admitted(&mut admission, at(0), 1, 1_000), BURST);
        for number in 2..1_000 {
            admitted(&mut admission, at(0), number, 1);
        }
        assert_eq!(admitted(&mut admission, at(0), 1, 10), 0);
        // Addresses that are silent are forgotten.
        admitted(&mut admission, at(60_000), 3_000, 1);
        assert_eq!(admission.buckets.len(), 1);
    }
}
