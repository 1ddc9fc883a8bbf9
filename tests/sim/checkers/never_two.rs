//! P1: at no moment do two nodes possess one ball.
//!
//! Where islands play on, the promise holds within an island once it has settled.

use super::never_lost::settled;
use super::{Checker, Step};
use crate::plan::Plan;
use crate::world::World;

/// Checks that at most one node possesses each ball.
pub(crate) struct NeverTwo {
    everyone: Vec<usize>,
}

impl NeverTwo {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            everyone: (0..plan.topology.nodes.len()).collect(),
        }
    }
}

impl Checker for NeverTwo {
    fn name(&self) -> &'static str {
        "P1 never two"
    }

    fn check(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        match step {
            // Every LED that is on is checked, not only a new one: a stopped process must switch its off first.
            Step::Handled { host, .. } if !world.plan.plays_on() => {
                let Some(process) = &world.hosts[*host].process else {
                    return Ok(());
                };
                for (ball, led) in process.leds.iter().enumerate() {
                    if led.is_some() {
                        one_at_most(world, &self.everyone, ball)?;
                    }
                }
            }
            Step::Time if world.plan.plays_on() => {
                // When two islands meet, the older ball ends with the first renewal of the newer one.
                let settling = 2 * world.plan.lease();
                for island in &world.islands {
                    if settled(world, island, settling) {
                        let guests = usize::from(world.plan.topology.external_balls.guests);
                        for ball in 0..world.last.len() + guests {
                            one_at_most(world, &island.members, ball)?;
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn one_at_most(world: &World, hosts: &[usize], ball: usize) -> Result<(), String> {
    let mut having = hosts
        .iter()
        .filter(|&&host| world.hosts[host].possesses(ball, world.now).is_some());
    match (having.next(), having.next()) {
        (Some(one), Some(two)) => Err(format!(
            "pi{} and pi{} both have ball {}",
            one + 1,
            two + 1,
            ball + 1
        )),
        _ => Ok(()),
    }
}
