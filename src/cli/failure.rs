//! Why a command failed, and the exit code that follows.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::config::Faults;
use crate::key::KeyFileError;

/// Why a command failed.
pub(super) enum Failure {
    /// Wrong usage: exit code 2.
    Usage(String),
    /// A ring file with faults, a line each: exit code 2.
    RingFile(Faults),
    /// A key file that cannot be used: exit code 2, as for the ring file that names it.
    KeyFile(KeyFileError),
    /// An error at run time: exit code 1.
    Run(String),
    /// An error that needs no message: exit code 1.
    Silent,
}

impl Failure {
    /// An error at run time.
    pub(super) fn run(error: impl fmt::Display) -> Self {
        Self::Run(error.to_string())
    }

    /// A file of results that cannot be written.
    pub(super) fn unwritable(path: &Path, error: &io::Error) -> Self {
        Self::Run(format!("{} cannot be written: {error}", path.display()))
    }

    /// Writes the message to standard error; the exit code.
    pub(super) fn report(&self) -> ExitCode {
        let (message, code) = match self {
            Self::Usage(sentence) => (format!("carom: {sentence}"), 2),
            // Each line begins with its place, as compilers write it, so that editors can jump there.
            Self::RingFile(faults) => (faults.to_string(), 2),
            Self::KeyFile(error) => (format!("carom: {error}"), 2),
            Self::Run(sentence) => (format!("carom: {sentence}"), 1),
            Self::Silent => return ExitCode::from(1),
        };
        // Fails only if nobody reads standard error.
        let _ = writeln!(io::stderr(), "{}", message.trim_end());
        ExitCode::from(code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // The reader of our output has closed it, and needs no message.
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Silent
        } else {
            Self::run(error)
        }
    }
}
