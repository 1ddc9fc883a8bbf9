//! One key: what it consists of, how a key file writes it, and what it is called.

use std::{fmt, io};

use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::error::LineFault;
use super::fingerprint::Fingerprint;

/// What a line with a key begins with. Another kind of key would have another number.
const PREFIX: &str = "carom-key-1";

/// The number of bytes in a key.
const LENGTH: usize = 32;

/// A secret that all nodes of a ring share. It is wiped from memory when it is dropped, and never shown.
#[derive(Clone)]
pub struct Key([u8; LENGTH]);

impl Key {
    /// A new key from the system's source of random numbers.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> io::Result<Self> {
        let mut key = Self([0; LENGTH]);
        getrandom::fill(&mut key.0).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(key)
    }

    /// The key of these bytes.
    pub const fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// The secret itself.
    pub const fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// The name of the key, which may be shown to anyone.
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = Sha256::new()
            .chain_update(b"carom key fingerprint")
            .chain_update(self.0)
            .finalize();
        let mut bytes = [0; Fingerprint::WORDS];
        for (byte, hashed) in bytes.iter_mut().zip(hash) {
            *byte = hashed;
        }
        Fingerprint::new(bytes)
    }

    /// The key as a line of a key file, without the newline.
    pub(super) fn line(&self) -> Zeroizing<String> {
        // With room for all of it: a text that grows leaves copies of the key behind.
        let mut line = Zeroizing::new(String::with_capacity(PREFIX.len() + 1 + 2 * LENGTH));
        line.push_str(PREFIX);
        line.push(' ');
        let mut digits = Zeroizing::new([0; 2 * LENGTH]);
        // Fails only without room for all digits.
        line.push_str(base16ct::lower::encode_str(&self.0, &mut *digits).unwrap_or_default());
        line
    }

    /// Reads a line of a key file. No fault quotes the line: it may be a key with one wrong digit.
    pub(super) fn from_line(line: &[u8]) -> Result<Self, LineFault> {
        let rest = line
            .strip_prefix(PREFIX.as_bytes())
            .filter(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
            .ok_or(LineFault::Prefix)?;
        let digits = rest.trim_ascii();
        if digits.len() != 2 * LENGTH {
            return Err(LineFault::Length(digits.len()));
        }
        let mut key = Self([0; LENGTH]);
        // Capital letters are refused, so that a key is written in one way only.
        base16ct::lower::decode(digits, &mut key.0).map_err(|_| LineFault::Digit)?;
        Ok(key)
    }
}

impl PartialEq for Key {
    /// Takes the same time wherever the two differ.
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        pairs.fold(0, |found, (a, b)| found | (a ^ b)) == 0
    }
}

impl Eq for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_of_a_key_never_changes() {
        // (printf 'carom key fingerprint'; head -c 32 /dev/zero) | sha256sum
        let key = Key::from_bytes([0; LENGTH]);
        let expected = Fingerprint::new([0xa3, 0x53, 0xe9, 0xba, 0x27, 0x8f]);
        assert_eq!(key.fingerprint(), expected);
        assert_eq!(
            key.fingerprint().to_string(),
            "office-envelope-tulip-potato-cello-marble"
        );
    }

    #[test]
    fn new_keys_differ_and_are_read_as_they_are_written() {
        let (one, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        assert_ne!(one, other);
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!(Key::from_line(one.line().as_bytes()), Ok(one));
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = Key::from_bytes([0xab; LENGTH]);
        let shown = format!("{key:?} {key:#?}");
        assert!(
            !shown.contains("ab, ab") && !shown.contains("171"),
            "{shown}"
        );
        assert!(
            !shown.contains("abab") && !shown.contains("ABAB"),
            "{shown}"
        );
        assert!(shown.contains(&key.fingerprint().to_string()), "{shown}");
    }

    #[test]
    fn a_line_that_is_no_key_is_refused() {
        let digits = "0123456789abcdef".repeat(4);
        let line = |text: String| Key::from_line(text.as_bytes()).map(|_| ());
        assert_eq!(line(format!("carom-key-1 {digits}")), Ok(()));
        assert_eq!(line(format!("carom-key-1\t {digits} ")), Ok(()));
        assert_eq!(line(digits.clone()), Err(LineFault::Prefix));
        assert_eq!(
            line(format!("carom-key-2 {digits}")),
            Err(LineFault::Prefix)
        );
        assert_eq!(line(format!("carom-key-1{digits}")), Err(LineFault::Prefix));
        assert_eq!(line("carom-key-1".to_owned()), Err(LineFault::Length(0)));
        let short = format!("carom-key-1 {}", &digits[1..]);
        assert_eq!(line(short), Err(LineFault::Length(63)));
        let capital = format!("carom-key-1 {}", digits.to_uppercase());
        assert_eq!(line(capital), Err(LineFault::Digit));
        let spaced = format!("carom-key-1 {} {}", &digits[..31], &digits[32..]);
        assert_eq!(line(spaced), Err(LineFault::Digit));
    }
}
