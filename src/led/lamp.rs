//! A light that is either on or off: opened late, opened again after a fault, put out at the end.

use super::{Change, Led, LedError};

/// A device that can be lit. A lamp that was just opened is dark, and it goes dark when it is dropped.
pub trait Lamp {
    /// Lights it or puts it out.
    ///
    /// # Errors
    /// When the device refuses. It is opened anew before it is used again.
    fn set(&mut self, lit: bool) -> Result<(), LedError>;

    /// Says that it is to stay lit: for lamps that go out by themselves.
    ///
    /// # Errors
    /// As for [`Lamp::set`].
    fn keep(&mut self) -> Result<(), LedError> {
        Ok(())
    }

    /// Lets it shine on when it is dropped; false if the kernel puts it out all the same.
    fn leave(&mut self) -> bool;
}

/// What opens a lamp.
pub type Opener = Box<dyn Fn() -> Result<Box<dyn Lamp>, LedError>>;

/// The LED of a node that is one lamp.
pub struct Switch {
    open: Opener,
    lamp: Option<Box<dyn Lamp>>,
    lit: bool,
}

impl Switch {
    /// Opens the lamp and puts it out: who knows how the last process left it.
    ///
    /// If that fails, the fault is returned beside, and every change tries again.
    pub fn new(open: Opener) -> (Self, Option<LedError>) {
        let mut switch = Self {
            open,
            lamp: None,
            lit: false,
        };
        let fault = switch.set(false).err();
        (switch, fault)
    }

    /// Lights the lamp or puts it out, opening it first where need be.
    ///
    /// # Errors
    /// When it cannot be opened or refuses.
    pub fn set(&mut self, lit: bool) -> Result<(), LedError> {
        let mut lamp = match self.lamp.take() {
            Some(lamp) => lamp,
            None => {
                self.lit = false;
                (self.open)()?
            }
        };
        // A ball that comes while another is here changes nothing to be seen.
        if lit && self.lit {
            lamp.keep()?;
        } else if lit != self.lit {
            lamp.set(lit)?;
        }
        self.lit = lit;
        self.lamp = Some(lamp);
        Ok(())
    }

    /// Leaves the lamp as it is from now on; false if the kernel puts it out at the end all the same.
    pub fn leave(&mut self) -> bool {
        self.lamp.as_mut().is_none_or(|lamp| lamp.leave())
    }
}

impl Led for Switch {
    fn show(&mut self, _change: &Change<'_>, lit: bool) -> Result<(), LedError> {
        self.set(lit)
    }

    fn hold(&mut self, lit: bool) -> Option<Result<(), LedError>> {
        Some(self.set(lit))
    }
}
