//! A pin through the kernel's character device, by `gpiocdev`. The process needs no other device.

use std::io;
use std::path::{Path, PathBuf};

use gpiocdev::line::Value;
use gpiocdev::{Chip, Error, Request};

use super::driver::LedDriver;
use super::error::LedError;

/// The device that has the pins of the header on most Pis.
pub const USUAL_CHIP: &str = "/dev/gpiochip0";

/// The name of the pin's user, as the kernel and `gpioinfo` show it.
const CONSUMER: &str = "carom";

/// Labels of the device with the pins of the header: Pi 1 to 3, Pi 4, Pi 5.
const HEADERS: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

/// Labels of devices of a Pi whose pins drive parts of the board: power, radio, camera.
const BOARD_PARTS: [&str; 3] = ["gpio-brcmstb", "raspberrypi-exp-gpio", "brcmvirt-gpio"];

/// One pin. No other process can use it until this is dropped.
pub(super) struct Line {
    request: Request,
    pin: u8,
    path: PathBuf,
}

/// Makes a pin of that device an output and switches the LED off.
///
/// # Errors
/// When the device is missing, may not be used, is no GPIO device or not the one with the header,
/// or when the pin is in use.
pub(super) fn open(path: &Path, pin: u8, active_low: bool) -> Result<Line, LedError> {
    let chip = chip(path)?;
    let info = chip.info().map_err(|_| LedError::NotAChip {
        path: path.to_owned(),
    })?;
    if BOARD_PARTS.iter().any(|part| info.label.starts_with(part)) {
        return Err(LedError::NotHeaderChip {
            path: path.to_owned(),
            label: info.label,
            header: header(),
        });
    }
    if u32::from(pin) >= info.num_lines {
        return Err(LedError::NoPin {
            pin,
            path: path.to_owned(),
            lines: info.num_lines,
        });
    }
    let mut builder = Request::builder();
    builder
        .on_chip(path)
        .with_consumer(CONSUMER)
        .with_line(u32::from(pin))
        .as_output(Value::Inactive);
    if active_low {
        builder.as_active_low();
    }
    let request = builder.request().map_err(|error| match user(path, pin) {
        Some(user) => LedError::PinInUse { pin, user },
        None => device_error(path, error),
    })?;
    Ok(Line {
        request,
        pin,
        path: path.to_owned(),
    })
}

/// The device that has the pins of a Pi's header, if there is one that this process may open.
pub(super) fn header() -> Option<PathBuf> {
    let is_header = |path: &PathBuf| {
        let info = Chip::from_path(path).and_then(|chip| chip.info());
        info.is_ok_and(|info| HEADERS.iter().any(|name| info.label.starts_with(name)))
    };
    gpiocdev::chip::chips().ok()?.into_iter().find(is_header)
}

/// The name of the pin's user, if it has one; the name may be empty.
pub(super) fn user(path: &Path, pin: u8) -> Option<String> {
    let chip = Chip::from_path(path).ok()?;
    let info = chip.line_info(u32::from(pin)).ok()?;
    info.used.then_some(info.consumer)
}

fn chip(path: &Path) -> Result<Chip, LedError> {
    Chip::from_path(path).map_err(|error| {
        if let Error::Os(number) = error {
            LedError::of_file(path.to_owned(), io::Error::from_raw_os_error(number.0))
        } else if matches!(error, Error::GpioChip(..)) {
            LedError::NotAChip {
                path: path.to_owned(),
            }
        } else {
            device_error(path, error)
        }
    })
}

fn device_error(path: &Path, error: Error) -> LedError {
    LedError::Device {
        path: path.to_owned(),
        source: error.into(),
    }
}

impl LedDriver for Line {
    fn set(&mut self, on: bool) -> Result<(), LedError> {
        let value = if on { Value::Active } else { Value::Inactive };
        self.request
            .set_value(u32::from(self.pin), value)
            .map_err(|error| device_error(&self.path, error))
    }

    /// Impossible: a pin that no process has goes back to the kernel.
    fn keep_when_dropped(&mut self) -> bool {
        false
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Some kernels leave the pin as it is when they take it back. If this fails, nothing is left to try.
        let _ = self.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        open(path, 17, false).err().unwrap().to_string()
    }

    #[test]
    fn a_device_that_is_missing_or_no_gpio_device_is_named_with_what_to_do() {
        let missing = refusal(Path::new("/dev/gpiochip254"));
        assert!(
            missing.contains("/dev/gpiochip254 does not exist") && missing.contains("ls /dev/gpio"),
            "{missing}"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        for path in [file.path(), Path::new("/dev/null")] {
            let sentence = refusal(path);
            assert!(sentence.contains("is no GPIO device"), "{sentence}");
        }
    }
}
