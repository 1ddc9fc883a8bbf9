//! Lights: what a possession looks like from outside.
//!
//! A backend knows nothing of the ring. It is told of every change before anyone else is.

mod driver;
mod error;
pub mod gpio;
pub mod gpiochip;
#[cfg(test)]
mod suite;
pub mod sysfs;
mod trace;

use std::fmt;

pub use driver::{LedDriver, OpenDriver, SwitchedLed};
pub use error::LedError;
pub use sysfs::Sysfs;
pub use trace::Trace;

/// One ball came or went.
#[derive(Clone, Copy)]
pub struct LedChange<'a> {
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
    fn show(&mut self, change: &LedChange<'_>, lit: bool) -> Result<(), LedError>;

    /// Sets the light though no ball came or went: to try again after a fault, and to keep one lit
    /// that goes out by itself. `None` where only changes can be shown.
    fn refresh(&mut self, lit: bool) -> Option<Result<(), LedError>> {
        let _ = lit;
        None
    }
}

/// No light at all.
#[derive(Debug, Default)]
pub struct NoLed;

impl Led for NoLed {
    fn show(&mut self, _change: &LedChange<'_>, _lit: bool) -> Result<(), LedError> {
        Ok(())
    }
}
