//! How a line of the log looks to its reader.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The reader of standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The journal: it adds the time, and takes the priority from a prefix.
    Journal,
    /// A person at a terminal.
    Terminal,
    /// A file or a pipe.
    Plain,
}

/// Formats the events of `tracing`.
pub(super) struct Format {
    pub(super) reader: Reader,
    /// Who logs, if several processes log to the same place.
    pub(super) name: Option<String>,
}

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
        self.reader.begin_line(&mut writer, level)?;
        if let Some(name) = &self.name {
            write!(writer, "{name}: ")?;
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

impl Reader {
    /// A whole line, as the event would be written.
    pub(super) fn line(self, level: Level, text: fmt::Arguments<'_>) -> String {
        let mut line = String::new();
        // Writing to a string cannot fail.
        let _ = self.begin_line(&mut Writer::new(&mut line), level);
        let _ = fmt::write(&mut line, format_args!("{text}\n"));
        line
    }

    /// Writes what comes before the text.
    fn begin_line(self, writer: &mut Writer<'_>, level: Level) -> fmt::Result {
        match self {
            Self::Journal => write!(writer, "<{}>", priority(level)),
            Self::Terminal => {
                let (color, plain) = (color(level), "\x1b[0m");
                write!(writer, "{color}{level:>5}{plain} ")
            }
            Self::Plain => {
                SystemTime.format_time(writer)?;
                write!(writer, " {level:>5} ")
            }
        }
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
