//! How the demo looks: drawn live on a terminal, one plain line a change in a pipe.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::score::{Ball, Score};
use super::table::Table;
use crate::ring::{Time, Topology};

/// How many characters wide a screen is drawn.
const TRACK: usize = 40;

/// One of the two ways to show the demo.
pub(super) enum View {
    Picture,
    Plain,
}

impl View {
    pub(super) fn open(terminal: bool, table: &Table) -> io::Result<Self> {
        let mut out = io::stdout().lock();
        if terminal {
            // The other screen of the terminal, without a cursor; both come back at the end.
            write!(out, "\x1b[?1049h\x1b[?25l")?;
            return Ok(Self::Picture);
        }
        let topology = &table.topology;
        writeln!(
            out,
            "carom demo: {} nodes on this machine ({}), {} ball(s), lease {:?}",
            topology.nodes.len(),
            topology.nodes.join(" "),
            topology.balls.len(),
            topology.lease
        )?;
        if let Some(address) = table.http {
            writeln!(out, "see it at http://{address}/")?;
        }
        out.flush()?;
        Ok(Self::Plain)
    }

    pub(super) fn show(&mut self, score: &mut Score, table: &Table, now: Time) -> io::Result<()> {
        let news = score.take_news();
        let mut out = io::stdout().lock();
        match self {
            Self::Plain => {
                for line in news {
                    writeln!(out, "{line}")?;
                }
            }
            Self::Picture => out.write_all(picture(score, table, now).as_bytes())?,
        }
        out.flush()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if matches!(self, Self::Picture) {
            let mut out = io::stdout().lock();
            // The terminal may have gone; then nobody misses its cursor.
            let _ = write!(out, "\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
        }
    }
}

/// The whole screen as text. Every line ends by clearing what was there before.
fn picture(score: &Score, table: &Table, now: Time) -> String {
    let topology = &table.topology;
    let mut text = String::from("\x1b[H");
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "carom demo: {} nodes, lease {:?}\x1b[K\r\n\x1b[K\r\n",
        topology.nodes.len(),
        topology.lease
    );
    for node in topology.node_ids() {
        let here: Vec<(&str, &Ball)> = score
            .balls()
            .filter(|(_, ball)| ball.at.contains(&node))
            .collect();
        let (lamp, note) = if !table.is_running(node) {
            (
                "\x1b[31mx\x1b[0m",
                format!("killed: k{} starts it", node.0 + 1),
            )
        } else if here.is_empty() {
            ("\x1b[2m○\x1b[0m", String::new())
        } else {
            ("\x1b[33m●\x1b[0m", String::new())
        };
        let track = track(topology, score, &here, now);
        let name = topology.name(node);
        let _ = write!(text, "  {name:>4} {lamp}  |{track}| {note}\x1b[K\r\n");
    }
    let _ = write!(text, "\x1b[K\r\n");
    for (name, ball) in score.balls() {
        let _ = write!(
            text,
            "  ball {name}  generation {}  hop {}{}\x1b[K\r\n",
            ball.generation,
            ball.hop,
            if ball.at.is_empty() {
                "  on its way: a majority must run"
            } else {
                ""
            }
        );
    }
    let (passes, elections, overlaps) = score.totals();
    let _ = write!(
        text,
        "\x1b[K\r\n  passes {passes}   elections {elections}   possessions overlapping {overlaps}\x1b[K\r\n"
    );
    if let Some(returned) = score.returned() {
        let _ = write!(text, "  {returned}\x1b[K\r\n");
    }
    if let Some(address) = table.http {
        let _ = write!(text, "  see it at http://{address}/\x1b[K\r\n");
    }
    text.push_str(
        "\x1b[K\r\n  k and a digit kills that node, again starts it; q quits\x1b[K\x1b[J",
    );
    text
}

/// One node's screen seen from above, with the balls that are here.
fn track(topology: &Topology, score: &Score, here: &[(&str, &Ball)], now: Time) -> String {
    let mut track = vec![' '; TRACK];
    for (name, ball) in here {
        let Some(lit) = ball.lit else { continue };
        // Every stay of these balls begins at an edge.
        let speed = score.speed(name);
        let share = now.since(lit).as_secs_f64() * speed.abs() / topology.screen.width;
        let column = (share.clamp(0.0, 1.0) * (TRACK - 1) as f64) as usize;
        let column = if speed < 0.0 {
            TRACK - 1 - column
        } else {
            column
        };
        if let Some(place) = track.get_mut(column) {
            *place = 'o';
        }
    }
    track.into_iter().collect()
}
