//! P2: while a majority can talk, every ball is possessed again within the bound, newest state kept.
//!
//! Two bounds. The promised one counts from the death of a holder in a settled ring: 1.25 leases and
//! one and a half round trips where nodes are few, unless an election is lost (`docs/LIVENESS.md`).
//! The other counts from any moment without an LED in a whole island, whatever went before.

use std::collections::HashMap;

use carom::ring::{NodeId, Notification, Output, Stamp};

use super::{Checker, Step};
use crate::clock::Nanos;
use crate::host::index;
use crate::islands::Island;
use crate::plan::Plan;
use crate::windows::has_windows;
use crate::world::World;

/// Within so many quarters of a lease a whole island has its ball back, whatever went before.
const RECOVERY_QUARTERS: u64 = 12;

/// The state of one island.
struct Watch {
    id: u64,
    /// By ball: since when nobody of the island has it, and the bound that applies.
    dark: Vec<Option<(Nanos, Nanos)>>,
}

/// Watches every island that should have every ball.
pub(crate) struct NeverLost {
    watches: Vec<Watch>,
    /// Possession that ended with a process just now, in an island that was settled: by ball.
    death: Vec<Option<Nanos>>,
    /// By host and ball: the hop that a majority knew when the election began.
    known: HashMap<(usize, usize), u64>,
    recovery: Nanos,
    promised: Nanos,
}

impl NeverLost {
    pub(crate) fn new(plan: &Plan) -> Self {
        let lease = plan.lease();
        // In a large or slow ring the stagger of all candidates is longer than a quarter of a
        // lease: a round trip for each.
        let nodes = plan.topology.nodes.len() as u64;
        let turns = (lease / 4).max(2 * plan.one_way() * nodes);
        Self {
            watches: Vec::new(),
            death: vec![None; plan.topology.balls.len()],
            known: HashMap::new(),
            recovery: lease * RECOVERY_QUARTERS / 4,
            // The last request of the holder is on its way, then a candidate's, then the answers.
            promised: lease + turns + 3 * plan.one_way() + lease / 100,
        }
    }

    /// Whether this island must have every ball: enough voters.
    fn is_bound(world: &World, island: &Island) -> bool {
        let plan = &world.plan;
        plan.plays_on() || plan.is_majority(island.members.iter().copied())
    }

    fn on_islands_changed(&mut self, world: &World) {
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

    /// The hop of the newest state that a majority of the voters knows: the candidate must go on from it or a newer one.
    fn hop_known_by_majority(world: &World, candidate: usize, ball: usize) -> u64 {
        let topology = &world.plan.topology;
        let stamp = |host: usize| {
            let node = &world.hosts[host].process.as_ref()?.node;
            node.ball_views().nth(ball)?.stamp
        };
        let known = |voter: NodeId| stamp(voter.index());
        let mut stamps: Vec<Option<Stamp>> = topology.voter_ids().map(known).collect();
        stamps.sort_unstable();
        stamps.reverse();
        // A newer state may have a lower hop, where a majority had forgotten the older one. A candidate without a vote
        // may be the only one that knows it.
        let own = stamp(candidate);
        let newer = stamps.iter().take(world.plan.majority());
        if own > newer.clone().copied().max().flatten() {
            return own.map_or(0, |stamp| stamp.hop);
        }
        newer
            .map(|stamp| stamp.map_or(0, |stamp| stamp.hop))
            .min()
            .unwrap_or(0)
    }

    fn check_bounds(&self, world: &World) -> Result<(), String> {
        let Some(clear) = undisturbed_since(world) else {
            return Ok(());
        };
        for watch in &self.watches {
            for (ball, dark) in watch.dark.iter().enumerate() {
                let Some((dark, bound)) = *dark else { continue };
                // A disturbance of the network since then restarts the count.
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
    fn update_dark(&mut self, world: &World, host: usize, ball: usize) {
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

    /// Two were candidates at once and neither won: they retry after a random back-off.
    fn on_split_vote(&mut self, note: &Notification) {
        if let Notification::ElectionLost { ball, .. } = note {
            for watch in &mut self.watches {
                if let Some(Some((_, bound))) = watch.dark.get_mut(index(*ball)) {
                    *bound = self.recovery;
                }
            }
        }
    }

    fn check_newest_state(
        &mut self,
        world: &World,
        host: usize,
        note: &Notification,
    ) -> Result<(), String> {
        if world.plan.plays_on() {
            return Ok(());
        }
        match note {
            // Another guest may use the identity, and starts at hop 0.
            Notification::ElectionStarted { ball, .. } | Notification::ElectionWon { ball, .. }
                if index(*ball) >= world.last.len() => {}
            Notification::ElectionStarted { ball, .. } => {
                let hop = Self::hop_known_by_majority(world, host, index(*ball));
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

/// Since when the network has been undisturbed, if it is now and is fast enough for an election.
pub(crate) fn undisturbed_since(world: &World) -> Option<Nanos> {
    let plan = &world.plan;
    // A candidate waits an eighth of a lease for answers.
    let quick = 2 * plan.one_way() < plan.lease() / 10;
    let since = world.net.disturbed_until;
    (quick && world.now >= since).then_some(since)
}

/// Whether the island and the network have been undisturbed for this long.
pub(crate) fn settled(world: &World, island: &Island, span: Nanos) -> bool {
    undisturbed_since(world).is_some_and(|since| world.now >= since.max(island.since) + span)
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

    fn check(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        match step {
            Step::Handled { host, outputs, .. } => {
                for output in *outputs {
                    match output {
                        Output::LedOn(possession) | Output::LedOff(possession) => {
                            self.update_dark(world, *host, index(possession.ball));
                        }
                        Output::Notify(note) => {
                            self.on_split_vote(note);
                            self.check_newest_state(world, *host, note)?;
                        }
                        _ => {}
                    }
                }
                if has_windows(&world.plan) {
                    // A loan begins and ends without a change of the LED.
                    (0..world.last.len()).for_each(|ball| self.update_dark(world, *host, ball));
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
            Step::IslandsChanged => self.on_islands_changed(world),

            Step::Started { .. } | Step::Gone { .. } | Step::Time | Step::Drain { .. } => {}
        }
        self.check_bounds(world)
    }
}
