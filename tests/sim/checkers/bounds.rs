//! Nothing grows without bound: the outputs of one input, the messages of a node in a lease, timers.

use carom::ring::{Input, Message, Output};

use super::{Checker, Step};
use crate::clock::Nanos;
use crate::plan::Plan;
use crate::world::World;

/// More ticks than this in a row at one moment are a busy loop.
const MOST_TICKS: u32 = 50;

/// The most messages, without passes, from a node to one peer in a lease, per ball.
const MOST_LINES_A_LEASE: u64 = 40;

/// Counts per node.
#[derive(Clone, Default)]
struct Tally {
    at: Nanos,
    ticks: u32,
    lease: u64,
    lines: u64,
}

/// Watches every node.
pub(crate) struct Bounds {
    tallies: Vec<Tally>,
}

impl Bounds {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            tallies: vec![Tally::default(); plan.topology.nodes.len()],
        }
    }
}

/// Messages that the node sends of its own accord: neither passes nor answers.
fn lines(output: &Output, nodes: u64) -> u64 {
    match output {
        Output::Broadcast(_) | Output::Multicast { .. } => nodes,
        Output::Send {
            message: Message::Heartbeat { .. } | Message::Acquire { .. } | Message::Leaving,
            ..
        } => 1,
        _ => 0,
    }
}

impl Checker for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
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
        let (nodes, balls) = (world.hosts.len() as u64, world.last.len() as u64);
        if outputs.len() as u64 > 2 * nodes + 8 * balls + 8 {
            return Err(format!(
                "pi{} answered {input:?} with {} outputs",
                host + 1,
                outputs.len()
            ));
        }
        let tally = &mut self.tallies[*host];
        let again = world.now == tally.at && matches!(input, Input::Tick);
        tally.ticks = if again { tally.ticks + 1 } else { 0 };
        tally.at = world.now;
        if tally.ticks > MOST_TICKS {
            return Err(format!("pi{} busy-loops", host + 1));
        }
        let lease = world.now / world.plan.lease();
        if tally.lease != lease {
            tally.lease = lease;
            tally.lines = 0;
        }
        tally.lines += outputs
            .iter()
            .map(|output| lines(output, nodes))
            .sum::<u64>();
        if tally.lines > MOST_LINES_A_LEASE * nodes * (balls + 1) {
            return Err(format!(
                "pi{} sent {} messages in one lease",
                host + 1,
                tally.lines
            ));
        }
        Ok(())
    }
}
