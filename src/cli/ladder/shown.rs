//! What is shown of a connection, in words: for the terminal and for the picture.

use super::connection::{Connection, Note, Row};

/// A pause from here on is shown as one.
const PAUSE: u64 = 30_000_000;

/// One line of a diagram.
pub(super) enum Item<'a> {
    /// An arrow.
    Segment(&'a Row),
    /// So many nanoseconds without a segment.
    Pause(u64),
    /// A sentence in place of segments.
    LeftOut(String),
}

/// What a segment is drawn as; the first that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Reset,
    Open,
    Close,
    Data,
    Acknowledgement,
}

pub(super) fn kind(row: &Row) -> Kind {
    let segment = &row.segment;
    if segment.rst {
        Kind::Reset
    } else if segment.syn {
        Kind::Open
    } else if segment.fin {
        Kind::Close
    } else if segment.length > 0 {
        Kind::Data
    } else {
        Kind::Acknowledgement
    }
}

/// The lines of a connection: all, or the first and last ones, `most` segments together.
pub(super) fn items(connection: &Connection, most: usize) -> Vec<Item<'_>> {
    let rows = &connection.rows;
    // The end of a connection is short; most of what is worth seeing is at its beginning.
    let last = if rows.len() > most { most / 4 } else { 0 };
    let first = if rows.len() > most { most - last } else { most };
    let mut found = Vec::new();
    let mut before: Option<u64> = None;
    for (index, row) in rows.iter().enumerate() {
        let is_left_out = index >= first && index + last < rows.len();
        if is_left_out {
            if index == first {
                let left_out = rows.get(first..rows.len() - last).unwrap_or_default();
                found.push(Item::LeftOut(left_out_sentence(left_out)));
            }
            before = None;
            continue;
        }
        let at = row.segment.at;
        let pause = before.map_or(0, |before| at.saturating_sub(before));
        if pause >= PAUSE {
            found.push(Item::Pause(pause));
        }
        found.push(Item::Segment(row));
        before = Some(at);
    }
    found
}

fn left_out_sentence(rows: &[Row]) -> String {
    let data = || rows.iter().filter(|row| row.segment.length > 0);
    let bytes: u64 = data().map(|row| u64::from(row.segment.length)).sum();
    if bytes == 0 {
        return format!("{} without data left out", count(rows.len(), "segment"));
    }
    let again = rows.iter().filter(|row| row.note == Some(Note::SentAgain));
    let again = match again.count() {
        0 => String::new(),
        count => format!(", {} of them sent again", number(count as u64)),
    };
    format!(
        "{} segments left out: {} with data ({} bytes){again}",
        number(rows.len() as u64),
        number(data().count() as u64),
        number(bytes)
    )
}

/// What a segment says.
pub(super) fn label(row: &Row) -> String {
    let segment = &row.segment;
    let mut parts = Vec::new();
    if segment.rst {
        parts.push("RST".to_owned());
    }
    if segment.syn {
        parts.push(format!("SYN, seq {}", number_of(row.sequence)));
    }
    if segment.length > 0 {
        let unit = if segment.length == 1 { "byte" } else { "bytes" };
        let (first, last) = (row.sequence, row.sequence + i64::from(segment.length) - 1);
        let range = if first == last {
            number_of(first)
        } else {
            format!("{}\u{2013}{}", number_of(first), number_of(last))
        };
        let push = if segment.psh { ", PSH" } else { "" };
        let length = number(segment.length.into());
        parts.push(format!("{length} {unit}: {range}{push}"));
    }
    if segment.fin {
        parts.push(format!("FIN, seq {}", number_of(row.end() - 1)));
    }
    if let Some(acknowledged) = row.acknowledged.filter(|_| !segment.rst) {
        parts.push(format!("ACK {}", number_of(acknowledged)));
    }
    if let Some((begin, end)) = row.behind_gap {
        parts.push(format!(
            "SACK {}\u{2013}{}",
            number_of(begin),
            number_of(end - 1)
        ));
    }
    // Of a segment with data, the window of its sender says little.
    if matches!(kind(row), Kind::Open | Kind::Acknowledgement) {
        parts.push(match row.window {
            Some(bytes) => format!("window {}", number(bytes.into())),
            None => format!("window {} (unscaled)", number(segment.window.into())),
        });
    }
    parts.join(" \u{b7} ")
}

/// What is unusual about a segment.
pub(super) fn note(row: &Row) -> String {
    match row.note {
        None => String::new(),
        Some(Note::SentAgain) => "sent again".to_owned(),
        Some(Note::AfterGap) => "bytes before it are missing".to_owned(),
        Some(Note::FillsGap) => "fills the gap".to_owned(),
        Some(Note::Probe) => "probe: are you there?".to_owned(),
        Some(Note::WindowClosed) => "the window is closed".to_owned(),
        Some(Note::WindowOpens) => "the window opens".to_owned(),
        Some(Note::AcknowledgedAgain) => "the same ACK again".to_owned(),
        Some(Note::Packets(count)) => format!("{count} packets on the wire"),
    }
}

/// How many segments a connection has, and how it ended.
pub(super) fn summary(connection: &Connection) -> String {
    let rows = &connection.rows;
    let sent = |from_client: bool| {
        let data = rows
            .iter()
            .filter(|row| row.from_client == from_client && row.segment.length > 0);
        let bytes = data.clone().map(|row| u64::from(row.segment.length)).sum();
        if bytes == 0 {
            return "nothing".to_owned();
        }
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        format!(
            "{} {unit} in {}",
            number(bytes),
            count(data.count(), "segment")
        )
    };
    let began = rows.first().map_or(0, |row| row.segment.at);
    let ended = rows.last().map_or(0, |row| row.segment.at);
    format!(
        "{}, {} s; the client sent {}, the server {}; {}",
        count(rows.len(), "segment"),
        seconds(ended.saturating_sub(began)),
        sent(true),
        sent(false),
        ending(rows)
    )
}

fn ending(rows: &[Row]) -> &'static str {
    let sent = |wanted: Kind, from_client: bool| {
        rows.iter()
            .any(|row| kind(row) == wanted && row.from_client == from_client)
    };
    if sent(Kind::Reset, true) {
        "reset by the client"
    } else if sent(Kind::Reset, false) {
        "reset by the server"
    } else {
        match (sent(Kind::Close, true), sent(Kind::Close, false)) {
            (true, true) => "a FIN from each end",
            (true, false) => "a FIN from the client alone",
            (false, true) => "a FIN from the server alone",
            (false, false) => "not ended in this capture",
        }
    }
}

fn count(count: usize, unit: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", number(count as u64))
}

/// Nanoseconds as seconds with microseconds.
pub(super) fn seconds(nanos: u64) -> String {
    let micros = nanos / 1_000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A pause: as long as a person counts.
pub(super) fn pause(nanos: u64) -> String {
    let millis = nanos / 1_000_000;
    if millis < 10_000 {
        format!("{millis} ms without a segment")
    } else {
        format!("{} s without a segment", millis / 1_000)
    }
}

fn number_of(relative: i64) -> String {
    let sign = if relative < 0 { "-" } else { "" };
    format!("{sign}{}", number(relative.unsigned_abs()))
}

/// With a comma between thousands.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_people_read_them() {
        assert_eq!(number(7), "7");
        assert_eq!(number(600_000), "600,000");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(seconds(1_000_412_999), "1.000412");
        assert_eq!(pause(40_200_000), "40 ms without a segment");
        assert_eq!(pause(61_000_000_000), "61 s without a segment");
    }
}
