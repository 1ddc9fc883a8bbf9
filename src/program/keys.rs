//! The ring's keys: reads them from the file that the ring file names, and says which they are.

use crate::config::Config;
use crate::key::{Key, KeyFileError, Keys};

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
