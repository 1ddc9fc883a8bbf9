//! LED off first, then the message: no pass goes out while its sender's LED is on.

use carom::ring::{Message, Output};

use super::{Checker, Step};
use crate::world::World;

/// Checks the order of the outputs of every node.
pub(crate) struct Order;

impl Checker for Order {
    fn name(&self) -> &'static str {
        "order"
    }

    fn check(&mut self, _world: &World, step: &Step<'_>) -> Result<(), String> {
        let Step::Handled { host, outputs, .. } = step else {
            return Ok(());
        };
        for (place, output) in outputs.iter().enumerate() {
            let Output::Send {
                message: Message::Pass(pass),
                ..
            } = output
            else {
                continue;
            };
            let dark =
                |later: &Output| matches!(later, Output::LedOff(gone) if gone.ball == pass.ball);
            if outputs[place..].iter().any(dark) {
                return Err(format!(
                    "pi{} passes ball {} before its LED is off",
                    host + 1,
                    pass.ball
                ));
            }
        }
        Ok(())
    }
}
