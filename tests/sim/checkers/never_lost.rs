//! P2: while a majority can talk, every ball is possessed again within the bound, newest state kept.
//!
//! Two bounds. The promised one counts from the death of a holder in a settled ring: 1.25 leases and
//! a round trip where nodes are few, unless a vote is split. The other counts from any dark moment
//! in a whole island, whatever went before.

use std::collections::HashMap;

use carom::ring::{Notification, Output, Stamp};

use super::{Checker, Step};
use crate::clock::Nanos;
use crate::host::index;
use crate::islands::Island;
use crate::plan::Plan;
use crate::windows::has_windows;
use crate::world::World;

/// Leases within which a whole island has its ball back, whatever went before.
const RECOVERY_QUARTERS: u64 = 12;

/// What is watched of one island.
struct Watch {
    id: u64,
    /// By ball: since when nobody of the island has it, and the bound that holds.
    dark: Vec<Option<(Nanos, Nanos)>>,
}

/// Watches every island that should have every ball.
pub(crate) struct NeverLost {
    watches: Vec<Watch>,
    /// Possession that ended with a process just now, in an island that was settled: by ball.
    death: Vec<Option<Nanos>>,
    /// The hop that a majority knew when this candidacy began.
    known: HashMap<(usize, usize), u64>,
    recovery: Nanos,
    promised: Nanos,
}

impl NeverLost {
    pub(crate) fn new(plan: &Plan) -> Self {
        let lease = plan.lease();
        // A ring so large or slow that a quarter of a lease is too short for all to take turns
        // needs a round trip a turn.
        let nodes = plan.topology.nodes.len() as u64;
        let turns = (lease / 4).max(2 * plan.one_way() * nodes);
        Self {
            watches: Vec::new(),
            death: vec![None; plan.topology.balls.len()],
            known: HashMap::new(),
            recovery: lease * RECOVERY_QUARTERS / 4,
            promised: lease + turns + 2 * plan.one_way() + lease / 100,
        }
    }

    /// Whether this island must have every ball: enough nodes.
    fn is_bound(world: &World, island: &Island) -> bool {
        let plan = &world.plan;
        plan.plays_on() || island.members.len() >= plan.majority()
    }

    fn reshape(&mut self, world: &World) {
        let balls = world.last.len();
        let mut watches = Vec::new();
        for island in world
            .islands
            .iter()
            .filter(|island| Self::is_bound(world, island))
        {
            let before = self.watches.iter().position(|watch| watch.id == island.id);
            watches.push(match before {
                Some(place) => self.watches.swap_remove(place),
                None => Watch {
                    id: island.id,
                    dark: (0..balls)
                        .map(|ball| {
                            let bound = match self.death[ball] {
                                Some(at) if at == world.now => self.promised,
                                _ => self.recovery,
                            };
                            (!has(world, island, ball)).then_some((world.now, bound))
                        })
                        .collect(),
                },
            });
        }
        self.watches = watches;
    }

    /// The hop of the newest state that a majority knows: whoever wins now goes on from it or a newer.
    fn majority_knows(world: &World, ball: usize) -> u64 {
        let known = |host: &crate::host::Host| {
            let node = &host.process.as_ref()?.node;
            node.ball_views().nth(ball)?.stamp
        };
        let mut stamps: Vec<Option<Stamp>> = world.hosts.iter().map(known).collect();
        stamps.sort_unstable();
        stamps.reverse();
        // A newer state may have a lower hop, where a majority had forgotten the older one.
        let newer = stamps.iter().take(world.plan.majority());
        newer
            .map(|stamp| stamp.map_or(0, |stamp| stamp.hop))
            .min()
            .unwrap_or(0)
    }

    fn nothing_dark_too_long(&self, world: &World) -> Result<(), String> {
        let Some(clear) = clear_since(world) else {
            return Ok(());
        };
        for watch in &self.watches {
            for (ball, dark) in watch.dark.iter().enumerate() {
                let Some((dark, bound)) = *dark else { continue };
                // What went wrong on the way since then starts the count anew.
                let (since, bound) = if clear > dark {
                    (clear, self.recovery)
                } else {
                    (dark, bound)
                };
                if world.now > since + bound {
                    let leases = (world.now - since) as f64 / world.plan.lease() as f64;
                    return Err(format!(
                        "nobody has had ball {} for {leases:.3} leases",
                        ball + 1
                    ));
                }
            }
        }
        Ok(())
    }

    /// Notes whether somebody in the host's island has the ball.
    fn look_at(&mut self, world: &World, host: usize, ball: usize) {
        if ball >= world.last.len() {
            // A guest may leave.
            return;
        }
        for watch in &mut self.watches {
            let island = world.islands.iter().find(|island| island.id == watch.id);
            if let Some(island) = island.filter(|island| island.members.contains(&host)) {
                let dark = (!has(world, island, ball)).then_some((world.now, self.recovery));
                watch.dark[ball] = dark.map(|dark| watch.dark[ball].unwrap_or(dark));
            }
        }
    }

    /// Two stood at once and neither won: they try again, a random while later.
    fn vote_split(&mut self, note: &Notification) {
        if let Notification::ElectionLost { ball, .. } = note {
            for watch in &mut self.watches {
                if let Some(Some((_, bound))) = watch.dark.get_mut(index(*ball)) {
                    *bound = self.recovery;
                }
            }
        }
    }

    fn newest_kept(
        &mut self,
        world: &World,
        host: usize,
        note: &Notification,
    ) -> Result<(), String> {
        if world.plan.plays_on() {
            return Ok(());
        }
        match note {
            // Under a guest's identity another may come, from hop 0.
            Notification::ElectionStarted { ball, .. } | Notification::ElectionWon { ball, .. }
                if index(*ball) >= world.last.len() => {}
            Notification::ElectionStarted { ball, .. } => {
                let hop = Self::majority_knows(world, index(*ball));
                self.known.insert((host, index(*ball)), hop);
            }
            Notification::ElectionWon { ball, .. } => {
                let led = world.hosts[host].possesses(index(*ball), world.now);
                let hop = led.map_or(u64::MAX, |led| led.stamp.hop);
                let known = self.known.remove(&(host, index(*ball))).unwrap_or(0);
                if hop < known {
                    return Err(format!(
                        "pi{} goes on with ball {ball} from hop {hop}, a majority knew {known}",
                        host + 1
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Since when the air has been quick enough for an election to end, if it is now.
pub(crate) fn clear_since(world: &World) -> Option<Nanos> {
    let plan = &world.plan;
    // A candidate waits an eighth of a lease for answers.
    let quick = 2 * plan.one_way() < plan.lease() / 10;
    let since = world.net.disturbed_until;
    (quick && world.now >= since).then_some(since)
}

/// Whether the island and the air have been well for this long.
pub(crate) fn settled(world: &World, island: &Island, span: Nanos) -> bool {
    clear_since(world).is_some_and(|since| world.now >= since.max(island.since) + span)
}

fn has(world: &World, island: &Island, ball: usize) -> bool {
    island
        .members
        .iter()
        .any(|&host| world.hosts[host].possesses(ball, world.now).is_some())
}

impl Checker for NeverLost {
    fn name(&self) -> &'static str {
        "P2 never lost"
    }

    fn see(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        match step {
            Step::Handled { host, outputs, .. } => {
                for output in *outputs {
                    match output {
                        Output::LedOn(possession) | Output::LedOff(possession) => {
                            self.look_at(world, *host, index(possession.ball));
                        }
                        Output::Notify(note) => {
                            self.vote_split(note);
                            self.newest_kept(world, *host, note)?;
                        }
                        _ => {}
                    }
                }
                if has_windows(&world.plan) {
                    // A loan begins and ends without a word to the LED.
                    (0..world.last.len()).for_each(|ball| self.look_at(world, *host, ball));
                }
            }
            Step::Gone {
                host,
                lit,
                drained: false,
            } => {
                let settled = world.islands.iter().any(|island| {
                    island.members.contains(host) && settled(world, island, self.recovery)
                });
                for (death, &lit) in self.death.iter_mut().zip(*lit) {
                    *death = (lit && settled && !world.plan.plays_on()).then_some(world.now);
                }
            }
            Step::Reshaped => self.reshape(world),

            Step::Gone { .. } | Step::Time | Step::Drain { .. } => {}
        }
        self.nothing_dark_too_long(world)
    }
}
