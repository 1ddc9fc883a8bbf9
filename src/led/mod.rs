//! Lights: what a possession looks like from outside.
//!
//! A backend knows nothing of the ring. It is told of every change before anyone else is.

mod fault;
pub mod gpio;
pub mod gpiochip;
mod lamp;
#[cfg(test)]
mod suite;
pub mod sysfs;
mod trace;

use std::fmt;

pub use fault::LedError;
pub use lamp::{Lamp, Opener, Switch};
pub use sysfs::Sysfs;
pub use trace::Trace;

/// One ball came or went.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// The node whose LED it is.
    pub node: &'a str,
    /// Whether the ball came.
    pub on: bool,
    /// Which ball.
    pub ball: &'a dyn fmt::Display,
    /// The ball's generation.
    pub generation: &'a dyn fmt::Display,
    /// The ball's hop.
    pub hop: u64,
}

/// A light.
pub trait Led {
    /// Shows that one ball came or went; `lit` tells whether any ball is here now.
    ///
    /// # Errors
    /// When the light could not be set; the caller goes on without it and tries again.
    fn show(&mut self, change: &Change<'_>, lit: bool) -> Result<(), LedError>;

    /// Sets the light though no ball came or went: to try again after a fault, and to keep one lit
    /// that goes out by itself. `None` where only changes can be shown.
    fn hold(&mut self, lit: bool) -> Option<Result<(), LedError>> {
        let _ = lit;
        None
    }
}

/// No light at all.
#[derive(Debug, Default)]
pub struct Nothing;

impl Led for Nothing {
    fn show(&mut self, _change: &Change<'_>, _lit: bool) -> Result<(), LedError> {
        Ok(())
    }
}
