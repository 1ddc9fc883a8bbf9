//! A ball that came or went, and the trait of whatever shows it.

use std::fmt;

use super::error::LedError;
use super::off_switch::OffSwitch;

/// One ball came or went.
#[derive(Clone, Copy)]
pub struct LedChange<'a> {
    /// The name of the node whose LED it is.
    pub node: &'a str,
    /// `true` if the ball came, `false` if it went.
    pub on: bool,
    /// The ball's number.
    pub ball: &'a dyn fmt::Display,
    /// The ball's generation.
    pub generation: &'a dyn fmt::Display,
    /// The ball's hop.
    pub hop: u64,
}

/// Whatever shows that a node possesses a ball.
pub trait Led: Send {
    /// Shows that one ball came or went. `lit` says whether the node has any ball now.
    ///
    /// # Errors
    /// When the LED could not be set. The caller continues without it and tries again.
    fn show(&mut self, change: &LedChange<'_>, lit: bool) -> Result<(), LedError>;

    /// Sets the LED without a change: to try again after an error, and to keep an LED on that goes
    /// off by itself. `None` for a backend that shows nothing but changes.
    fn refresh(&mut self, lit: bool) -> Option<Result<(), LedError>> {
        let _ = lit;
        None
    }

    /// Whether the LED goes off by itself unless it is refreshed.
    fn goes_off_by_itself(&self) -> bool {
        false
    }

    /// How another process can switch the LED off: once after each time that the LED was opened.
    fn take_off_switch(&mut self) -> Option<OffSwitch> {
        None
    }

    /// Another process has switched the LED off.
    fn on_put_out(&mut self) {}
}

/// The LED of a node that has none.
#[derive(Debug, Default)]
pub struct NoLed;

impl Led for NoLed {
    fn show(&mut self, _change: &LedChange<'_>, _lit: bool) -> Result<(), LedError> {
        Ok(())
    }
}
