//! There are as many balls as the ring file says: at every node, and at the end in the whole ring.

use carom::ring::Input;

use super::never_lost::undisturbed_since;
use super::{Checker, Step};
use crate::world::World;

/// Checks the number of balls.
pub(crate) struct Count;

impl Checker for Count {
    fn name(&self) -> &'static str {
        "number of balls"
    }

    fn check(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        let balls = world.plan.topology.balls.len();
        if let Step::Handled {
            host,
            input: Input::Tick | Input::LinkUp { .. },
            ..
        } = step
            && let Some(process) = &world.hosts[*host].process
        {
            let known = process.node.ball_views().filter(|view| !view.guest).count();
            if known != balls {
                return Err(format!(
                    "pi{} knows {known} balls, the ring file says {balls}",
                    host + 1
                ));
            }
        }
        let quarter = world.plan.lease() / 4;
        if matches!(step, Step::Time)
            && world.now + quarter > world.plan.ends
            && undisturbed_since(world).is_some()
        {
            // P1 is checked elsewhere; here the ring must be whole again, so that no ball can be missing.
            let whole =
                world.islands.len() == 1 && world.islands[0].members.len() == world.hosts.len();
            if !whole {
                return Err("the ring was not whole again after the faults ended".to_owned());
            }
        }
        Ok(())
    }
}
