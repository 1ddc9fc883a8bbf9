//! How many balls may come in within any one second, of one address and of all together.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use crate::ring::Time;

/// All addresses together may send this many times what one may.
pub(super) const ALL_ADDRESSES_FACTOR: usize = 4;

/// The moments of the balls of the last second, and the addresses they came from.
///
/// Not a token bucket: that would let through a whole burst and what it earns meanwhile, up to twice
/// the limit in its first second. Here the limit holds in every second, wherever it begins.
#[derive(Default)]
pub(super) struct SlidingWindow(pub(super) VecDeque<(Time, IpAddr)>);

impl SlidingWindow {
    /// Whether one more ball may come in: at most `limit` in a second from its address, and
    /// [`ALL_ADDRESSES_FACTOR`] times as many from all addresses together.
    pub(super) fn admit(&mut self, now: Time, from: IpAddr, limit: usize) -> bool {
        let has_left = |(then, _): &(Time, IpAddr)| now.since(*then) >= Duration::from_secs(1);
        while self.0.front().is_some_and(has_left) {
            self.0.pop_front();
        }
        let of_address = self.0.iter().filter(|(_, peer)| *peer == from).count();
        let admitted = of_address < limit && self.0.len() < limit * ALL_ADDRESSES_FACTOR;
        if admitted {
            self.0.push_back((now, from));
        }
        admitted
    }
}
