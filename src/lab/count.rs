//! Numbers with their nouns, for people.

use std::fmt;

/// So many of something: `1 byte`, `2 bytes`.
pub struct Count(pub u64, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, noun) = self;
        let ending = if *number == 1 { "" } else { "s" };
        write!(formatter, "{number} {noun}{ending}")
    }
}
