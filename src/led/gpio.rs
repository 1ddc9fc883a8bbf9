//! A pin through the memory of the GPIO block, by `rppal`. Only this file uses that library.
//!
//! The library supports every Pi up to the 5, but its author retired it in July 2025. For a later Pi,
//! and for a systemd unit that may use one device only, there is `gpiochip`. On a machine where the
//! library does not find the device of the header, this backend uses that device as `gpiochip` does.

use std::io;
use std::path::{Path, PathBuf};

use rppal::gpio::{Error, Gpio, OutputPin};

use super::driver::LedDriver;
use super::error::LedError;
use super::gpiochip::{self, USUAL_CHIP};
use super::off_switch::{OffSwitch, OffWay, PutOut};

/// One pin as an output.
pub(super) struct Pin {
    pin: OutputPin,
    number: u16,
    active_low: bool,
    kept: bool,
}

/// Makes the pin of that BCM number an output and switches the LED off.
///
/// # Errors
/// When the machine is no Pi, a device is missing or may not be used, or the pin is in use.
pub(super) fn open(number: u16, active_low: bool) -> Result<Box<dyn LedDriver>, LedError> {
    match Gpio::new() {
        Ok(gpio) => Ok(Box::new(pin(&gpio, number, active_low)?)),
        // The library tries /dev/gpiochip0 and the devices after it, and gives up at the first number
        // that is missing. On a Pi 5 the numbers can begin at 11.
        Err(Error::Io(source))
            if source.kind() == io::ErrorKind::NotFound && gpiochip::header().is_some() =>
        {
            Ok(Box::new(gpiochip::open(None, number, active_low)?))
        }
        Err(error) => Err(led_error(error, number)),
    }
}

fn pin(gpio: &Gpio, number: u16, active_low: bool) -> Result<Pin, LedError> {
    // The memory of the block takes writes to any pin: only the kernel knows who uses the pin.
    if let Some(header) = gpiochip::header()
        && let Some(user) = gpiochip::user(&header, number)
    {
        return Err(LedError::PinInUse { pin: number, user });
    }
    // No pin has a number that is too large for the library.
    let pin = gpio.get(u8::try_from(number).unwrap_or(u8::MAX));
    let pin = pin.map_err(|error| led_error(error, number))?;
    let mut pin = if active_low {
        pin.into_output_high()
    } else {
        pin.into_output_low()
    };
    // As an input the pin would float, and an LED wired to 3.3 V might glow.
    pin.set_reset_on_drop(false);
    Ok(Pin {
        pin,
        number,
        active_low,
        kept: false,
    })
}

impl LedDriver for Pin {
    fn set(&mut self, on: bool) -> Result<(), LedError> {
        if on == self.active_low {
            self.pin.set_low();
        } else {
            self.pin.set_high();
        }
        Ok(())
    }

    fn off_switch(&self) -> Option<OffSwitch> {
        let (pin, active_low) = (self.number, self.active_low);
        Some(OffSwitch::without_line(OffWay::Pin { pin, active_low }))
    }

    fn keep_when_dropped(&mut self) -> bool {
        self.kept = true;
        true
    }
}

/// A pin that another process drives. Opening it leaves it as it is: the LED may be on.
pub(super) struct PinOff {
    pin: OutputPin,
    active_low: bool,
}

impl PinOff {
    /// The pin of that BCM number, an output already.
    ///
    /// # Errors
    /// As for [`open`].
    pub(super) fn open(number: u16, active_low: bool) -> Result<Self, LedError> {
        let gpio = Gpio::new().map_err(|error| led_error(error, number))?;
        let pin = gpio.get(u8::try_from(number).unwrap_or(u8::MAX));
        let pin = pin.map_err(|error| led_error(error, number))?;
        let mut pin = pin.into_output();
        pin.set_reset_on_drop(false);
        Ok(Self { pin, active_low })
    }
}

impl PutOut for PinOff {
    fn put_out(&mut self) -> Result<(), LedError> {
        if self.active_low {
            self.pin.set_high();
        } else {
            self.pin.set_low();
        }
        Ok(())
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if !self.kept {
            // This cannot fail: it is a write to memory.
            let _ = self.set(false);
        }
    }
}

fn led_error(error: Error, number: u16) -> LedError {
    match error {
        Error::UnknownModel => LedError::NotAPi,
        Error::PermissionDenied(path) => LedError::PermissionDenied { path: path.into() },
        Error::PinUsed(pin) => LedError::PinInUse {
            pin: pin.into(),
            user: "this very process".to_owned(),
        },
        Error::PinNotAvailable(_) => LedError::NoPin {
            pin: number,
            path: missing_device(),
            lines: 28,
        },
        Error::Io(source) => LedError::of_file(missing_device(), source),
        error @ Error::ThreadPanic => LedError::Device {
            path: missing_device(),
            source: error.into(),
        },
    }
}

/// The device that an error without a path is about: of those that `rppal` opens, the first that is missing.
fn missing_device() -> PathBuf {
    let needed = ["/dev/gpiomem", USUAL_CHIP].map(Path::new);
    let missing = needed.iter().find(|path| !path.exists());
    missing.unwrap_or(&needed[0]).to_path_buf()
}
