//! The log: lines on standard error, in the format that suits its reader.

use std::fmt;
use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The reader of standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// The journal: it adds the time, and takes the priority from a prefix.
    Journal,
    /// A person at a terminal.
    Terminal,
    /// A file or a pipe.
    Plain,
}

/// Starts to log at `level` and above; to be called once per process.
pub fn init(level: Level) {
    let reader = reader();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(reader == Reader::Terminal)
        .event_format(Format(reader))
        .finish();
    // Fails only when there is a log already, which then goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The level that `CAROM_LOG` names, or `default`.
pub fn level(default: Level) -> Level {
    std::env::var("CAROM_LOG")
        .ok()
        .and_then(|name| name.parse().ok())
        .unwrap_or(default)
}

fn reader() -> Reader {
    if std::io::stderr().is_terminal() {
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

struct Format(Reader);

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        match self.0 {
            Reader::Journal => write!(writer, "<{}>", priority(level))?,
            Reader::Terminal => {
                let (color, plain) = (color(level), "\x1b[0m");
                write!(writer, "{color}{level:>5}{plain} ")?;
            }
            Reader::Plain => {
                SystemTime.format_time(&mut writer)?;
                write!(writer, " {level:>5} ")?;
            }
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// The priority of syslog(3) that sd-daemon(3) prefixes carry.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

fn color(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[2m",
    }
}
