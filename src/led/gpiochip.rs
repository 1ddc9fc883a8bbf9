//! A pin through the kernel's character device, by `gpiocdev`. The process needs no other device.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use gpiocdev::line::Value;
use gpiocdev::{Chip, Error, Request};
use gpiocdev_uapi::v2;

use super::driver::LedDriver;
use super::error::LedError;
use super::off_switch::{OffSwitch, OffWay, PutOut};

/// The device that has the pins of the header on most Pis, and the first one on other boards.
pub(super) const USUAL_CHIP: &str = "/dev/gpiochip0";

/// The name of the pin's user, as the kernel and `gpioinfo` show it.
const CONSUMER: &str = "carom";

/// Labels of the device with the pins of the header: Pi 1 to 3, Pi 4, Pi 5.
const HEADERS: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

/// Labels of devices of a Pi whose pins drive parts of the board: power, radio, camera.
const BOARD_PARTS: [&str; 3] = ["gpio-brcmstb", "raspberrypi-exp-gpio", "brcmvirt-gpio"];

/// The pins of a Pi's header are 0 to 27; those above drive parts of the board.
const HEADER_PINS: u16 = 28;

/// One pin. No other process can use it until this is dropped.
pub(super) struct Line {
    request: Request,
    pin: u16,
    path: PathBuf,
}

/// Makes a pin of that device an output and switches the LED off. Without a device, it is the one with
/// the pins of the header.
///
/// # Errors
/// When the device is missing, may not be used, is no GPIO device or not the one with the header,
/// or when the pin is in use.
pub(super) fn open(path: Option<&Path>, pin: u16, active_low: bool) -> Result<Line, LedError> {
    let found;
    let path = match path {
        Some(path) => path,
        None => {
            found = choose(labels(), pin)?;
            &found
        }
    };
    let chip = chip(path)?;
    let info = chip.info().map_err(|_| LedError::NotAChip {
        path: path.to_owned(),
    })?;
    if is_board_part(&info.label) {
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
    let found = labels().into_iter().find(|(_, label)| is_header(label));
    found.map(|(path, _)| path)
}

/// Every GPIO device, and its label or why it cannot be read.
fn labels() -> Vec<(PathBuf, Result<String, LedError>)> {
    let paths = gpiocdev::chip::chips().unwrap_or_default();
    let labelled = paths.into_iter().map(|path| {
        let label = chip(&path).and_then(|chip| {
            let info = chip.info();
            info.map_err(|error| device_error(&path, error))
        });
        (path, label.map(|info| info.label))
    });
    labelled.collect()
}

fn is_header(label: &Result<String, LedError>) -> bool {
    let label = label.as_deref().unwrap_or_default();
    HEADERS.iter().any(|name| label.starts_with(name))
}

fn is_board_part(label: &str) -> bool {
    BOARD_PARTS.iter().any(|part| label.starts_with(part))
}

/// The device that is meant where none is named. Its number does not tell: on a Pi 5 the header was
/// device 4, then 0, and with Linux 6.12.96 and later it can be any from 11 on.
fn choose(
    mut chips: Vec<(PathBuf, Result<String, LedError>)>,
    pin: u16,
) -> Result<PathBuf, LedError> {
    if let Some(at) = chips.iter().position(|(_, label)| is_header(label)) {
        let (path, _) = chips.swap_remove(at);
        return if pin < HEADER_PINS {
            Ok(path)
        } else {
            Err(LedError::NotOnHeader { pin, path })
        };
    }
    let usual = Path::new(USUAL_CHIP);
    let is_plain =
        |label: &Result<String, LedError>| label.as_deref().is_ok_and(|it| !is_board_part(it));
    if chips
        .iter()
        .any(|(path, label)| path == usual && is_plain(label))
    {
        return Ok(usual.to_owned());
    }
    // One that may not be opened may be the header.
    if let Some(at) = chips.iter().position(|(_, label)| label.is_err()) {
        let (_, label) = chips.swap_remove(at);
        label?;
    }
    let known: Vec<_> = chips.into_iter().map(|(path, _)| path).collect();
    if known.is_empty() || known.iter().any(|path| path == usual) {
        Ok(usual.to_owned())
    } else {
        Err(LedError::NoHeader { known })
    }
}

/// The name of the pin's user, if it has one; the name may be empty.
pub(super) fn user(path: &Path, pin: u16) -> Option<String> {
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

    fn off_switch(&self) -> Option<OffSwitch> {
        // No other process can request the line, so it gets this request. Without a descriptor left there is no switch.
        let line = self.request.as_fd().try_clone_to_owned().ok()?;
        Some(OffSwitch {
            how: OffWay::Line {
                chip: self.path.clone(),
            },
            line: Some(line),
        })
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

/// The request of another process for one line, and the device for errors.
pub(super) struct LineOff {
    request: File,
    chip: PathBuf,
}

impl LineOff {
    pub(super) fn new(request: OwnedFd, chip: PathBuf) -> Self {
        let request = request.into();
        Self { request, chip }
    }
}

impl PutOut for LineOff {
    fn put_out(&mut self) -> Result<(), LedError> {
        // The request says what is active, so off is 0 for a pin that is active while low, too.
        let off = v2::LineValues::from_slice(&[false]);
        v2::set_line_values(&self.request, &off).map_err(|error| LedError::Device {
            path: self.chip.clone(),
            source: error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        open(Some(path), 17, false).err().unwrap().to_string()
    }

    /// Devices by number and label; without a label, one that may not be opened.
    fn chosen(chips: &[(u8, Option<&str>)], pin: u16) -> Result<String, String> {
        let chips = chips.iter().map(|(number, label)| {
            let path = PathBuf::from(format!("/dev/gpiochip{number}"));
            let denied = || LedError::PermissionDenied { path: path.clone() };
            let label = label.map(str::to_owned).ok_or_else(denied);
            (path.clone(), label)
        });
        let chosen = choose(chips.collect(), pin);
        let chosen = chosen.map(|path| path.display().to_string());
        chosen.map_err(|error| error.to_string())
    }

    #[test]
    fn the_header_is_found_by_its_label_whatever_its_number() {
        let pi5 = [
            (11, Some("gpio-brcmstb@107d508500")),
            (12, Some("gpio-brcmstb@107d508520")),
            (15, Some("pinctrl-rp1")),
        ];
        assert_eq!(chosen(&pi5, 17).unwrap(), "/dev/gpiochip15");
        let pi3 = [
            (0, Some("pinctrl-bcm2835")),
            (1, Some("raspberrypi-exp-gpio")),
        ];
        assert_eq!(chosen(&pi3, 27).unwrap(), "/dev/gpiochip0");
        let above = chosen(&pi3, 28).unwrap_err();
        assert!(
            above.starts_with("pin 28 is not on the header of a Pi")
                && above.contains("chip = \"/dev/gpiochip0\""),
            "{above}"
        );
        let other = [(0, Some("sunxi")), (1, Some("sunxi"))];
        assert_eq!(chosen(&other, 73).unwrap(), "/dev/gpiochip0");
        assert_eq!(chosen(&[], 17).unwrap(), "/dev/gpiochip0");
        let one_closed = [(0, Some("sunxi")), (1, None)];
        assert_eq!(chosen(&one_closed, 73).unwrap(), "/dev/gpiochip0");
        let closed = chosen(&[(11, Some("gpio-brcmstb@1")), (12, None)], 17).unwrap_err();
        assert!(
            closed.starts_with("no right to use /dev/gpiochip12"),
            "{closed}"
        );
        let unknown = chosen(&[(3, Some("a")), (4, Some("b"))], 17).unwrap_err();
        assert!(
            unknown.contains("set chip to one of /dev/gpiochip3, /dev/gpiochip4"),
            "{unknown}"
        );
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
