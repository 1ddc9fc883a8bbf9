//! P1: at no moment do two nodes possess one ball.
//!
//! Where islands play on, the promise holds within an island once it has settled.

use carom::ring::Output;

use super::never_lost::settled;
use super::{Checker, Step};
use crate::host::index;
use crate::world::World;

/// Nobody lights an LED while another has the same ball.
pub struct NeverTwo;

impl Checker for NeverTwo {
    fn name(&self) -> &'static str {
        "P1 never two"
    }

    fn see(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        match step {
            Step::Handled { outputs, .. } if !world.plan.plays_on() => {
                for output in *outputs {
                    if let Output::Light(possession) = output {
                        let everyone: Vec<usize> = (0..world.hosts.len()).collect();
                        one_at_most(world, &everyone, index(possession.ball))?;
                    }
                }
            }
            Step::Time if world.plan.plays_on() => {
                // When two islands meet, the older ball ends with the first renewal it hears.
                let settling = 2 * world.plan.lease();
                for island in &world.islands {
                    if settled(world, island, settling) {
                        for ball in 0..world.last.len() {
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
