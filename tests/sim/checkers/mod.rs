//! The checkers: one promise in each file, checked at every step.

pub(crate) mod bounds;
pub(crate) mod count;
pub(crate) mod drain;
pub(crate) mod monotone;
pub(crate) mod never_lost;
pub(crate) mod never_stuck;
pub(crate) mod never_two;
pub(crate) mod no_double;
pub(crate) mod order;
pub(crate) mod refinement;

use carom::ring::{Input, Output};

use crate::clock::Nanos;
use crate::plan::Plan;
use crate::world::World;

/// A step that has just been taken.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// A node handled an input, and its outputs were carried out.
    Handled {
        host: usize,
        input: &'a Input,
        outputs: &'a [Output],
    },
    /// A process has been started.
    Started { host: usize },
    /// A process is about to be told to leave.
    Drain { host: usize },
    /// A process has ended; which LEDs it had on, by ball.
    Gone {
        host: usize,
        lit: &'a [bool],
        drained: bool,
    },
    /// The islands have changed.
    IslandsChanged,
    /// Time has advanced.
    Time,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) promise: &'static str,
    pub(crate) what: String,
    pub(crate) at: Nanos,
}

/// Checks one promise.
pub(crate) trait Checker {
    /// The name of the promise.
    fn name(&self) -> &'static str;

    /// Checks one step; an error is a sentence that says how the promise was broken.
    fn check(&mut self, world: &World, step: &Step<'_>) -> Result<(), String>;
}

/// One checker of each kind.
pub(crate) fn all(plan: &Plan) -> Vec<Box<dyn Checker>> {
    let mut all: Vec<Box<dyn Checker>> = vec![
        Box::new(order::Order),
        Box::new(no_double::NoDouble),
        Box::new(never_two::NeverTwo::new(plan)),
        Box::new(never_lost::NeverLost::new(plan)),
        Box::new(never_stuck::NeverStuck::default()),
        Box::new(monotone::Monotone::new(plan)),
        Box::new(count::Count),
        Box::new(drain::Drain::default()),
        Box::new(bounds::Bounds::new(plan)),
    ];
    if refinement::is_wanted(plan) {
        // First: it names the step, where a promise is broken only later.
        all.insert(0, Box::new(refinement::Refinement::new(plan)));
    }
    all
}
