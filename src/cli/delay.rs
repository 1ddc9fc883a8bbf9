//! Says on standard error what a receiver keeps this program waiting for.

use std::io::{self, Write as _};

use crate::lab::client::Delay;

/// Prints the delay, on a line of its own where a progress bar may stand.
pub(super) fn print(delay: Delay) {
    let mut err = io::stderr();
    let clear = if io::IsTerminal::is_terminal(&err) {
        "\r\x1b[K"
    } else {
        ""
    };
    // Fails only if nobody reads standard error.
    let _ = writeln!(err, "{clear}carom: {delay}");
}
