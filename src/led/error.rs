//! Why a light could not be set: one sentence that says what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A light that could not be set.
#[derive(Debug)]
pub enum LedError {
    /// The trace file cannot be opened or written.
    Trace {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The backend `gpio` does not know this machine.
    NotAPi,
    /// A device of the GPIO block is not there.
    NoDevice {
        /// Which device.
        path: PathBuf,
    },
    /// A file is there but may not be written, or not be read.
    PermissionDenied {
        /// Which file.
        path: PathBuf,
    },
    /// The file is no GPIO device.
    NotAChip {
        /// Which file.
        path: PathBuf,
    },
    /// The GPIO device is one of a Pi, but not the one with the pins of the header.
    NotHeaderChip {
        /// Which device.
        path: PathBuf,
        /// What its driver calls it.
        label: String,
        /// The device that has the header, if it may be seen.
        header: Option<PathBuf>,
    },
    /// The GPIO device has no such pin.
    NoPin {
        /// Its number.
        pin: u8,
        /// Which device.
        path: PathBuf,
        /// How many pins it has, counted from 0.
        lines: u32,
    },
    /// Somebody else has the pin.
    PinInUse {
        /// Its BCM number.
        pin: u8,
        /// Who, as the kernel was told; may be empty.
        user: String,
    },
    /// The kernel knows no such LED.
    NoLed {
        /// Its name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// The LEDs that there are.
        known: Vec<String>,
    },
    /// This board has no green LED that the kernel knows.
    NoActLed {
        /// Where it was looked for.
        folder: PathBuf,
        /// The LEDs that there are.
        known: Vec<String>,
    },
    /// The folder or file of that name is no LED.
    NotAnLed {
        /// Which folder.
        path: PathBuf,
    },
    /// The device is there and open to us, and still refuses.
    Device {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl LedError {
    /// The fault of a file that could not be opened, read or written.
    pub(super) fn of_file(path: PathBuf, source: io::Error) -> Self {
        let kind = source.kind();
        if kind == io::ErrorKind::NotFound {
            Self::NoDevice { path }
        } else if kind == io::ErrorKind::PermissionDenied {
            Self::PermissionDenied { path }
        } else {
            let source = source.into();
            Self::Device { path, source }
        }
    }
}

impl fmt::Display for LedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace { path, source } => write!(
                f,
                "the trace file {} cannot be written ({source}): choose a path in a folder that exists, is writable and has space",
                path.display()
            ),
            Self::NotAPi => write!(
                f,
                "this machine is no Raspberry Pi that the LED backend gpio knows (Pi 1 to 5, Zero, Compute Modules): \
                 use gpiochip, sysfs or none here"
            ),
            Self::NoDevice { path } => no_device(path, f),
            Self::PermissionDenied { path } => permission_denied(path, f),
            Self::NotAChip { path } => write!(
                f,
                "{} is no GPIO device: set chip to one that `ls /dev/gpiochip*` shows, on most Pis /dev/gpiochip0",
                path.display()
            ),
            Self::NotHeaderChip {
                path,
                label,
                header,
            } => not_header_chip(path, label, header.as_ref(), f),
            Self::NoPin { pin, path, lines } => write!(
                f,
                "{} has {lines} pins, counted from 0, and none of number {pin}: correct pin or chip",
                path.display()
            ),
            Self::PinInUse { pin, user } => in_use(*pin, user, f),
            Self::NoLed {
                name,
                folder,
                known,
            } => {
                write!(f, "there is no LED {name:?} in {}: ", folder.display())?;
                choose(known, f)
            }
            Self::NoActLed { folder, known } => {
                write!(
                    f,
                    "this board has no green LED that the kernel knows: {} has neither ACT nor led0; ",
                    folder.display()
                )?;
                choose(known, f)
            }
            Self::NotAnLed { path } => write!(
                f,
                "{} is no LED, as it has no file brightness: set name to one that `ls /sys/class/leds` shows",
                path.display()
            ),
            Self::Device { path, source } => write!(
                f,
                "{} refuses ({source}): `dmesg` may say why",
                path.display()
            ),
        }
    }
}

fn in_use(pin: u8, user: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Any program may have told the kernel any name.
    let user = if user.is_empty() {
        "the kernel".to_owned()
    } else {
        format!("{user:?}")
    };
    write!(
        f,
        "pin {pin} (BCM) is in use by {user}: end that program, or take the dtoverlay or dtparam that claims \
         the pin out of config.txt, or choose another pin; `gpioinfo` shows who has which"
    )
}

fn choose(known: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if known.is_empty() {
        write!(
            f,
            "there are no LEDs at all: use gpio, gpiochip or none on this machine"
        )
    } else {
        write!(f, "set name to one of {}", known.join(", "))
    }
}

fn no_device(path: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if path.starts_with("/dev/gpiomem") {
        return write!(
            f,
            "this kernel has no {}: use the LED backend gpiochip",
            path.display()
        );
    }
    write!(
        f,
        "{} does not exist: this machine has no such device, or its driver is not loaded; \
         `ls /dev/gpiochip*` shows the GPIO devices that there are",
        path.display()
    )
}

fn permission_denied(path: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = path.display();
    if path.starts_with("/dev/mem") {
        // Only root may, and not even root where the kernel is locked down.
        return write!(
            f,
            "this kernel has no /dev/gpiomem, and {shown} is not open to this user: use the LED backend gpiochip"
        );
    }
    if path.starts_with("/dev") {
        return write!(
            f,
            "no right to use {shown}: add the user to the group gpio (sudo usermod -aG gpio USER, then log in \
             again), or install the udev rule 60-carom.rules of the package"
        );
    }
    write!(
        f,
        "no right to write {shown}: install the udev rule 60-carom.rules of the package, which gives it to the \
         group gpio, and add the user to that (sudo usermod -aG gpio USER)"
    )
}

fn not_header_chip(
    path: &Path,
    label: &str,
    header: Option<&PathBuf>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(
        f,
        "{} is {label:?}, which drives parts of the board and not the pins of the header: ",
        path.display()
    )?;
    match header {
        Some(header) => write!(f, "set chip = {header:?}"),
        None => write!(
            f,
            "set chip to the one that `gpiodetect` shows as pinctrl-bcm2835, pinctrl-bcm2711 or pinctrl-rp1"
        ),
    }
}

impl std::error::Error for LedError {}
