//! There are as many balls as the ring file says: at every node, and at the end in the whole ring.

use carom::ring::Input;

use super::never_lost::clear_since;
use super::{Checker, Step};
use crate::world::World;

/// Counts.
pub(crate) struct Count;

impl Checker for Count {
    fn name(&self) -> &'static str {
        "number of balls"
    }

    fn see(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
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
                    "pi{} knows {known} balls, the file says {balls}",
                    host + 1
                ));
            }
        }
        let quarter = world.plan.lease() / 4;
        if matches!(step, Step::Time)
            && world.now + quarter > world.plan.ends
            && clear_since(world).is_some()
        {
            // Each LED on is another ball's, or P1 is broken; none may be missing but on its way.
            let whole =
                world.islands.len() == 1 && world.islands[0].members.len() == world.hosts.len();
            if !whole {
                return Err("the calm did not make the ring whole again".to_owned());
            }
        }
        Ok(())
    }
}
