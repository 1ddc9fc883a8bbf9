//! Keys for the tests of this folder.

use crate::key::{Key, Keys};

/// The keys of these bytes, each repeated: the first is used, the second is also accepted.
pub(super) fn keys(bytes: &[u8]) -> Keys {
    let mut keys = bytes.iter().map(|&byte| Key::from_bytes([byte; 32]));
    Keys::new(keys.next().unwrap(), keys.next())
}
