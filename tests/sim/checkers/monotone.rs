//! `(generation, hop)` never decreases at any node while its process runs.

use carom::ring::{Input, Message, Stamp};

use super::{Checker, Step};
use crate::host::index;
use crate::plan::Plan;
use crate::world::World;

/// The newest stamp that each process has shown, by ball.
pub(crate) struct Monotone {
    seen: Vec<(u64, Vec<Option<Stamp>>)>,
}

impl Monotone {
    pub(crate) fn new(plan: &Plan) -> Self {
        let guests = usize::from(plan.topology.external_balls.guests);
        let (nodes, balls) = (
            plan.topology.nodes.len(),
            plan.topology.balls.len() + guests,
        );
        Self {
            seen: vec![(0, vec![None; balls]); nodes],
        }
    }
}

impl Checker for Monotone {
    fn name(&self) -> &'static str {
        "monotone"
    }

    fn check(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        let Step::Handled {
            host,
            input,
            outputs,
        } = step
        else {
            return Ok(());
        };
        let heartbeat = matches!(
            input,
            Input::Received {
                message: Message::Heartbeat { .. },
                ..
            }
        );
        if heartbeat && outputs.is_empty() {
            return Ok(());
        }
        let Some(process) = &world.hosts[*host].process else {
            return Ok(());
        };
        let (lifetime, stamps) = &mut self.seen[*host];
        if *lifetime != process.lifetime {
            *lifetime = process.lifetime;
            stamps.fill(None);
        }
        for shown in process.node.ball_views() {
            let seen = &mut stamps[index(shown.ball)];
            if shown.stamp < *seen {
                return Err(format!(
                    "pi{} went back with ball {} from {seen:?} to {:?}",
                    host + 1,
                    shown.ball,
                    shown.stamp
                ));
            }
            *seen = shown.stamp;
        }
        Ok(())
    }
}
