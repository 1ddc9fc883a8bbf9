//! A file instead of an LED: one line for each change, for tests and observers.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::change::{Led, LedChange};
use super::error::LedError;

/// Appends `MONOTONIC_NANOSECONDS NODE on|off BALL GENERATION HOP` for every change.
///
/// Each line is one write, so the lines of several processes can be merged by time. The line is
/// written when `show` returns, before any other node learns of the change.
pub(super) struct Trace {
    path: PathBuf,
    file: Option<File>,
    now: fn() -> u64,
    line: Vec<u8>,
}

impl Trace {
    /// Opens `path` for appending, or creates it. `now` returns `CLOCK_MONOTONIC` in nanoseconds.
    ///
    /// If the file cannot be opened, the error is returned beside it, and every change tries again.
    pub(super) fn open(path: PathBuf, now: fn() -> u64) -> (Self, Option<LedError>) {
        let mut trace = Self {
            path,
            file: None,
            now,
            line: Vec::with_capacity(96),
        };
        match trace.reopen() {
            Ok(file) => {
                trace.file = Some(file);
                (trace, None)
            }
            Err(error) => (trace, Some(error)),
        }
    }

    fn reopen(&self) -> Result<File, LedError> {
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path);
        opened.map_err(|source| LedError::Trace {
            path: self.path.clone(),
            source,
        })
    }
}

impl Led for Trace {
    fn show(&mut self, change: &LedChange<'_>, _lit: bool) -> Result<(), LedError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.reopen()?,
        };
        let LedChange {
            node,
            on,
            ball,
            generation,
            hop,
        } = *change;
        let state = if on { "on" } else { "off" };
        self.line.clear();
        let written = writeln!(
            self.line,
            "{} {node} {state} {ball} {generation} {hop}",
            (self.now)()
        )
        .and_then(|()| append(&file, &self.line));
        written.map_err(|source| LedError::Trace {
            path: self.path.clone(),
            source,
        })?;
        self.file = Some(file);
        Ok(())
    }
}

/// Writes the whole line or nothing: half a line would also corrupt the next one.
fn append(mut file: &File, line: &[u8]) -> io::Result<()> {
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
    use super::super::suite::change;
    use super::*;

    #[test]
    fn a_change_is_one_line_of_six_fields_appended_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("led");
        std::fs::write(&path, "before\n").unwrap();
        let (mut trace, fault) = Trace::open(path.clone(), || 42);
        assert!(fault.is_none());
        trace.show(&change(true, 7), true).unwrap();
        trace.show(&change(false, 7), false).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "before\n42 pi1 on 1 3.00000000c0ffee00 7\n42 pi1 off 1 3.00000000c0ffee00 7\n"
        );
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named_with_what_to_do() {
        let (mut trace, fault) = Trace::open("/nowhere/led".into(), || 0);
        assert!(trace.show(&change(true, 1), true).is_err());
        let sentence = fault.unwrap().to_string();
        assert!(
            sentence.contains("/nowhere/led") && sentence.contains("choose a path"),
            "{sentence}"
        );
    }

    #[test]
    fn a_full_disk_is_an_error_and_the_next_change_tries_again() {
        let (mut trace, _) = Trace::open("/dev/full".into(), || 0);
        assert!(trace.show(&change(true, 1), true).is_err());
        let folder = tempfile::tempdir().unwrap();
        trace.path = folder.path().join("led");
        assert!(trace.show(&change(true, 2), true).is_ok());
    }
}
