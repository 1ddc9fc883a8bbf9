//! The lines of a trace: `MONOTONIC_NANOSECONDS NODE on|off BALL GENERATION HOP`, and `keeper` behind those that the
//! LED keeper wrote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

/// Longer lines are no lines of a trace.
const LONGEST_LINE: usize = 256;

/// Balls that are looked for in a trace: more than a ring has, with its guests.
const MOST_LIT: usize = 1024;

/// The last word of a line that the LED keeper wrote.
pub(super) const KEEPER: &str = "keeper";

/// A line of a trace: an LED went on or off for a ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceLine<'a> {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub nanos: u64,
    /// The name of the node.
    pub node: &'a str,
    /// `true` if the ball came, `false` if it went.
    pub on: bool,
    /// The ball's number.
    pub ball: &'a str,
    /// The ball's generation.
    pub generation: &'a str,
    /// The ball's hop.
    pub hop: u64,
    /// The LED keeper wrote it, not the daemon.
    pub by_keeper: bool,
}

impl<'a> TraceLine<'a> {
    /// Reads a line, without its end; `None` if it is no line of a trace.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        if line.len() > LONGEST_LINE {
            return None;
        }
        let mut fields = str::from_utf8(line).ok()?.split(' ');
        let nanos = fields.next()?.parse().ok()?;
        let node = fields.next()?;
        let on = match fields.next()? {
            "on" => true,
            "off" => false,
            _ => return None,
        };
        let ball = fields.next()?;
        let generation = fields.next()?;
        let hop = fields.next()?.parse().ok()?;
        let by_keeper = match (fields.next(), fields.next()) {
            (None, _) => false,
            (Some(KEEPER), None) => true,
            _ => return None,
        };
        Some(Self {
            nanos,
            node,
            on,
            ball,
            generation,
            hop,
            by_keeper,
        })
    }
}

/// The node and the ball of every LED that a trace shows as on, each with generation and hop.
#[derive(Debug, Default)]
pub(super) struct Shown(BTreeMap<(String, String), String>);

impl Shown {
    /// Reads the lines of a trace from `from` on, up to its present end. Returns where that is.
    pub(super) fn read(&mut self, mut file: &File, from: u64) -> io::Result<u64> {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from))?;
        for line in BufReader::new(file.take(length.saturating_sub(from))).split(b'\n') {
            self.read_line(&line?);
        }
        Ok(length)
    }

    fn read_line(&mut self, line: &[u8]) {
        let Some(line) = TraceLine::parse(line) else {
            return;
        };
        let key = (line.node.to_owned(), line.ball.to_owned());
        if !line.on {
            self.0.remove(&key);
        } else if self.0.len() < MOST_LIT {
            self.0
                .insert(key, format!("{} {}", line.generation, line.hop));
        }
    }

    /// Forgets all, and returns what a line without its moment must say to switch each off.
    pub(super) fn take_offs(&mut self) -> impl Iterator<Item = String> + use<> {
        let lit = std::mem::take(&mut self.0).into_iter();
        lit.map(|((node, ball), stamp)| format!("{node} off {ball} {stamp}"))
    }
}

/// Writes the whole line or nothing: half a line would also corrupt the next one.
pub(super) fn append(mut file: &File, line: &[u8]) -> io::Result<()> {
    let written = file.write(line)?;
    if written == line.len() {
        return Ok(());
    }
    // The disk is almost full and took the beginning only: remove that.
    let partial = u64::try_from(written).unwrap_or(0);
    let length = file.metadata()?.len();
    file.set_len(length.saturating_sub(partial))?;
    Err(io::ErrorKind::StorageFull.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_a_trace_are_read() {
        let line = TraceLine {
            nanos: 42,
            node: "pi1",
            on: true,
            ball: "1",
            generation: "3.00000000c0ffee00",
            hop: 7,
            by_keeper: false,
        };
        let text = b"42 pi1 on 1 3.00000000c0ffee00 7";
        assert_eq!(TraceLine::parse(text), Some(line));
        let kept = TraceLine::parse(b"42 pi1 off 1 3.00000000c0ffee00 7 keeper").unwrap();
        assert!(kept.by_keeper && !kept.on);
        let long = format!("1 pi1 on 1 {} 7", "c".repeat(LONGEST_LINE));
        for wrong in [
            "",
            "42 pi1 on 1 3.00000000c0ffee00",
            "42 pi1 on 1 3.00000000c0ffee00 seven",
            "42 pi1 on 1 3.00000000c0ffee00 7 butler",
            "42 pi1 on 1 3.00000000c0ffee00 7 keeper twice",
            "42 pi1 dim 1 3.00000000c0ffee00 7",
            "now pi1 on 1 3.00000000c0ffee00 7",
            &long,
        ] {
            assert_eq!(TraceLine::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(TraceLine::parse(b"42 pi1 on 1 \xff 7"), None);
    }
}
