//! The progress of a sweep, shown on a terminal.

use std::io::{self, IsTerminal as _, Write as _};

const WIDTH: usize = 44;

/// A progress bar on standard error; nothing if that is no terminal.
pub(super) struct Bar {
    terminal: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
        }
    }

    pub(super) fn show(&mut self, done: usize, all: usize) {
        if !self.terminal {
            return;
        }
        let full = (done * WIDTH).checked_div(all).unwrap_or(0);
        let (full, rest) = ("#".repeat(full), ".".repeat(WIDTH.saturating_sub(full)));
        // A bar that cannot be drawn does not matter to the measurement.
        let _ = write!(io::stderr(), "\r[{full}{rest}] {done} of {all}");
        let _ = io::stderr().flush();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
