//! The ring's keys: reads them from the file that the ring file names, and says which they are.

use crate::config::Config;
use crate::http::KeyStatus;
use crate::key::{Fingerprint, Key, KeyFileError, Keys};
use crate::net::Links;

/// The keys of the ring's key file; `None` if the ring has no key.
///
/// # Errors
/// When the ring file names a key file that cannot be used.
pub fn read(config: &Config) -> Result<Option<Keys>, KeyFileError> {
    let path = config.ring.key_file.as_deref();
    path.map(Keys::read).transpose()
}

/// Which keys the links are made with, as a sentence.
pub fn in_words(keys: &Keys) -> String {
    let used = keys.used().fingerprint();
    match keys.other().map(Key::fingerprint) {
        Some(other) => format!("links use the key {used}, and {other} is also accepted"),
        None => format!("links use the key {used}, and no other is accepted"),
    }
}

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
