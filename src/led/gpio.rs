//! A pin through the memory of the GPIO block, by `rppal`. This file alone knows that library.
//!
//! It knows every Pi up to the 5, but its author retired it in July 2025: for a Pi after that, and
//! for a unit that is to see one device only, there is `gpiochip`.

use std::path::{Path, PathBuf};

use rppal::gpio::{Error, Gpio, OutputPin};

use super::driver::LedDriver;
use super::error::LedError;
use super::gpiochip::{self, USUAL_CHIP};

/// One pin as an output.
pub(super) struct Pin {
    pin: OutputPin,
    active_low: bool,
    kept: bool,
}

/// Makes the pin of that BCM number an output, and dark.
///
/// # Errors
/// When the machine is no Pi, a device is missing or closed to us, or the pin is in use.
pub(super) fn open(number: u8, active_low: bool) -> Result<Pin, LedError> {
    let gpio = Gpio::new().map_err(|error| fault(error, number))?;
    // The memory of the block obeys everyone: only the kernel knows whose pin it is.
    if let Some(header) = gpiochip::header()
        && let Some(user) = gpiochip::user(&header, number)
    {
        return Err(LedError::PinInUse { pin: number, user });
    }
    let pin = gpio.get(number).map_err(|error| fault(error, number))?;
    let mut pin = if active_low {
        pin.into_output_high()
    } else {
        pin.into_output_low()
    };
    // As an input it would float, and an LED to 3.3 V might glow.
    pin.set_reset_on_drop(false);
    Ok(Pin {
        pin,
        active_low,
        kept: false,
    })
}

impl LedDriver for Pin {
    fn set(&mut self, lit: bool) -> Result<(), LedError> {
        if lit == self.active_low {
            self.pin.set_low();
        } else {
            self.pin.set_high();
        }
        Ok(())
    }

    fn keep_when_dropped(&mut self) -> bool {
        self.kept = true;
        true
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if !self.kept {
            // Cannot fail: it is a write to memory.
            let _ = self.set(false);
        }
    }
}

fn fault(error: Error, number: u8) -> LedError {
    match error {
        Error::UnknownModel => LedError::NotAPi,
        Error::PermissionDenied(path) => LedError::PermissionDenied { path: path.into() },
        Error::PinUsed(pin) => LedError::PinInUse {
            pin,
            user: "this very process".to_owned(),
        },
        Error::PinNotAvailable(_) => LedError::NoPin {
            pin: number,
            path: memory(),
            lines: 28,
        },
        Error::Io(source) => LedError::of_file(memory(), source),
        error @ Error::ThreadPanic => LedError::Device {
            path: memory(),
            source: error.into(),
        },
    }
}

/// The device that an error without a path is about: the first of those that `rppal` opens that is missing.
fn memory() -> PathBuf {
    let needed = ["/dev/gpiomem", USUAL_CHIP].map(Path::new);
    let missing = needed.iter().find(|path| !path.exists());
    missing.unwrap_or(&needed[0]).to_path_buf()
}
