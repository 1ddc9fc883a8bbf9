//! A capture's connections as a picture: time goes down, each segment is an arrow.

use std::fmt::{self, Write as _};

use super::connection::{Connection, Row};
use super::shown::{self, Item, Kind};

const WIDTH: u32 = 960;
/// The time lines of the client and of the server.
const CLIENT: u32 = 136;
const SERVER: u32 = 690;
/// Where notes begin.
const NOTES: u32 = 704;
const ROW: u32 = 34;
/// How far an arrow falls.
const FALL: u32 = 10;

const STYLE: &str = "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#111;\
font-variant-numeric:tabular-nums}.h{font-size:17px;font-weight:600}.b{font-weight:600}.t{text-anchor:end;fill:#444}\
.m{text-anchor:middle}.e{text-anchor:end}.q{fill:#444}.n{fill:#8a2b00;font-weight:600}.l{stroke:#777;stroke-width:1.5}\
.p{stroke:#777;stroke-width:1.5;stroke-dasharray:2 5}.a{stroke-width:1.6;fill:none}";

/// How a kind of segment is drawn: its name in the file, its color, its dashes. The label says the kind, too.
const KINDS: [(Kind, &str, &str, &str); 5] = [
    (Kind::Open, "o", "#00662b", ""),
    (Kind::Data, "d", "#0046a0", ""),
    (Kind::Acknowledgement, "k", "#666", "5 3"),
    (Kind::Close, "c", "#6a1b9a", ""),
    (Kind::Reset, "r", "#b00020", "9 3"),
];

/// Draws the connections with their numbers.
///
/// # Errors
/// Never: text can always be written into a `String`.
pub(super) fn draw(
    name: &str,
    shown: &[(usize, &Connection)],
    most: usize,
    notes: &[String],
) -> Result<String, fmt::Error> {
    let mut body = String::new();
    let mut y = 34;
    write_text(
        &mut body,
        "h",
        (20, y),
        &format!("What {name} shows on the wire"),
    )?;
    y += 20;
    for (number, connection) in shown {
        y = draw_connection(&mut body, *number, connection, most, y)?;
    }
    let closing = "Times are those of the machine that captured. The slope of an arrow shows only its direction.";
    for note in notes.iter().map(String::as_str).chain([closing]) {
        y += 22;
        write_text(&mut body, "q", (20, y), note)?;
    }
    let height = y + 24;
    let mut out = String::new();
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title desc">"#
    )?;
    writeln!(
        out,
        r#"<title id="title">Segments of {}</title>"#,
        Xml(name)
    )?;
    write!(
        out,
        r#"<desc id="desc">A time-sequence diagram; time goes down."#
    )?;
    for (number, connection) in shown {
        let Connection { client, server, .. } = connection;
        let summary = shown::summary(connection);
        write!(
            out,
            " Connection {number}, from {client} to {server}: {summary}."
        )?;
    }
    for note in notes {
        write!(out, " {}", Xml(note))?;
    }
    writeln!(out, "</desc>\n<style>{STYLE}</style>\n<defs>")?;
    for (_, id, color, _) in KINDS {
        writeln!(
            out,
            r#"<marker id="{id}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 1 10 5 0 9z" fill="{color}"/></marker>"#
        )?;
    }
    writeln!(
        out,
        "</defs>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>"
    )?;
    out.push_str(&body);
    out.push_str("</svg>\n");
    Ok(out)
}

/// Draws one connection below `top`; where it ends.
fn draw_connection(
    out: &mut String,
    number: usize,
    connection: &Connection,
    most: usize,
    top: u32,
) -> Result<u32, fmt::Error> {
    let Connection { client, server, .. } = connection;
    let mut y = top + 26;
    write_text(out, "b", (20, y), &format!("Connection {number}"))?;
    y += 20;
    write_text(out, "q", (20, y), &shown::summary(connection))?;
    y += 24;
    write_text(out, "q", (64, y), "seconds")?;
    write_text(out, "b", (CLIENT - 12, y), &format!("client {client}"))?;
    let server = format!("server {server}");
    // A long address of IPv6 has its end at the border.
    let (class, x) = if server.len() < 34 {
        ("b", SERVER - 12)
    } else {
        ("b e", WIDTH - 20)
    };
    write_text(out, class, (x, y), &server)?;
    y += 8;
    let first = y;
    let began = connection.rows.first().map_or(0, |row| row.segment.at);
    y += 22;
    let middle = u32::midpoint(CLIENT, SERVER);
    let mut arrows = String::new();
    for item in shown::items(connection, most) {
        match item {
            Item::Segment(row) => {
                draw_arrow(&mut arrows, row, began, y)?;
                y += ROW;
            }
            Item::Pause(nanos) => {
                write_text(&mut arrows, "m q", (middle, y), &shown::pause(nanos))?;
                y += ROW - 6;
            }
            Item::LeftOut(sentence) => {
                write_text(&mut arrows, "m b", (middle, y), &sentence)?;
                y += ROW - 6;
            }
        }
    }
    let last = y - ROW + FALL + 14;
    for x in [CLIENT, SERVER] {
        writeln!(out, r#"<path class="l" d="M{x} {first}V{last}"/>"#)?;
    }
    out.push_str(&arrows);
    Ok(last + 10)
}

fn draw_arrow(out: &mut String, row: &Row, began: u64, y: u32) -> fmt::Result {
    let at = shown::seconds(row.segment.at.saturating_sub(began));
    let kind = shown::kind(row);
    let found = KINDS.iter().find(|(one, ..)| *one == kind);
    let (_, id, color, dashes) = found.copied().unwrap_or((kind, "k", "#666", ""));
    let (from, to) = if row.from_client {
        (CLIENT, SERVER)
    } else {
        (SERVER, CLIENT)
    };
    write_text(out, "t", (CLIENT - 12, y + 4), &at)?;
    let middle = u32::midpoint(CLIENT, SERVER);
    write_text(out, "m", (middle, y - 2), &shown::label(row))?;
    let note = shown::note(row);
    if !note.is_empty() {
        write_text(out, "n", (NOTES, y + 4), &note)?;
    }
    let fallen = y + FALL;
    let dashes = match dashes {
        "" => String::new(),
        pattern => format!(r#" stroke-dasharray="{pattern}""#),
    };
    writeln!(
        out,
        r#"<path class="a" d="M{from} {y}L{to} {fallen}" stroke="{color}"{dashes} marker-end="url(#{id})"/>"#
    )
}

fn write_text(out: &mut String, class: &str, (x, y): (u32, u32), text: &str) -> fmt::Result {
    writeln!(
        out,
        r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#,
        Xml(text)
    )
}

/// Text inside an element.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                // XML has no way to write them.
                letter if letter.is_control() => formatter.write_char('\u{fffd}')?,
                letter => formatter.write_char(letter)?,
            }
        }
        Ok(())
    }
}
