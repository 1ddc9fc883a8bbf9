//! What the daemon and its LED keeper tell each other.

use serde::{Deserialize, Serialize};

use super::charge::Charge;
use crate::led::OffWay;

/// To the keeper: all that it is to know, each time. The timer comes with it as a descriptor, then the book of the
/// obituary, if there is one, then the line of the LED, if it has one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// Comes back in the answer.
    pub(super) number: u64,
    /// How to switch the LED off; `None` to let go of it.
    pub(super) led: Option<OffWay>,
    /// Whether the LED is off for certain while there is none to keep.
    pub(super) is_dark: bool,
    /// Whom to tell that the daemon has ended; `None` if nobody.
    pub(super) charge: Option<Charge>,
}

/// To the daemon.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The order of that number was carried out.
    Done(u64),
    /// The order of that number was not carried out, and the LED is not kept: why.
    Failed(u64, String),
    /// The deadline has passed, and the LED was switched off.
    PutOut,
    /// The deadline has passed, and the LED could not be switched off: why.
    Refused(String),
}
