//! The LED of a node: on while the node possesses a ball.
//!
//! To add a backend, write its file here, add it to [`LedConfig`] with what the compiler then asks
//! for in this file, and read its keys in `config/led.rs`. Every backend passes the tests of
//! `suite.rs`.
//!
//! Architecture invariant: nothing here knows what a ring is. The LED shows a change before any
//! other node learns of it.

mod change;
mod driver;
mod error;
#[cfg(target_os = "linux")]
mod gpio;
#[cfg(target_os = "linux")]
mod gpiochip;
#[cfg(not(target_os = "linux"))]
mod no_gpio;
mod off_switch;
#[cfg(test)]
mod suite;
mod sysfs;
mod trace;
mod trace_lines;
mod trace_off;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(not(target_os = "linux"))]
use no_gpio::{gpio, gpiochip};

use gpio::PinOff;
use gpiochip::{LineOff, USUAL_CHIP};
use sysfs::FileOff;
use trace::Trace;
use trace_off::TraceOff;

pub use change::{Led, LedChange, NoLed};
pub use driver::{LedDriver, OpenDriver, SwitchedLed};
pub use error::LedError;
pub use off_switch::{OffSwitch, OffWay, PutOut};
pub use trace_lines::TraceLine;

/// Which LED a node has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LedConfig {
    /// A pin of a Pi's header, through the memory of the GPIO block.
    Gpio {
        /// The pin's BCM number, 0 to 27.
        pin: u16,
        /// The LED is on while the pin is low.
        active_low: bool,
    },
    /// A pin, through the kernel's character device.
    GpioChip {
        /// The device, such as `/dev/gpiochip0`; `None` for the one with the pins of the header.
        chip: Option<PathBuf>,
        /// The pin's number at that device.
        pin: u16,
        /// The LED is on while the pin is low.
        active_low: bool,
    },
    /// An LED of the kernel.
    Sysfs {
        /// Its name in `/sys/class/leds`: no slash in it, and no dot at its beginning.
        name: String,
        /// The LED is on while it is set to 0.
        active_low: bool,
    },
    /// The board's own green LED.
    Act {
        /// The LED is on while it is set to 0.
        active_low: bool,
    },
    /// A line in a file for every change.
    Trace {
        /// The file.
        path: PathBuf,
    },
    /// No LED.
    #[default]
    None,
}

impl LedConfig {
    /// Opens the LED and switches it off.
    ///
    /// If that fails, the error is returned beside the LED, and every change tries again.
    /// `expiry` as for [`LedConfig::driver`]; `monotonic_nanos` returns `CLOCK_MONOTONIC`.
    pub fn open(
        &self,
        expiry: Duration,
        monotonic_nanos: fn() -> u64,
    ) -> (Box<dyn Led>, Option<LedError>) {
        if let Self::Trace { path } = self {
            let (led, error) = Trace::open(path.clone(), monotonic_nanos);
            return (Box::new(led), error);
        }
        match self.driver(expiry) {
            Some(open) => {
                let (led, error) = SwitchedLed::new(open);
                (Box::new(led), error)
            }
            None => (Box::new(NoLed), None),
        }
    }

    /// What opens the device, for a backend that can be switched on and off by hand.
    ///
    /// If the kernel can do that, its LEDs go off by themselves an `expiry` after they were switched
    /// on or refreshed for the second time; never, if it is zero.
    pub fn driver(&self, expiry: Duration) -> Option<OpenDriver> {
        match self.clone() {
            Self::Gpio { pin, active_low } => Some(Box::new(move || gpio::open(pin, active_low))),
            Self::GpioChip {
                chip,
                pin,
                active_low,
            } => Some(driver::boxed(move || {
                gpiochip::open(chip.as_deref(), pin, active_low)
            })),
            Self::Sysfs { name, active_low } => {
                let led = sysfs::Settings::new(Some(name), active_low, expiry);
                Some(driver::boxed(move || sysfs::open(&led)))
            }
            Self::Act { active_low } => {
                let led = sysfs::Settings::new(None, active_low, expiry);
                Some(driver::boxed(move || sysfs::open(&led)))
            }
            Self::Trace { .. } | Self::None => None,
        }
    }

    /// What no other LED of the same host may use.
    pub fn hardware(&self) -> Option<Hardware> {
        let pin = |chip: &Path, pin: &u16| Hardware {
            path: chip.join(pin.to_string()),
            what: format!("pin {pin}"),
            name: None,
        };
        match self {
            // The memory of the GPIO block reaches the same pins as the device of the header.
            Self::Gpio { pin: number, .. } => Some(pin(Path::new(USUAL_CHIP), number)),
            Self::GpioChip {
                chip, pin: number, ..
            } => {
                let chip = chip.as_deref().unwrap_or(Path::new(USUAL_CHIP));
                Some(pin(chip, number))
            }
            Self::Sysfs { name, .. } => Some(Hardware {
                path: Path::new(sysfs::LEDS).join(name),
                what: "the LED".to_owned(),
                name: Some(name.clone()),
            }),
            Self::Act { .. } => Some(Hardware {
                path: Path::new(sysfs::LEDS).join(sysfs::ACT[0]),
                what: "the board's own LED".to_owned(),
                name: None,
            }),
            Self::Trace { path } => Some(Hardware {
                path: path.clone(),
                what: "the trace".to_owned(),
                name: Some(path.to_string_lossy().into_owned()),
            }),
            Self::None => None,
        }
    }
}

impl OffSwitch {
    /// Opens what the switch names, and leaves the LED as it is. `monotonic_nanos` returns `CLOCK_MONOTONIC`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(self, monotonic_nanos: fn() -> u64) -> Result<Box<dyn PutOut>, LedError> {
        let Self { how, line } = self;
        Ok(match (how, line) {
            (OffWay::Pin { pin, active_low }, _) => Box::new(PinOff::open(pin, active_low)?),
            (OffWay::Line { chip }, Some(line)) => Box::new(LineOff::new(line, chip)),
            (OffWay::Line { chip }, None) => return Err(LedError::NotAChip { path: chip }),
            (OffWay::File { path, value }, _) => Box::new(FileOff { path, value }),
            (OffWay::Trace { path }, _) => Box::new(TraceOff::new(path, monotonic_nanos)),
        })
    }
}

/// Something that only one LED can use.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// The same for two LEDs that use the same thing: its file or folder; for a pin, its device
    /// and its number.
    pub path: PathBuf,
    /// What it is, for a sentence: `pin 17`, `the LED`.
    pub what: String,
    /// What the ring file calls it, to be quoted after `what`.
    pub name: Option<String>,
}

impl fmt::Display for LedConfig {
    /// A few words, such as `gpio 17`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpio { pin, .. } => write!(formatter, "gpio {pin}"),
            Self::GpioChip { chip, pin, .. } => match chip {
                Some(chip) => write!(formatter, "{} {pin}", chip.display()),
                None => write!(formatter, "gpiochip {pin}"),
            },
            Self::Sysfs { name, .. } => write!(formatter, "sysfs {name}"),
            Self::Act { .. } => formatter.write_str("act"),
            Self::Trace { path } => write!(formatter, "trace {}", path.display()),
            Self::None => formatter.write_str("none"),
        }
    }
}
