//! An obituary: the proof that a process of a node has ended. For both ends: the LED keeper, which sends it, and the peers.
//!
//! A process draws a secret at its start, gives it to its LED keeper, and tells its peers the hash. Whoever has the secret
//! has it from the keeper, and the keeper tells it only once the process has ended: `docs/decisions/0032-obituaries.md`.

use std::{fmt, io};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::ring::Incarnation;

/// The number of bytes in a secret and in its commitment.
const LENGTH: usize = 32;

/// What the line begins with.
const PREFIX: &[u8] = br#"{"type":"obituary","#;

/// The answer of a peer that believes an obituary.
pub const NOTED: &[u8] = b"{\"type\":\"noted\"}\n";

/// What only a process and its LED keeper know. It is never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; LENGTH]>);

/// The hash of a secret, which every peer may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment([u8; LENGTH]);

/// The line that proves the end of a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "obituary")]
pub struct Obituary {
    /// The node's name.
    pub node: String,
    /// Its process that has ended.
    pub incarnation: Incarnation,
    /// The secret of that process.
    pub secret: Secret,
}

impl Secret {
    /// A new secret.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn draw() -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        getrandom::fill(&mut *bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// What the peers are told at the start.
    pub fn commitment(&self) -> Commitment {
        Commitment(Sha256::digest(*self.0).into())
    }
}

impl Commitment {
    /// The commitment in a hello; `None` if it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        bytes(text).map(|bytes| Self(*bytes))
    }
}

impl Obituary {
    /// The obituary in a line; `None` if it is something else.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let is_one = line.starts_with(PREFIX);
        is_one.then(|| serde_json::from_slice(line).ok()).flatten()
    }

    /// The line, with its newline.
    pub fn line(&self) -> Vec<u8> {
        // This cannot fail: it has no maps, and a Vec takes every byte.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// The bytes that a text gives in hexadecimal digits.
fn bytes(text: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    let count = base16ct::lower::decode(text, &mut *bytes).ok()?.len();
    (count == LENGTH).then_some(bytes)
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&base16ct::lower::encode_string(&self.0))
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(base16ct::lower::encode_string(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let sentence = "a secret is 64 hexadecimal digits";
        bytes(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(sentence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_as_it_was_and_its_secret_fits_its_commitment_alone() {
        let secret = Secret::draw().unwrap();
        let obituary = Obituary {
            node: "pi3".to_owned(),
            incarnation: Incarnation(7),
            secret: secret.clone(),
        };
        let line = obituary.line();
        assert!(line.starts_with(PREFIX) && line.ends_with(b"\n"));
        let read = Obituary::parse(&line).unwrap();
        assert_eq!((&*read.node, read.incarnation), ("pi3", Incarnation(7)));
        assert_eq!(read.secret.commitment(), secret.commitment());
        assert_ne!(
            Secret::draw().unwrap().commitment(),
            secret.commitment(),
            "another one"
        );
        let text = secret.commitment().to_string();
        assert_eq!(Commitment::parse(&text), Some(secret.commitment()));
        assert!(!format!("{read:?}").contains(&text[..8]), "never shown");
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    #[test]
    fn what_is_no_obituary_is_none() {
        let digits = "0".repeat(64);
        let good =
            format!(r#"{{"type":"obituary","node":"pi3","incarnation":"7","secret":"{digits}"}}"#);
        assert!(Obituary::parse(good.as_bytes()).is_some());
        for (from, to) in [
            ("obituary", "hello"),
            ("secret", "mystery"),
            ("\"7\"", "\"x\""),
            ("000", "00"),
            ("000", "0000"),
            ("000", "00g"),
            ("}", ""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert!(Obituary::parse(bad.as_bytes()).is_none(), "{bad}");
        }
        for text in ["", "0", &digits[1..], &"z".repeat(64), &"0".repeat(66)] {
            assert_eq!(Commitment::parse(text), None, "{text}");
        }
    }
}
