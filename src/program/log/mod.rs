//! The log: lines on standard error, in the format that suits its reader.
//!
//! Whoever logs puts a line into a bounded queue and goes on. One thread writes; it alone waits when
//! nobody reads standard error (a full pipe, a journal that waits for its disk).

mod format;
mod queue;
mod thread;

use std::io::{self, IsTerminal as _};
use std::os::unix::fs::MetadataExt as _;

use tracing::Level;

use format::{Format, Reader};
use queue::LineQueue;
pub use thread::Log;

/// Starts to log at `level` and above; to be called once per process. Logs as long as the result lives.
///
/// # Errors
/// When the system has no thread for it.
pub fn init(level: Level) -> io::Result<Log> {
    init_named(level, None)
}

/// The same for one of several processes that log to the same place: each line begins with its name.
///
/// # Errors
/// As [`init`].
pub fn init_named(level: Level, name: Option<String>) -> io::Result<Log> {
    let reader = reader();
    let queue = LineQueue::default();
    let log = Log::start(queue.clone(), reader)?;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(queue)
        .log_internal_errors(false)
        .with_ansi(reader == Reader::Terminal)
        .event_format(Format { reader, name })
        .finish();
    // Fails only when there is a log already, which then goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(log)
}

/// The level that `CAROM_LOG` names, or `default`.
pub fn level(default: Level) -> Level {
    std::env::var("CAROM_LOG")
        .ok()
        .and_then(|name| name.parse().ok())
        .unwrap_or(default)
}

fn reader() -> Reader {
    if io::stderr().is_terminal() {
        return Reader::Terminal;
    }
    // systemd names the device and inode of its stream: after a redirection they differ.
    let stream = std::env::var("JOURNAL_STREAM").ok();
    let ours =
        std::fs::metadata("/dev/stderr").map(|file| format!("{}:{}", file.dev(), file.ino()));
    if stream.is_some() && stream == ours.ok() {
        Reader::Journal
    } else {
        Reader::Plain
    }
}
