//! What another process must know of an LED to switch it off, and what then switches it off.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::LedError;

/// How another process switches an LED off that this process drives.
#[derive(Debug)]
pub struct OffSwitch {
    /// What is to be done.
    pub how: OffWay,
    /// The descriptor that this needs, if it needs one.
    pub line: Option<OwnedFd>,
}

impl OffSwitch {
    /// A way that needs no descriptor.
    pub(super) fn without_line(how: OffWay) -> Self {
        Self { how, line: None }
    }
}

/// What switches an LED off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OffWay {
    /// A pin, through the memory of the GPIO block.
    Pin {
        /// The pin's BCM number.
        pin: u16,
        /// The LED is on while the pin is low.
        active_low: bool,
    },
    /// A line of the kernel's character device: the descriptor of the request, which both processes use.
    Line {
        /// The device, for errors.
        chip: PathBuf,
    },
    /// A file, such as one of an LED of the kernel.
    File {
        /// The file.
        path: PathBuf,
        /// What is to be written to it.
        value: String,
    },
    /// A trace: a line for every ball that is on in it.
    Trace {
        /// The file.
        path: PathBuf,
    },
}

/// Switches an LED off that another process drives.
pub trait PutOut {
    /// Switches the LED off.
    ///
    /// # Errors
    /// When the device refuses.
    fn put_out(&mut self) -> Result<(), LedError>;
}
