//! What must never happen: one promise a file, each shown every step.

pub mod bounds;
pub mod count;
pub mod drain;
pub mod monotone;
pub mod never_lost;
pub mod never_stuck;
pub mod never_two;

use carom::ring::{Input, Output};

use crate::clock::Nanos;
use crate::plan::Plan;
use crate::world::World;

/// What just happened, after it happened.
#[derive(Debug)]
pub enum Step<'a> {
    /// A node heard this and said that, and it is carried out.
    Handled {
        host: usize,
        input: &'a Input,
        outputs: &'a [Output],
    },
    /// A process is about to be told to leave.
    Drain { host: usize },
    /// A process is gone; which LEDs it had on, by ball.
    Gone {
        host: usize,
        lit: &'a [bool],
        drained: bool,
    },
    /// The islands are others than before.
    Reshaped,
    /// Nothing but that it is later.
    Time,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub promise: &'static str,
    pub what: String,
    pub at: Nanos,
}

/// Watches one promise.
pub trait Checker {
    /// Which.
    fn name(&self) -> &'static str;

    /// Sees one step; an error is a sentence that says how the promise was broken.
    fn see(&mut self, world: &World, step: &Step<'_>) -> Result<(), String>;
}

/// One checker of each kind.
pub fn all(plan: &Plan) -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(never_two::NeverTwo::new(plan)),
        Box::new(never_lost::NeverLost::new(plan)),
        Box::new(never_stuck::NeverStuck::default()),
        Box::new(monotone::Monotone::new(plan)),
        Box::new(count::Count),
        Box::new(drain::Drain::default()),
        Box::new(bounds::Bounds::new(plan)),
    ]
}
