//! How the demo looks: drawn live on a terminal, one line per change in a pipe.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use rustix::termios::tcgetwinsize;

use super::entry::Entry;
use super::monitor::{Ball, Monitor};
use super::ring::DemoRing;
use super::traces;
use crate::ring::{NodeId, Time, Topology};

/// The width of a node's screen at most, in characters.
const TRACK: usize = 40;

/// Columns of a node beside its screen: name, LED, two edges, spaces.
const BESIDE: usize = 12;

/// Lines beside those of the nodes: title, balls, totals, what happened, the page, the keys.
const OTHER_LINES: usize = 9;

/// Where the demo is shown.
pub(super) enum Display {
    /// A terminal, which is drawn again and again.
    Terminal,
    /// A pipe or a file, which gets a line per change.
    Pipe,
}

impl Display {
    pub(super) fn open(terminal: bool, ring: &DemoRing) -> io::Result<Self> {
        let mut out = io::stdout().lock();
        if terminal {
            // The alternate screen, without a cursor; `drop` restores both.
            write!(out, "\x1b[?1049h\x1b[?25l")?;
            return Ok(Self::Terminal);
        }
        let topology = &ring.topology;
        writeln!(
            out,
            "carom demo: {} nodes on this machine ({}), {} ball(s), lease {:?}",
            topology.nodes.len(),
            topology.nodes.join(" "),
            topology.balls.len(),
            topology.lease
        )?;
        if let Some(address) = ring.page {
            writeln!(out, "see it at http://{address}/")?;
        }
        out.flush()?;
        Ok(Self::Pipe)
    }

    pub(super) fn show(
        &mut self,
        monitor: &mut Monitor,
        ring: &DemoRing,
        entry: &Entry,
    ) -> io::Result<()> {
        let lines = monitor.take_lines();
        let text = match self {
            Self::Pipe => lines.into_iter().map(|line| line + "\n").collect(),
            Self::Terminal => draw(monitor, ring, entry, traces::now()),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if matches!(self, Self::Terminal) {
            let mut out = io::stdout().lock();
            // Fails only if the terminal is gone.
            let _ = write!(out, "\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
        }
    }
}

/// Columns and lines of the terminal; 80 by 24 if it does not say.
fn terminal_size() -> (usize, usize) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        Ok(_) | Err(_) => (80, 24),
    }
}

/// The nodes in columns, so that all fit the terminal where that is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grid {
    columns: usize,
    lines: usize,
    /// The width of a node's screen, in characters.
    track: usize,
}

impl Grid {
    fn new(nodes: usize, ball_lines: usize, (wide, high): (usize, usize)) -> Self {
        let room = high.saturating_sub(OTHER_LINES + ball_lines).max(1);
        // A screen of a single character still tells where the ball is.
        let columns = nodes.div_ceil(room).clamp(1, (wide / (BESIDE + 1)).max(1));
        let track = (wide / columns).saturating_sub(BESIDE).clamp(1, TRACK);
        Self {
            columns,
            lines: nodes.div_ceil(columns),
            track,
        }
    }
}

/// The whole screen as text. Every line ends by clearing the rest of the line.
fn draw(monitor: &Monitor, ring: &DemoRing, entry: &Entry, now: Time) -> String {
    let topology = &ring.topology;
    let (wide, high) = terminal_size();
    let balls = ball_lines(monitor, wide, high);
    let mut text = String::from("\x1b[H");
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "carom demo: {} nodes, lease {:?}\x1b[K\r\n\x1b[K\r\n",
        topology.nodes.len(),
        topology.lease
    );
    let grid = Grid::new(topology.nodes.len(), balls.len(), (wide, high));
    for line in 0..grid.lines {
        // Down the first column, then down the next.
        for node in topology.node_ids().skip(line).step_by(grid.lines) {
            text.push_str(&cell(monitor, ring, node, grid, now));
        }
        text.push_str("\x1b[K\r\n");
    }
    text.push_str("\x1b[K\r\n");
    for ball in balls {
        let _ = write!(text, "  {ball}\x1b[K\r\n");
    }
    let (passes, elections, overlaps) = monitor.totals();
    let _ = write!(
        text,
        "\x1b[K\r\n  passes {passes}   elections {elections}   possessions overlapping {overlaps}\x1b[K\r\n"
    );
    if let Some(returned) = monitor.last_return() {
        let _ = write!(text, "  {returned}\x1b[K\r\n");
    }
    if let Some(address) = ring.page {
        let _ = write!(text, "  see it at http://{address}/\x1b[K\r\n");
    }
    let _ = write!(text, "\x1b[K\r\n  {}\x1b[K\x1b[J", entry.prompt());
    text
}

/// One node: its name, its LED, and its screen seen from above.
fn cell(monitor: &Monitor, ring: &DemoRing, node: NodeId, grid: Grid, now: Time) -> String {
    let topology = &ring.topology;
    let here: Vec<(&str, &Ball)> = monitor
        .balls()
        .filter(|(_, ball)| ball.holders.contains(&node))
        .collect();
    let name = topology.name(node);
    let width = grid.track;
    if !ring.is_running(node) {
        let note = format!("killed: k{} starts it", node.0 + 1);
        let note = [note.as_str(), "killed", ""]
            .into_iter()
            .find(|note| note.len() <= width)
            .unwrap_or_default();
        return format!("  {name:>4} \x1b[31mx\x1b[0m |{note:width$}| ");
    }
    let led = if here.is_empty() {
        "\x1b[2m○\x1b[0m"
    } else {
        "\x1b[33m●\x1b[0m"
    };
    let track = track(topology, monitor, &here, width, now);
    format!("  {name:>4} {led} |{track}| ")
}

/// A line for each ball; of several balls in a low terminal, as many on a line as fit.
fn ball_lines(monitor: &Monitor, wide: usize, high: usize) -> Vec<String> {
    let away = |ball: &Ball| ball.holders.is_empty();
    if high >= 2 * OTHER_LINES + monitor.balls().count() * 2 {
        let line = |(name, ball): (&str, &Ball)| {
            let note = if away(ball) {
                "  on its way: a majority must run"
            } else {
                ""
            };
            let Ball {
                generation, hop, ..
            } = ball;
            format!("ball {name}  generation {generation}  hop {hop}{note}")
        };
        return monitor.balls().map(line).collect();
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for (name, ball) in monitor.balls() {
        let note = if away(ball) { " on its way" } else { "" };
        let part = format!("ball {name} hop {}{note}   ", ball.hop);
        if !line.is_empty() && line.len() + part.len() + 2 > wide {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(&part);
    }
    lines.push(line);
    lines
}

/// One node's screen seen from above, with the balls on it.
fn track(
    topology: &Topology,
    monitor: &Monitor,
    here: &[(&str, &Ball)],
    width: usize,
    now: Time,
) -> String {
    let mut track = vec![' '; width];
    for (name, ball) in here {
        let Some(arrived) = ball.arrived else {
            continue;
        };
        // The balls of the demo always start at an edge.
        let speed = monitor.speed(name);
        let share = now.since(arrived).as_secs_f64() * speed.abs() / topology.screen.width;
        let last = width.saturating_sub(1);
        let column = (share.clamp(0.0, 1.0) * last as f64) as usize;
        let column = if speed < 0.0 { last - column } else { column };
        if let Some(cell) = track.get_mut(column) {
            *cell = 'o';
        }
    }
    track.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_nodes_fit_a_usual_terminal() {
        for nodes in 1..=60 {
            let grid = Grid::new(nodes, 1, (80, 24));
            assert!(grid.columns * grid.lines >= nodes);
            assert!(grid.lines + 1 + OTHER_LINES <= 24, "{nodes}: {grid:?}");
            assert!(
                grid.columns * (grid.track + BESIDE) <= 80,
                "{nodes}: {grid:?}"
            );
        }
        let few = Grid::new(5, 1, (80, 24));
        assert_eq!((few.columns, few.lines, few.track), (1, 5, TRACK));
        let many = Grid::new(60, 1, (80, 24));
        assert_eq!((many.columns, many.lines, many.track), (5, 12, 4));
    }

    #[test]
    fn a_terminal_that_is_too_small_is_no_fault() {
        for size in [(1, 1), (0, 0), (20, 5)] {
            let grid = Grid::new(60, 8, size);
            assert!(grid.columns >= 1 && grid.track >= 1 && grid.columns * grid.lines >= 60);
        }
    }
}
