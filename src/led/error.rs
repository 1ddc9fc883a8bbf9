//! Why an LED could not be set, in one sentence that says what to do.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// An LED could not be set.
#[derive(Debug, thiserror::Error)]
pub enum LedError {
    /// The trace file cannot be opened or written.
    #[error(
        "the trace file {path} cannot be written ({source}): choose a path in a folder that exists, is writable and \
         has space"
    )]
    Trace {
        /// The trace file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The backend `gpio` does not know this machine.
    #[error(
        "this machine is no Raspberry Pi that the LED backend gpio knows (Pi 1 to 5, Zero, Compute Modules): use \
         gpiochip, sysfs or none here"
    )]
    NotAPi,
    /// A device of the GPIO block does not exist.
    #[error("{}", no_device(path))]
    NoDevice {
        /// The device.
        path: PathBuf,
    },
    /// A file exists but may not be written, or not be read.
    #[error("{}", permission_denied(path))]
    PermissionDenied {
        /// The file.
        path: PathBuf,
    },
    /// The file is no GPIO device.
    #[error(
        "{path} is no GPIO device: set chip to one that `ls /dev/gpiochip*` shows, or leave chip out for the header of a Pi"
    )]
    NotAChip {
        /// The file.
        path: PathBuf,
    },
    /// The GPIO device is one of a Pi, but not the one with the pins of the header.
    #[error(
        "{path} is {label:?}, which drives parts of the board and not the pins of the header: {}",
        choose_chip(header.as_deref())
    )]
    NotHeaderChip {
        /// The device.
        path: PathBuf,
        /// What its driver calls it.
        label: String,
        /// The device that has the header, if this process can see it.
        header: Option<PathBuf>,
    },
    /// A pin above those of a Pi's header, without a device that is named.
    #[error(
        "pin {pin} is not on the header of a Pi, which has the pins 0 to 27: choose one of those; for another pin of \
         that device, such as one of a Compute Module, set chip = {path:?}"
    )]
    NotOnHeader {
        /// The pin's number.
        pin: u16,
        /// The device that has the header.
        path: PathBuf,
    },
    /// No device is named, none has the pins of a Pi's header, and there is none of the usual name.
    #[error(
        "no GPIO device has the pins of a Pi's header: set chip to one of {}",
        listed(known)
    )]
    NoHeader {
        /// The devices that there are.
        known: Vec<PathBuf>,
    },
    /// The GPIO device has no such pin.
    #[error(
        "{path} has {lines} pins, counted from 0, and none of number {pin}: correct pin or chip"
    )]
    NoPin {
        /// The pin's number.
        pin: u16,
        /// The device.
        path: PathBuf,
        /// How many pins it has, counted from 0.
        lines: u32,
    },
    /// Another program, or the kernel, uses the pin.
    #[error(
        "pin {pin} (BCM) is in use by {}: end that program, or take the dtoverlay or dtparam that claims the pin out \
         of config.txt, or choose another pin; `gpioinfo` shows who has which",
        shown_user(user)
    )]
    PinInUse {
        /// The pin's BCM number.
        pin: u16,
        /// The name that its user gave to the kernel; may be empty.
        user: String,
    },
    /// The kernel knows no such LED.
    #[error("there is no LED {name:?} in {folder}: {}", choose_name(known))]
    NoLed {
        /// The LED's name.
        name: String,
        /// The folder of all LEDs.
        folder: PathBuf,
        /// The names of the LEDs in it.
        known: Vec<String>,
    },
    /// This board has no green LED that the kernel knows.
    #[error(
        "this board has no green LED that the kernel knows: {folder} has neither ACT nor led0; {}",
        choose_name(known)
    )]
    NoActLed {
        /// The folder of all LEDs.
        folder: PathBuf,
        /// The names of the LEDs in it.
        known: Vec<String>,
    },
    /// The folder or file of that name is no LED.
    #[error(
        "{path} is no LED, as it has no file brightness: set name to one that `ls /sys/class/leds` shows"
    )]
    NotAnLed {
        /// The folder or file.
        path: PathBuf,
    },
    /// The device exists and may be used, but refuses.
    #[error("{path} refuses ({source}): `dmesg` may say why")]
    Device {
        /// The device.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl LedError {
    /// The error of a file that could not be opened, read or written.
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

/// The user of a pin. Any program may have given the kernel any name, so it is escaped.
fn shown_user(user: &str) -> String {
    if user.is_empty() {
        "the kernel".to_owned()
    } else {
        format!("{user:?}")
    }
}

fn choose_name(known: &[String]) -> String {
    if known.is_empty() {
        "there are no LEDs at all: use gpio, gpiochip or none on this machine".to_owned()
    } else {
        format!("set name to one of {}", known.join(", "))
    }
}

/// At most twenty: enough to choose from.
fn listed(paths: &[PathBuf]) -> String {
    let shown = paths.iter().take(20).map(|path| path.display().to_string());
    shown.collect::<Vec<_>>().join(", ")
}

fn choose_chip(header: Option<&Path>) -> String {
    match header {
        Some(header) => format!("set chip = {header:?}"),
        None => "set chip to the one that `gpiodetect` shows as pinctrl-bcm2835, pinctrl-bcm2711 or pinctrl-rp1"
            .to_owned(),
    }
}

fn no_device(path: &Path) -> String {
    let shown = path.display();
    if path.starts_with("/dev/gpiomem") {
        return format!("this kernel has no {shown}: use the LED backend gpiochip");
    }
    format!(
        "{shown} does not exist: this machine has no such device, or its driver is not loaded; \
         `ls /dev/gpiochip*` shows the GPIO devices that there are"
    )
}

fn permission_denied(path: &Path) -> String {
    let shown = path.display();
    if path.starts_with("/dev/mem") {
        // Only root may open it, and not even root where the kernel is locked down.
        return format!(
            "this kernel has no /dev/gpiomem, and {shown} is not open to this user: use the LED backend gpiochip"
        );
    }
    if path.starts_with("/dev") {
        return format!(
            "no right to use {shown}: add the user to the group gpio (sudo usermod -aG gpio USER, then log in \
             again), or install the udev rule 60-carom.rules of the package"
        );
    }
    format!(
        "no right to write {shown}: install the udev rule 60-carom.rules of the package, which gives it to the \
         group gpio, and add the user to that (sudo usermod -aG gpio USER)"
    )
}
