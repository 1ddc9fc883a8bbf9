//! Ends in a trace what another process left on in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;

use super::error::LedError;
use super::off_switch::PutOut;
use super::trace_lines::{KEEPER, Shown, append};

/// How much of the end of a trace is read for what is on in it: some 3,000 changes.
const LONGEST_TAIL: u64 = 256 << 10;

/// The trace of another process.
pub(super) struct TraceOff {
    path: PathBuf,
    now: fn() -> u64,
    shown: Shown,
    /// How much of the file was read.
    read: u64,
}

impl TraceOff {
    /// `now` returns `CLOCK_MONOTONIC` in nanoseconds.
    pub(super) fn new(path: PathBuf, now: fn() -> u64) -> Self {
        let shown = Shown::default();
        Self {
            path,
            now,
            shown,
            read: 0,
        }
    }

    /// Writes one `off` for every ball that is on.
    fn end_all(&mut self) -> io::Result<()> {
        // A pipe cannot be read.
        if !fs::metadata(&self.path)?.is_file() {
            return Ok(());
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&self.path)?;
        self.catch_up(&file)?;
        for off in self.shown.take_offs() {
            append(
                &file,
                format!("{} {off} {KEEPER}\n", (self.now)()).as_bytes(),
            )?;
        }
        Ok(())
    }

    /// Reads what was written since the last time.
    fn catch_up(&mut self, file: &File) -> io::Result<()> {
        let length = file.metadata()?.len();
        if self.read > length {
            // It was cut off or replaced.
            (self.shown, self.read) = (Shown::default(), 0);
        }
        let from = self.read.max(length.saturating_sub(LONGEST_TAIL));
        self.read = self.shown.read(file, from)?;
        Ok(())
    }
}

impl PutOut for TraceOff {
    fn put_out(&mut self) -> Result<(), LedError> {
        self.end_all().map_err(|source| LedError::Trace {
            path: self.path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::Led as _;
    use super::super::suite::change;
    use super::super::trace::Trace;
    use super::*;

    #[test]
    fn it_ends_what_is_on_once_and_says_that_it_was_the_keeper() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("led");
        let (mut trace, fault) = Trace::open(path.clone(), || 42);
        assert!(fault.is_none());
        let mut off = TraceOff::new(path.clone(), || 50);
        let text = || fs::read_to_string(&path).unwrap();
        off.put_out().unwrap();
        assert_eq!(text(), "", "nothing is on");
        for hop in [7, 9] {
            trace.show(&change(true, hop), true).unwrap();
            off.put_out().unwrap();
            let last = format!("50 pi1 off 1 3.00000000c0ffee00 {hop} keeper\n");
            assert!(text().ends_with(&last), "{}", text());
            let before = text();
            off.put_out().unwrap();
            assert_eq!(text(), before, "only once");
        }
        // The next start does not end it again.
        let before = text();
        drop(Trace::open(path.clone(), || 60));
        assert_eq!(text(), before);
        trace.show(&change(true, 11), true).unwrap();
        fs::write(&path, "1 pi1 on 2 3.00000000c0ffee00 1\n").unwrap();
        off.put_out().unwrap();
        let only = "1 pi1 on 2 3.00000000c0ffee00 1\n50 pi1 off 2 3.00000000c0ffee00 1 keeper\n";
        assert_eq!(text(), only, "the file is another one");
    }

    #[test]
    fn a_trace_that_is_gone_is_an_error_and_one_that_cannot_be_read_is_left_alone() {
        assert!(
            TraceOff::new("/nowhere/led".into(), || 0)
                .put_out()
                .is_err()
        );
        assert!(TraceOff::new("/dev/null".into(), || 0).put_out().is_ok());
    }
}
