//! A light that is either on or off: opened late, opened again after a fault, put out at the end.

use super::{Led, LedChange, LedError};

/// A device that can be lit. A driver that was just opened is dark, and it goes dark when it is dropped.
pub trait LedDriver {
    /// Lights it or puts it out.
    ///
    /// # Errors
    /// When the device refuses. It is opened anew before it is used again.
    fn set(&mut self, lit: bool) -> Result<(), LedError>;

    /// Says that it is to stay lit: for lamps that go out by themselves.
    ///
    /// # Errors
    /// As for [`LedDriver::set`].
    fn refresh(&mut self) -> Result<(), LedError> {
        Ok(())
    }

    /// Lets it shine on when it is dropped; false if the kernel puts it out all the same.
    fn keep_when_dropped(&mut self) -> bool;
}

/// What opens a driver.
pub type OpenDriver = Box<dyn Fn() -> Result<Box<dyn LedDriver>, LedError>>;

/// The LED of a node that is one driver.
pub struct SwitchedLed {
    open: OpenDriver,
    driver: Option<Box<dyn LedDriver>>,
    lit: bool,
}

impl SwitchedLed {
    /// Opens the driver and puts it out: who knows how the last process left it.
    ///
    /// If that fails, the fault is returned beside, and every change tries again.
    pub fn new(open: OpenDriver) -> (Self, Option<LedError>) {
        let mut switch = Self {
            open,
            driver: None,
            lit: false,
        };
        let fault = switch.set(false).err();
        (switch, fault)
    }

    /// Lights the driver or puts it out, opening it first where need be.
    ///
    /// # Errors
    /// When it cannot be opened or refuses.
    pub fn set(&mut self, lit: bool) -> Result<(), LedError> {
        let mut driver = match self.driver.take() {
            Some(driver) => driver,
            None => {
                self.lit = false;
                (self.open)()?
            }
        };
        // A ball that comes while another is here changes nothing to be seen.
        if lit && self.lit {
            driver.refresh()?;
        } else if lit != self.lit {
            driver.set(lit)?;
        }
        self.lit = lit;
        self.driver = Some(driver);
        Ok(())
    }

    /// Leaves the driver as it is from now on; false if the kernel puts it out at the end all the same.
    pub fn keep_when_dropped(&mut self) -> bool {
        self.driver
            .as_mut()
            .is_none_or(|driver| driver.keep_when_dropped())
    }
}

impl Led for SwitchedLed {
    fn show(&mut self, _change: &LedChange<'_>, lit: bool) -> Result<(), LedError> {
        self.set(lit)
    }

    fn refresh(&mut self, lit: bool) -> Option<Result<(), LedError>> {
        Some(self.set(lit))
    }
}
