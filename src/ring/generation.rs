//! Which ball, and where a state stands in its history: generation and hop.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::motion::BallState;

/// The number of a ball: 1 for the first `[[ball]]` of the ring file, 2 for the second, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BallId(pub u32);

impl fmt::Display for BallId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The term that an election begins (a term in Raft, a ballot in Paxos): ordered by round, then nonce.
///
/// The nonce is random, so no two generations are ever equal, even if a node
/// lost in a crash what it had begun. Written `round.nonce`, the nonce as
/// sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    /// One above the highest round that its candidate knew.
    pub round: u64,
    /// 64 random bits drawn by the candidate.
    pub nonce: u64,
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:016x}", self.round, self.nonce)
    }
}

/// The text was not `round.nonce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAGeneration;

impl fmt::Display for NotAGeneration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "a generation is a decimal round, a full stop and sixteen hexadecimal digits",
        )
    }
}

impl std::error::Error for NotAGeneration {}

impl FromStr for Generation {
    type Err = NotAGeneration;

    fn from_str(text: &str) -> Result<Self, NotAGeneration> {
        let (round, nonce) = text.split_once('.').ok_or(NotAGeneration)?;
        let digits = |text: &str, radix| {
            let plain = !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
            plain
                .then(|| u64::from_str_radix(text, radix).ok())
                .flatten()
        };
        if nonce.len() != 16 {
            return Err(NotAGeneration);
        }
        Ok(Self {
            round: digits(round, 10).ok_or(NotAGeneration)?,
            nonce: digits(nonce, 16).ok_or(NotAGeneration)?,
        })
    }
}

impl Serialize for Generation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Generation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Generation;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a generation such as \"3.00000000c0ffee00\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Generation, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A state's place in a ball's history: `(generation, hop)` orders all states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The term in which the state was made.
    pub generation: Generation,
    /// The number of passes that the ball has made since it began.
    pub hop: u64,
}

/// A ball's state with its place in the history.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The place in the history.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The motion at that place.
    pub state: BallState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_reads_back_what_it_writes() {
        let generation = Generation {
            round: 3,
            nonce: 0xc0ffee,
        };
        assert_eq!(generation.to_string(), "3.0000000000c0ffee");
        assert_eq!("3.0000000000c0ffee".parse(), Ok(generation));
        for wrong in [
            "",
            "3",
            "3.c0ffee",
            "+3.0000000000c0ffee",
            "3.000000000+c0ffee",
            "-1.0000000000c0ffee",
        ] {
            assert_eq!(wrong.parse::<Generation>(), Err(NotAGeneration), "{wrong}");
        }
    }

    #[test]
    fn round_goes_before_nonce_before_hop() {
        let stamp = |round, nonce, hop| Stamp {
            generation: Generation { round, nonce },
            hop,
        };
        assert!(stamp(2, 0, 0) > stamp(1, 9, 9));
        assert!(stamp(1, 2, 0) > stamp(1, 1, 9));
        assert!(stamp(1, 1, 1) > stamp(1, 1, 0));
    }
}
