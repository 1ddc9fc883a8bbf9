//! Obituaries: the LED keeper of a killed process switches the LED off, and then tells the other nodes that it has ended.
//!
//! To some of them, at once or late, once or twice, or never. A machine that loses power tells nobody.

use carom::ring::{Incarnation, Input, NodeId};

use crate::clock::Nanos;
use crate::event_queue::Event;
use crate::host::Led;
use crate::plan::log_uniform;
use crate::world::World;

/// What the LED keepers of a run do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keepers {
    /// Nothing.
    #[default]
    Silent,
    /// Everyone hears at once, a network delay after the LED is off.
    Prompt,
    /// Some hear, some late, some twice.
    Erratic,
    /// A mistake: everyone hears at once, and the LED goes off later.
    Hasty,
}

impl Keepers {
    /// What those of a seed do. Its other random numbers stay the same.
    pub(crate) fn draw(seed: u64) -> Self {
        match fastrand::Rng::with_seed(seed ^ 0x0b17).u8(0..8) {
            0 => Self::Silent,
            1 | 2 => Self::Prompt,
            _ => Self::Erratic,
        }
    }
}

impl World {
    /// The process of a host was killed, with these LEDs on.
    pub(crate) fn on_killed(
        &mut self,
        host: usize,
        incarnation: Incarnation,
        lit: Vec<Option<Led>>,
    ) {
        let keepers = self.plan.keepers;
        let (lease, one_way) = (self.plan.lease(), self.plan.one_way());
        let random = &mut self.obituaries;
        let dark = match keepers {
            Keepers::Silent => return,
            Keepers::Hasty => lease / 20,
            Keepers::Prompt => 10_000,
            Keepers::Erratic => log_uniform(random, 1_000, lease / 20),
        };
        let (now, life) = (self.now, (host, incarnation));
        let mut told = Vec::new();
        for to in (0..self.hosts.len()).filter(|&to| to != host) {
            let at = match keepers {
                Keepers::Hasty => Some(now),
                _ => Some(now + dark + random.u64(one_way / 2..=one_way)),
            };
            let at = match keepers {
                Keepers::Erratic => match random.u8(0..16) {
                    0 | 1 => None,
                    2 | 3 => at.map(|at| at + random.u64(0..=2 * lease)),
                    4 => at.map(|at| at + random.u64(0..=lease / 10)),
                    _ => at,
                },
                _ => at,
            };
            let twice = keepers == Keepers::Erratic && random.u8(0..4) == 0;
            let again = twice.then(|| now + dark + random.u64(0..=4 * lease));
            told.extend(
                at.into_iter()
                    .chain(again.filter(|_| at.is_some()))
                    .map(|at| (at, to)),
            );
        }
        for (at, to) in told {
            self.schedule(at, Event::Obituary { to, life });
        }
        let off = now + dark;
        let glow = lit.into_iter().map(|led| {
            led.map(|led| Led {
                // The keeper looks at the deadline, too.
                expires: Some(led.expires.map_or(off, |expires| expires.min(off))),
                ..led
            })
        });
        self.hosts[host].glow = glow.collect();
    }

    /// An obituary comes; a process that is stopped reads it later.
    pub(crate) fn on_obituary(&mut self, to: usize, (host, incarnation): (usize, Incarnation)) {
        let is_stopped = self.hosts[to]
            .process
            .as_ref()
            .is_some_and(|process| process.stopped);
        if is_stopped {
            let later: Nanos = self.now + self.plan.lease() / 16;
            let life = (host, incarnation);
            self.schedule(later, Event::Obituary { to, life });
            return;
        }
        self.trace.add(self.now, Some(to), || {
            format!("hears that the process of pi{} has ended", host + 1)
        });
        let peer = NodeId(host as u16);
        self.handle(to, Input::Died { peer, incarnation });
    }
}

mod tests {
    use crate::plan::Plan;
    use crate::script::{LEASE, assert_no_failure, holder, holder_now, plan, started, wait};
    use crate::world::World;

    use super::Keepers;

    fn ring(nodes: usize, crossing: u64, keepers: Keepers) -> World {
        started(&Plan {
            keepers,
            ..plan(nodes, crossing)
        })
    }

    /// Kills the holder; how long nobody has the ball.
    fn dark(world: &mut World) -> u64 {
        let dead = holder_now(world);
        let killed = world.now;
        world.kill(dead, true);
        let back = world.run_to(killed + 2 * LEASE, |world| {
            holder(world).is_some_and(|host| host != dead)
        });
        assert!(back, "the ball is not back");
        assert_no_failure(world);
        world.now - killed
    }

    #[test]
    fn a_killed_holder_costs_a_few_round_trips() {
        for nodes in [3, 5, 7] {
            for crossing in [3 * LEASE, LEASE, LEASE / 5, LEASE / 40] {
                let mut spans = Vec::new();
                for moment in 0..12 {
                    let mut world = ring(nodes, crossing, Keepers::Prompt);
                    wait(&mut world, LEASE + moment * LEASE / 13);
                    spans.push(dark(&mut world));
                }
                spans.sort_unstable();
                // The obituary and three round trips, with messages that take 0.5 to 0.6 ms.
                let longest = spans.last().copied().unwrap_or_default();
                assert!(longest < LEASE / 100, "{nodes} nodes: {spans:?}");
            }
        }
    }

    #[test]
    fn a_keeper_that_tells_before_the_led_is_off_is_noticed() {
        let mut noticed = 0;
        for moment in 0..5 {
            let mut world = ring(3, LEASE, Keepers::Hasty);
            wait(&mut world, LEASE + moment * LEASE / 7);
            let dead = holder_now(&mut world);
            world.kill(dead, true);
            wait(&mut world, LEASE / 10);
            let failure = world.failure.as_ref();
            noticed +=
                usize::from(failure.is_some_and(|failure| failure.promise == "P1 never two"));
        }
        assert!(noticed > 0);
    }

    #[test]
    fn without_an_obituary_the_lease_decides() {
        let mut world = ring(5, LEASE, Keepers::Silent);
        wait(&mut world, LEASE);
        assert!(dark(&mut world) > LEASE / 2);
    }
}
