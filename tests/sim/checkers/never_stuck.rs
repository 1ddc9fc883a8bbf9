//! P3: a ball in a settled island moves on, to the next node that is there.

use carom::ring::{Direction, Message, NodeId, Output};

use super::never_lost::settled;
use super::{Checker, Step};
use crate::clock::Nanos;
use crate::islands::Island;
use crate::windows::has_windows;
use crate::world::World;

/// Leases after which an island knows who is in it and has its ball.
const SETTLED_LEASES: u64 = 1;

/// Checks passes, and how long a node keeps a ball.
#[derive(Default)]
pub(crate) struct NeverStuck {
    next_look: Nanos,
}

impl NeverStuck {
    fn island(world: &World, host: usize) -> Option<&Island> {
        let span = SETTLED_LEASES * world.plan.lease();
        let mut islands = world.islands.iter();
        islands
            .find(|island| island.members.contains(&host) && settled(world, island, span))
            .filter(|island| {
                let plan = &world.plan;
                plan.plays_on() || plan.is_majority(island.members.iter().copied())
            })
    }

    /// No pass skips a node of the island.
    fn check_no_node_skipped(
        world: &World,
        host: usize,
        to: NodeId,
        direction: Direction,
    ) -> Result<(), String> {
        let Some(island) = Self::island(world, host) else {
            return Ok(());
        };
        let leaving = |&host: &usize| {
            world.hosts[host]
                .awake()
                .is_some_and(|process| process.draining)
        };
        if world.links_changed || island.members.iter().any(leaving) {
            // A link opened or closed in this very step, or a node is leaving: nothing promises that
            // the sender knows of it already.
            return Ok(());
        }
        // A receiver that was stopped a moment ago is no longer there, and the sender cannot know:
        // only a node before it was skipped.
        let there = |&node: &NodeId| node == to || island.members.contains(&node.index());
        let onward = world
            .plan
            .topology
            .onward(NodeId(host as u16), direction)
            .find(there);
        match onward {
            Some(next) if next != to => Err(format!(
                "pi{} sent its ball past pi{} to pi{}",
                host + 1,
                next.0 + 1,
                to.0 + 1
            )),
            _ => Ok(()),
        }
    }

    /// No node keeps a ball longer than it takes to fly there and back, and to renew its lease.
    fn check_nobody_keeps(world: &World) -> Result<(), String> {
        for (host, node) in world.hosts.iter().enumerate() {
            let Some(process) = node.process.as_ref() else {
                continue;
            };
            for (ball, led) in process.leds.iter().enumerate() {
                let Some(led) = led else { continue };
                // A ball may bounce off a closed window for ever.
                let Some(initial) = process
                    .topology
                    .balls
                    .get(ball)
                    .filter(|_| !has_windows(&world.plan))
                else {
                    continue;
                };
                let speed = initial.state.velocity[0].abs();
                let crossing = process.topology.screen.width / speed * 1e9;
                let Some(island) = Self::island(world, host) else {
                    continue;
                };
                if !crossing.is_finite() || island.members.len() < 2 {
                    continue;
                }
                let most = (crossing * 2.1) as Nanos + (2 + SETTLED_LEASES) * world.plan.lease();
                if world.now > led.since.max(island.since) + most {
                    return Err(format!(
                        "pi{} keeps ball {} and does not pass it on",
                        host + 1,
                        ball + 1
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Checker for NeverStuck {
    fn name(&self) -> &'static str {
        "P3 never stuck"
    }

    fn check(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        if let Step::Handled { host, outputs, .. } = step {
            for output in *outputs {
                if let Output::Send {
                    to,
                    message: Message::Pass(pass),
                } = output
                {
                    let process = world.hosts[*host].process.as_ref();
                    if process.is_some_and(|process| !process.draining) {
                        Self::check_no_node_skipped(
                            world,
                            *host,
                            *to,
                            pass.record.state.direction(),
                        )?;
                    }
                }
            }
        }
        if world.now >= self.next_look {
            self.next_look = world.now + world.plan.lease() / 4;
            Self::check_nobody_keeps(world)?;
        }
        Ok(())
    }
}
