//! A capture's connections as lines of text.

use std::io::{self, Write};

use super::connection::Connection;
use super::shown::{self, Item};

/// Prints the connections with their numbers.
pub(super) fn print(
    shown: &[(usize, &Connection)],
    most: usize,
    notes: &[String],
    out: &mut impl Write,
) -> io::Result<()> {
    for (number, connection) in shown {
        let Connection { client, server, .. } = connection;
        writeln!(out, "Connection {number}: client {client}, server {server}")?;
        writeln!(out, "{}", shown::summary(connection))?;
        let began = connection.rows.first().map_or(0, |row| row.segment.at);
        for item in shown::items(connection, most) {
            match item {
                Item::Pause(nanos) => writeln!(out, "{:>14}{}", "", shown::pause(nanos))?,
                Item::LeftOut(sentence) => writeln!(out, "{:>14}{sentence}", "")?,
                Item::Segment(row) => {
                    let at = shown::seconds(row.segment.at.saturating_sub(began));
                    let arrow = if row.from_client { "-->" } else { "<--" };
                    let note = match shown::note(row) {
                        note if note.is_empty() => note,
                        note => format!("   ({note})"),
                    };
                    writeln!(out, "{at:>12}  {arrow}  {}{note}", shown::label(row))?;
                }
            }
        }
        writeln!(out)?;
    }
    for note in notes {
        writeln!(out, "{note}")?;
    }
    Ok(())
}
