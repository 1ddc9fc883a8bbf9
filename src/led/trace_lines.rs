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
        let text = str::from_utf8(line).unwrap_or_default();
        let fields: Vec<&str> = text.split(' ').take(8).collect();
        let ([_, node, state, ball, generation, hop]
        | [_, node, state, ball, generation, hop, KEEPER]) = fields.as_slice()
        else {
            return;
        };
        let key = ((*node).to_owned(), (*ball).to_owned());
        if *state == "on" && text.len() <= LONGEST_LINE && self.0.len() < MOST_LIT {
            self.0.insert(key, format!("{generation} {hop}"));
        } else if *state == "off" {
            self.0.remove(&key);
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
