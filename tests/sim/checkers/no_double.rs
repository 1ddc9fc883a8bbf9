//! Rule 11 has nothing to do where nobody lies and no memory is corrupt: no ball has a double.
//!
//! Without this, a mistake in the other rules could hide behind the repair of what it does.

use carom::ring::{Notification, Output};

use super::{Checker, Step};
use crate::world::World;

/// Checks that no node drops a double.
pub(crate) struct NoDouble;

impl Checker for NoDouble {
    fn name(&self) -> &'static str {
        "no double"
    }

    fn check(&mut self, _world: &World, step: &Step<'_>) -> Result<(), String> {
        let Step::Handled { host, outputs, .. } = step else {
            return Ok(());
        };
        for output in *outputs {
            if let Output::Notify(Notification::DoubleDropped { ball, .. }) = output {
                return Err(format!("pi{} drops a double of ball {ball}", host + 1));
            }
        }
        Ok(())
    }
}
