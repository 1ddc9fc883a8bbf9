//! What a node says of the ring's keys.

use crate::http::KeyStatus;
use crate::key::{Fingerprint, Key, Keys};
use crate::net::Links;

/// What everyone may know of the keys: their fingerprints.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyNames {
    used: Fingerprint,
    other: Option<Fingerprint>,
}

impl KeyNames {
    pub(super) fn of(keys: &Keys) -> Self {
        Self {
            used: keys.used().fingerprint(),
            other: keys.other().map(Key::fingerprint),
        }
    }

    pub(super) fn status(self, links: &Links) -> KeyStatus {
        KeyStatus {
            used: self.used.to_string(),
            also_accepted: self.other.map(|other| other.to_string()),
            links: links.count_with(self.used),
        }
    }
}
