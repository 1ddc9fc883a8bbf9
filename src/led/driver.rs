//! An LED that is either on or off: opened when it is first used, opened again after an error,
//! switched off at the end.

use super::change::{Led, LedChange};
use super::error::LedError;
use super::off_switch::OffSwitch;

/// A device that can be switched on and off.
///
/// A device that was just opened is off, and it is switched off when it is dropped.
pub trait LedDriver: Send {
    /// Switches the device on or off.
    ///
    /// # Errors
    /// When the device refuses. The caller opens it again before it uses it again.
    fn set(&mut self, on: bool) -> Result<(), LedError>;

    /// Keeps a device on that is on: for those that go off by themselves.
    ///
    /// # Errors
    /// As for [`LedDriver::set`].
    fn refresh(&mut self) -> Result<(), LedError> {
        Ok(())
    }

    /// Whether the device goes off by itself.
    fn goes_off_by_itself(&self) -> bool {
        false
    }

    /// How another process can switch the device off; `None` if it cannot.
    fn off_switch(&self) -> Option<OffSwitch> {
        None
    }

    /// Leaves the device as it is when it is dropped. Returns `false` if the kernel switches it off
    /// nevertheless.
    fn keep_when_dropped(&mut self) -> bool;
}

impl LedDriver for Box<dyn LedDriver> {
    fn set(&mut self, on: bool) -> Result<(), LedError> {
        (**self).set(on)
    }

    fn refresh(&mut self) -> Result<(), LedError> {
        (**self).refresh()
    }

    fn goes_off_by_itself(&self) -> bool {
        (**self).goes_off_by_itself()
    }

    fn off_switch(&self) -> Option<OffSwitch> {
        (**self).off_switch()
    }

    fn keep_when_dropped(&mut self) -> bool {
        (**self).keep_when_dropped()
    }
}

/// Opens a device.
pub type OpenDriver = Box<dyn Fn() -> Result<Box<dyn LedDriver>, LedError> + Send>;

/// Turns a backend's `open` into an [`OpenDriver`].
pub(super) fn boxed<Driver: LedDriver + 'static>(
    open: impl Fn() -> Result<Driver, LedError> + Send + 'static,
) -> OpenDriver {
    Box::new(move || Ok(Box::new(open()?)))
}

/// The LED of a node that is one device.
pub struct SwitchedLed {
    open: OpenDriver,
    /// `None` after an error.
    driver: Option<Box<dyn LedDriver>>,
    on: bool,
    /// The device was opened, and its off switch was not taken yet.
    newly_opened: bool,
}

impl SwitchedLed {
    /// Opens the device and switches it off, as an earlier process may have left it on.
    ///
    /// If that fails, the error is returned beside the LED, and every change tries again.
    pub fn new(open: OpenDriver) -> (Self, Option<LedError>) {
        let mut led = Self {
            open,
            driver: None,
            on: false,
            newly_opened: false,
        };
        let error = led.set(false).err();
        (led, error)
    }

    /// Switches the LED on or off; opens the device first where it is not open.
    ///
    /// # Errors
    /// When the device cannot be opened, or refuses.
    pub fn set(&mut self, on: bool) -> Result<(), LedError> {
        let mut driver = match self.driver.take() {
            Some(driver) => driver,
            None => {
                self.on = false;
                let driver = (self.open)()?;
                self.newly_opened = true;
                driver
            }
        };
        // A ball that comes while another is here changes nothing to be seen.
        if on && self.on {
            driver.refresh()?;
        } else if on != self.on {
            driver.set(on)?;
        }
        self.on = on;
        self.driver = Some(driver);
        Ok(())
    }

    /// Leaves the LED as it is when this is dropped. Returns `false` if the kernel switches it off
    /// nevertheless.
    pub fn keep_when_dropped(&mut self) -> bool {
        let driver = self.driver.as_mut();
        driver.is_none_or(|driver| driver.keep_when_dropped())
    }
}

impl Led for SwitchedLed {
    fn show(&mut self, _change: &LedChange<'_>, lit: bool) -> Result<(), LedError> {
        self.set(lit)
    }

    fn refresh(&mut self, lit: bool) -> Option<Result<(), LedError>> {
        Some(self.set(lit))
    }

    fn goes_off_by_itself(&self) -> bool {
        let driver = self.driver.as_ref();
        driver.is_some_and(|driver| driver.goes_off_by_itself())
    }

    fn take_off_switch(&mut self) -> Option<OffSwitch> {
        if !std::mem::take(&mut self.newly_opened) {
            return None;
        }
        self.driver.as_ref()?.off_switch()
    }

    fn on_put_out(&mut self) {
        self.on = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct OneShot;

    impl LedDriver for OneShot {
        fn set(&mut self, _on: bool) -> Result<(), LedError> {
            Ok(())
        }

        fn goes_off_by_itself(&self) -> bool {
            true
        }

        fn keep_when_dropped(&mut self) -> bool {
            false
        }
    }

    #[test]
    fn an_led_that_goes_off_by_itself_says_so_through_its_box() {
        let (led, error) = SwitchedLed::new(boxed(|| Ok(OneShot)));
        assert!(error.is_none() && led.goes_off_by_itself());
    }
}
