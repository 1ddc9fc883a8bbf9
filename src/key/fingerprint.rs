//! What a key is called: six words that people can compare aloud.

use std::fmt;
use std::str::FromStr;

use super::words::WORDS;

/// The name of a key, such as `amber-tulip-north-cello-raft-igloo`. It may be shown to anyone.
///
/// It is a part of a hash of the key, and a key has 256 random bits, so nobody finds the key from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Self::WORDS]);

impl Fingerprint {
    /// How many words there are, one for each byte.
    pub(super) const WORDS: usize = 6;

    pub(super) const fn new(bytes: [u8; Self::WORDS]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, &byte) in self.0.iter().enumerate() {
            let hyphen = if index == 0 { "" } else { "-" };
            let word = WORDS.get(usize::from(byte)).copied().unwrap_or_default();
            write!(formatter, "{hyphen}{word}")?;
        }
        Ok(())
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is six words with hyphens between them, as `carom key show` prints them")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let mut words = text.split('-');
        let mut bytes = [0; Self::WORDS];
        for byte in &mut bytes {
            let word = words.next().ok_or(NotAFingerprint)?;
            let index = WORDS.binary_search(&word).map_err(|_| NotAFingerprint)?;
            *byte = u8::try_from(index).map_err(|_| NotAFingerprint)?;
        }
        match words.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(NotAFingerprint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        let ends = Fingerprint([0, 255, 5, 128, 1, 17]);
        let shown = ends.to_string();
        assert_eq!(shown.split('-').count(), 6);
        assert!(shown.starts_with("acorn-zigzag-anchor-"), "{shown}");
        assert_eq!(shown.parse(), Ok(ends));
    }

    #[test]
    fn other_texts_are_no_fingerprints() {
        for text in [
            "",
            "amber",
            "amber-amber-amber-amber-amber",
            "amber-amber-amber-amber-amber-amber-amber",
            "amber-amber-amber-amber-amber-nothing",
            "Amber-amber-amber-amber-amber-amber",
            "amber-amber-amber-amber-amber-amber ",
            "------",
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NotAFingerprint), "{text}");
        }
    }
}
