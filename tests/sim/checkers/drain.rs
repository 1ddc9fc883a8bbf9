//! P3: a planned stop in a settled ring needs no election, and no gap longer than a pass.

use carom::ring::{BallId, Notification, Output};

use super::never_lost::settled;
use super::{Checker, Step};
use crate::clock::Nanos;
use crate::host::index;
use crate::islands::{Island, linked};
use crate::windows::has_windows;
use crate::world::World;

/// Leases after which a ring is settled.
const SETTLED_LEASES: u64 = 3;

/// One planned stop.
struct Stop {
    host: usize,
    began: Nanos,
    left: Option<Nanos>,
    others: Vec<usize>,
}

/// Watches one planned stop at a time; any fault meanwhile ends the watch.
#[derive(Default)]
pub(crate) struct Drain {
    stop: Option<Stop>,
    dark: Vec<Option<Nanos>>,
}

impl Drain {
    fn begin(&mut self, world: &World, host: usize) {
        let plan = &world.plan;
        self.stop = None;
        if has_windows(plan) {
            // A window may then keep a ball for any time.
            return;
        }
        let settled = world.islands.iter().find(|island| {
            island.members.contains(&host)
                && settled(world, island, SETTLED_LEASES * plan.lease())
                && plan.is_majority(others(island, host))
        });
        let lit = |ball: usize| {
            world
                .hosts
                .iter()
                .any(|host| host.possesses(ball, world.now).is_some())
        };
        let all_lit = (0..world.last.len()).all(lit);
        if let Some(island) = settled
            && all_lit
        {
            self.dark = vec![None; world.last.len()];
            self.stop = Some(Stop {
                host,
                began: world.now,
                left: None,
                others: others(island, host).collect(),
            });
        }
    }

    fn note(&mut self, ball: BallId, dark: Option<Nanos>) {
        // Guests may come and go while a node leaves.
        if let Some(known) = self.dark.get_mut(index(ball)) {
            *known = dark;
        }
    }

    /// The longest time without an LED that one pass may take.
    fn longest_gap(world: &World) -> Nanos {
        world.plan.one_way() + world.plan.lateness + 1_000
    }

    fn check_stop(&self, world: &World) -> Result<(), String> {
        let Some(stop) = &self.stop else {
            return Ok(());
        };
        if stop.left.is_none()
            && world.now > stop.began + world.plan.lease() * 102 / 100 + world.plan.lateness
        {
            return Err(format!(
                "pi{} still runs a lease after it was told to leave",
                stop.host + 1
            ));
        }
        for (ball, dark) in self.dark.iter().enumerate() {
            if dark.is_some_and(|dark| world.now > dark + Self::longest_gap(world)) {
                return Err(format!(
                    "ball {} had no LED on while pi{} left",
                    ball + 1,
                    stop.host + 1
                ));
            }
        }
        Ok(())
    }
}

/// The other members of the host's island.
fn others(island: &Island, host: usize) -> impl Iterator<Item = usize> {
    let members = island.members.iter().copied();
    members.filter(move |&other| other != host)
}

fn pairs(hosts: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    let rest = |place: usize| hosts.iter().skip(place + 1);
    (hosts.iter().enumerate())
        .flat_map(move |(place, &one)| rest(place).map(move |&other| (one, other)))
}

impl Checker for Drain {
    fn name(&self) -> &'static str {
        "drain"
    }

    fn check(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        match step {
            Step::Drain { host } => self.begin(world, *host),
            Step::Gone { host, drained, .. } => {
                let now = world.now;
                match &mut self.stop {
                    Some(stop) if stop.host == *host && *drained => stop.left = Some(now),
                    _ => self.stop = None,
                }
            }
            Step::IslandsChanged => {
                let intact = self.stop.as_ref().is_some_and(|stop| {
                    let watched = world.now < stop.began + 2 * world.plan.lease();
                    let together = world.islands.iter().any(|island| {
                        stop.others
                            .iter()
                            .all(|other| island.members.contains(other))
                            && island.members.len() <= stop.others.len() + 1
                    });
                    // While the peers notice one after the other that the host has ended, no island is whole.
                    let parting = stop
                        .left
                        .is_some_and(|left| world.now <= left + 2 * world.plan.one_way())
                        && pairs(&stop.others).all(|(one, other)| linked(world, one, other));
                    let awake = |host: usize| world.hosts[host].awake().is_some();
                    // The next process of the host is not part of this planned stop.
                    let reborn = stop.left.is_some() && world.hosts[stop.host].process.is_some();
                    let all_awake = stop.others.iter().all(|&other| awake(other))
                        && (stop.left.is_some() || awake(stop.host));
                    watched && all_awake && !reborn && (together || parting)
                });
                if !intact {
                    self.stop = None;
                }
            }
            Step::Handled { outputs, .. } if self.stop.is_some() => {
                self.check_stop(world)?;
                for output in *outputs {
                    match output {
                        Output::LedOn(possession) => self.note(possession.ball, None),
                        Output::LedOff(possession) => self.note(possession.ball, Some(world.now)),
                        Output::Notify(Notification::ElectionWon {
                            ball, generation, ..
                        }) if index(*ball) < world.last.len() => {
                            return Err(format!(
                                "a planned stop caused an election for ball {ball}: now {generation}"
                            ));
                        }
                        _ => {}
                    }
                }
            }
            Step::Started { .. } | Step::Handled { .. } | Step::Time => {}
        }
        let began = self.stop.as_ref().map(|stop| stop.began);
        if began.is_some_and(|began| world.net.disturbed_until > began) {
            self.stop = None;
        }
        self.check_stop(world)
    }
}
