//! The GPIO backends where there is no GPIO: on systems other than Linux, on which no node runs.

use super::driver::LedDriver;
use super::error::LedError;
use super::off_switch::PutOut;

/// A device that cannot be opened.
pub(super) enum NoPin {}

impl LedDriver for NoPin {
    fn set(&mut self, _: bool) -> Result<(), LedError> {
        match *self {}
    }

    fn keep_when_dropped(&mut self) -> bool {
        match *self {}
    }
}

impl PutOut for NoPin {
    fn put_out(&mut self) -> Result<(), LedError> {
        match *self {}
    }
}

/// In place of `gpio.rs`.
pub(super) mod gpio {
    use super::{LedDriver, LedError, NoPin};

    pub(in crate::led) fn open(_: u16, _: bool) -> Result<Box<dyn LedDriver>, LedError> {
        Err(LedError::NotAPi)
    }

    pub(in crate::led) struct PinOff;

    impl PinOff {
        pub(in crate::led) fn open(_: u16, _: bool) -> Result<NoPin, LedError> {
            Err(LedError::NotAPi)
        }
    }
}

/// In place of `gpiochip.rs`.
pub(super) mod gpiochip {
    use std::os::fd::OwnedFd;
    use std::path::{Path, PathBuf};

    use super::{LedError, NoPin, PutOut};

    pub(in crate::led) const USUAL_CHIP: &str = "/dev/gpiochip0";

    pub(in crate::led) fn open(_: Option<&Path>, _: u16, _: bool) -> Result<NoPin, LedError> {
        Err(LedError::NotAPi)
    }

    pub(in crate::led) struct LineOff {
        chip: PathBuf,
    }

    impl LineOff {
        pub(in crate::led) fn new(_: OwnedFd, chip: PathBuf) -> Self {
            Self { chip }
        }
    }

    impl PutOut for LineOff {
        fn put_out(&mut self) -> Result<(), LedError> {
            let path = self.chip.clone();
            Err(LedError::NotAChip { path })
        }
    }
}
