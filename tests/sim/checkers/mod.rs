//! What must never happen: one promise a file, each shown every step.

pub(crate) mod bounds;
pub(crate) mod count;
pub(crate) mod drain;
pub(crate) mod monotone;
pub(crate) mod never_lost;
pub(crate) mod never_stuck;
pub(crate) mod never_two;
pub(crate) mod order;

use carom::ring::{Input, Output};

use crate::clock::Nanos;
use crate::plan::Plan;
use crate::world::World;

/// What just happened, after it happened.
#[derive(Debug)]
pub(crate) enum Step<'a> {
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
pub(crate) struct Failure {
    pub(crate) promise: &'static str,
    pub(crate) what: String,
    pub(crate) at: Nanos,
}

/// Watches one promise.
pub(crate) trait Checker {
    /// Which.
    fn name(&self) -> &'static str;

    /// Sees one step; an error is a sentence that says how the promise was broken.
    fn see(&mut self, world: &World, step: &Step<'_>) -> Result<(), String>;
}

/// One checker of each kind.
pub(crate) fn all(plan: &Plan) -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(order::Order),
        Box::new(never_two::NeverTwo::new(plan)),
        Box::new(never_lost::NeverLost::new(plan)),
        Box::new(never_stuck::NeverStuck::default()),
        Box::new(monotone::Monotone::new(plan)),
        Box::new(count::Count),
        Box::new(drain::Drain::default()),
        Box::new(bounds::Bounds::new(plan)),
    ]
}
