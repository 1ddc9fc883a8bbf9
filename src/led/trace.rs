//! A file instead of an LED: one line for each change, for tests and observers.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::change::{Led, LedChange};
use super::error::LedError;
use super::off_switch::{OffSwitch, OffWay};
use super::trace_lines::{Shown, append};

/// How much of the end of a trace is read for what it still shows: some 200,000 changes.
const LONGEST_TAIL: u64 = 16 << 20;

/// Appends `MONOTONIC_NANOSECONDS NODE on|off BALL GENERATION HOP` for every change.
///
/// Each line is one write, so the lines of several processes can be merged by time. The line is
/// written when `show` returns, before any other node learns of the change.
pub(super) struct Trace {
    path: PathBuf,
    file: Option<File>,
    now: fn() -> u64,
    line: Vec<u8>,
    /// The file was opened, and the off switch was not taken yet.
    newly_opened: bool,
}

impl Trace {
    /// Opens `path` for appending, or creates it. `now` returns `CLOCK_MONOTONIC` in nanoseconds.
    ///
    /// A process that was killed has written no `off`. For every ball that the file still shows, this
    /// writes one: whoever reads it must not see an LED that nobody drives.
    ///
    /// If the file cannot be opened, the error is returned beside it, and every change tries again.
    pub(super) fn open(path: PathBuf, now: fn() -> u64) -> (Self, Option<LedError>) {
        let mut trace = Self {
            path,
            file: None,
            now,
            line: Vec::with_capacity(96),
            newly_opened: false,
        };
        let opened = trace.reopen().and_then(|file| {
            trace.end_earlier(&file)?;
            Ok(file)
        });
        match opened {
            Ok(file) => {
                trace.file = Some(file);
                trace.newly_opened = true;
                (trace, None)
            }
            Err(error) => (trace, Some(error)),
        }
    }

    /// Writes `off` for every ball that an earlier process left on.
    fn end_earlier(&mut self, file: &File) -> Result<(), LedError> {
        // A trace that cannot be read, such as a pipe, shows nobody an earlier life.
        for off in still_on(&self.path).unwrap_or_default().take_offs() {
            self.write(file, &off)?;
        }
        Ok(())
    }

    /// Writes one line, which begins with the moment.
    fn write(&mut self, file: &File, change: &dyn std::fmt::Display) -> Result<(), LedError> {
        self.line.clear();
        let written = writeln!(self.line, "{} {change}", (self.now)())
            .and_then(|()| append(file, &self.line));
        written.map_err(|source| LedError::Trace {
            path: self.path.clone(),
            source,
        })
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
            None => {
                self.newly_opened = true;
                self.reopen()?
            }
        };
        let LedChange {
            node,
            on,
            ball,
            generation,
            hop,
        } = *change;
        let state = if on { "on" } else { "off" };
        self.write(
            &file,
            &format_args!("{node} {state} {ball} {generation} {hop}"),
        )?;
        self.file = Some(file);
        Ok(())
    }

    fn take_off_switch(&mut self) -> Option<OffSwitch> {
        let newly_opened = std::mem::take(&mut self.newly_opened);
        newly_opened.then(|| {
            let path = self.path.clone();
            OffSwitch::without_line(OffWay::Trace { path })
        })
    }
}

/// What the end of a trace still shows as on.
fn still_on(path: &Path) -> io::Result<Shown> {
    let mut shown = Shown::default();
    if let file = fs::metadata(path)?
        && file.is_file()
    {
        let from = file.len().saturating_sub(LONGEST_TAIL);
        shown.read(&File::open(path)?, from)?;
    }
    Ok(shown)
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
    fn a_start_ends_what_an_earlier_process_left_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("led");
        let earlier = "1 pi1 on 1 3.00000000c0ffee00 7\n2 pi1 on 2 3.00000000c0ffee01 1\n\
                       3 pi1 off 1 3.00000000c0ffee00 7\nno line of a trace\n4 pi1 on 3 5.00000000c0ffee02 9\n\
                       5 pi1 on 1 4.00000000c0ffee00 8\n6 pi1 off 3 5.00000000c0ffee02 9\n";
        std::fs::write(&path, earlier).unwrap();
        let (trace, fault) = Trace::open(path.clone(), || 42);
        assert!(fault.is_none());
        drop(trace);
        let ended = format!(
            "{earlier}42 pi1 off 1 4.00000000c0ffee00 8\n42 pi1 off 2 3.00000000c0ffee01 1\n"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), ended);
        let (mut trace, _) = Trace::open(path.clone(), || 43);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), ended, "only once");
        trace.show(&change(true, 7), true).unwrap();
        drop(trace);
        Trace::open(path.clone(), || 44);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.ends_with("44 pi1 off 1 3.00000000c0ffee00 7\n"),
            "{text}"
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
