//! The line of a pass, written and read without serde: a hop consists of little else.
//!
//! Both are the same as what serde makes of [`Pass`]: [`encode`] writes the same bytes, and [`parse`] reads lines
//! that are written so. It leaves every other line, a wrong one included, to serde.

use crate::ring::message::Pass;
use crate::ring::{
    BallId, BallState, CoverDigest, Generation, Lineage, NodeId, Record, Renewal, Stamp,
};

/// How the line of a pass begins.
const BEGIN: &[u8] = br#"{"type":"pass","ball":"#;

/// The hexadecimal digits.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends the line of a pass, without its newline. `false`, and nothing is appended, for numbers that JSON does
/// not have.
pub(super) fn encode(pass: &Pass, line: &mut Vec<u8>) -> bool {
    let Record { stamp, state } = &pass.record;
    let ([x, y], [across, up]) = (state.position, state.velocity);
    let floats = [x, y, across, up, state.radius];
    if !floats.iter().all(|float| float.is_finite()) {
        return false;
    }
    line.extend_from_slice(BEGIN);
    integer(pass.ball.0, line);
    line.extend_from_slice(br#","generation":""#);
    integer(stamp.generation.round, line);
    line.push(b'.');
    line.extend_from_slice(&hexadecimal(stamp.generation.nonce));
    line.extend_from_slice(br#"","hop":"#);
    integer(stamp.hop, line);
    let names: [&[u8]; 5] = [
        br#","state":{"position":["#,
        b",",
        br#"],"velocity":["#,
        b",",
        br#"],"radius":"#,
    ];
    for (name, float) in names.into_iter().zip(floats) {
        line.extend_from_slice(name);
        line.extend_from_slice(zmij::Buffer::new().format_finite(float).as_bytes());
    }
    let names: [&[u8]; 3] = [br#","color":["#, b",", b","];
    for (name, part) in names.into_iter().zip(state.color) {
        line.extend_from_slice(name);
        integer(part, line);
    }
    line.extend_from_slice(br#"]},"left":"#);
    integer(pass.left, line);
    if let Some(echo) = pass.echo {
        line.extend_from_slice(br#","echo":"#);
        integer(echo, line);
    }
    line.extend_from_slice(br#","since":"#);
    integer(pass.since, line);
    let mut before: &[u8] = br#","lineage":[["#;
    for renewal in pass.lineage.as_slice() {
        line.extend_from_slice(before);
        integer(renewal.hop, line);
        line.push(b',');
        integer(renewal.node.0, line);
        before = b"],[";
    }
    if !pass.lineage.is_empty() {
        line.extend_from_slice(b"]]");
    }
    if let Some(cover) = pass.cover {
        line.extend_from_slice(br#","cover":""#);
        line.extend_from_slice(&hexadecimal(cover.bits()));
        line.push(b'"');
    }
    line.push(b'}');
    true
}

fn integer(number: impl itoa::Integer, line: &mut Vec<u8>) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn hexadecimal(number: u64) -> [u8; 16] {
    std::array::from_fn(|place| {
        let digit = number >> (60 - 4 * place) & 0xf;
        DIGITS.get(digit as usize).copied().unwrap_or_default()
    })
}

/// The pass in a line that is written as [`encode`] does; `None` for any other line.
pub(super) fn parse(line: &[u8]) -> Option<Pass> {
    let mut rest = Rest(line);
    rest.skip(BEGIN)?;
    let ball = BallId(rest.integer()?.try_into().ok()?);
    rest.skip(br#","generation":""#)?;
    let round = rest.integer()?;
    rest.skip(b".")?;
    let nonce = rest.hexadecimal()?;
    let generation = Generation { round, nonce };
    rest.skip(br#"","hop":"#)?;
    let hop = rest.integer()?;
    let state = rest.state()?;
    rest.skip(br#","left":"#)?;
    let left = rest.integer()?;
    let echo = match rest.skip(br#","echo":"#) {
        Some(()) => Some(rest.integer()?),
        None => None,
    };
    rest.skip(br#","since":"#)?;
    let since = rest.integer()?;
    let lineage = match rest.skip(br#","lineage":["#) {
        Some(()) => rest.lineage()?,
        None => Lineage::default(),
    };
    let cover = match rest.skip(br#","cover":""#) {
        Some(()) => {
            let bits = rest.hexadecimal()?;
            rest.skip(b"\"")?;
            Some(CoverDigest::from_bits(bits))
        }
        None => None,
    };
    rest.skip(b"}")?;
    let stamp = Stamp { generation, hop };
    rest.0.is_empty().then_some(Pass {
        ball,
        record: Record { stamp, state },
        left,
        echo,
        since,
        lineage,
        cover,
    })
}

/// What has not been read of a line.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Reads exactly this text.
    fn skip(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Reads so many bytes.
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Reads a whole number as JSON has it: without a sign, and without zeros in front.
    fn integer(&mut self) -> Option<u64> {
        let count = self.digits();
        let digits = self.take(count)?;
        if matches!(digits, [] | [b'0', _, ..]) {
            return None;
        }
        digits.iter().try_fold(0_u64, |number, digit| {
            let number = number.checked_mul(10)?;
            number.checked_add(u64::from(digit - b'0'))
        })
    }

    /// How many digits come next.
    fn digits(&self) -> usize {
        let other = self.0.iter().position(|byte| !byte.is_ascii_digit());
        other.unwrap_or(self.0.len())
    }

    /// Reads a decimal number as JSON has it, without an exponent.
    fn float(&mut self) -> Option<f64> {
        let text = self.0;
        let negative = self.skip(b"-").is_some();
        let whole = self.digits();
        let has_zeros = self.0.first() == Some(&b'0') && whole > 1;
        self.take(whole)?;
        let mut length = usize::from(negative) + whole;
        if self.skip(b".").is_some() {
            let fraction = self.digits();
            self.take(fraction)?;
            if fraction == 0 {
                return None;
            }
            length += 1 + fraction;
        }
        if whole == 0 || has_zeros || matches!(self.0.first(), Some(b'e' | b'E')) {
            return None;
        }
        let text = std::str::from_utf8(text.get(..length)?).ok()?;
        let number: f64 = text.parse().ok()?;
        number.is_finite().then_some(number)
    }

    fn hexadecimal(&mut self) -> Option<u64> {
        self.take(16)?.iter().try_fold(0, |number, &digit| {
            let digit = (digit as char).to_digit(16)?;
            Some(number << 4 | u64::from(digit))
        })
    }

    fn pair(&mut self) -> Option<[f64; 2]> {
        let first = self.float()?;
        self.skip(b",")?;
        Some([first, self.float()?])
    }

    fn state(&mut self) -> Option<BallState> {
        self.skip(br#","state":{"position":["#)?;
        let position = self.pair()?;
        self.skip(br#"],"velocity":["#)?;
        let velocity = self.pair()?;
        self.skip(br#"],"radius":"#)?;
        let radius = self.float()?;
        let mut color = [0; 3];
        let names: [&[u8]; 3] = [br#","color":["#, b",", b","];
        for (name, part) in names.into_iter().zip(&mut color) {
            self.skip(name)?;
            *part = self.integer()?.try_into().ok()?;
        }
        self.skip(b"]}")?;
        Some(BallState {
            position,
            velocity,
            radius,
            color,
        })
    }

    /// Reads the renewals up to the end of their list; there is at least one.
    fn lineage(&mut self) -> Option<Lineage> {
        let mut lineage = Lineage::default();
        loop {
            self.skip(b"[")?;
            let hop = self.integer()?;
            self.skip(b",")?;
            let node = NodeId(self.integer()?.try_into().ok()?);
            self.skip(b"]")?;
            lineage.push(Renewal { hop, node })?;
            if self.skip(b"]").is_some() {
                return Some(lineage);
            }
            self.skip(b",")?;
        }
    }
}

#[cfg(test)]
mod tests;
