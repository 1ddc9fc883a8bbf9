//! How the demo looks: drawn live on a terminal, one line per change in a pipe.

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

/// A terminal of fewer columns gets shorter sentences.
const WIDE: usize = 60;

/// Where the demo is shown.
pub(super) enum Display {
    /// A terminal, which is drawn again and again.
    Terminal { coloured: bool },
    /// A pipe or a file, which gets a line per change.
    Pipe,
}

impl Display {
    pub(super) fn open(terminal: bool, ring: &DemoRing) -> io::Result<Self> {
        let mut out = io::stdout().lock();
        if terminal {
            // The alternate screen, without a cursor; `drop` restores both.
            write!(out, "\x1b[?1049h\x1b[?25l")?;
            let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            return Ok(Self::Terminal { coloured });
        }
        let topology = &ring.topology;
        writeln!(
            out,
            "carom demo: {} on this machine ({}), {}, lease {:?}",
            counted(topology.nodes.len(), "node"),
            topology.nodes.join(" "),
            counted(topology.balls.len(), "ball"),
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
            Self::Terminal { coloured } => draw(monitor, ring, entry, traces::now(), *coloured),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if matches!(self, Self::Terminal { .. }) {
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

/// So many of them, such as `1 ball` and `2 balls`.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The whole screen as text.
fn draw(monitor: &Monitor, ring: &DemoRing, entry: &Entry, now: Time, coloured: bool) -> String {
    let topology = &ring.topology;
    let (wide, high) = terminal_size();
    let balls = ball_lines(monitor, wide, high);
    let count = counted(topology.nodes.len(), "node");
    let title = format!("carom demo: {count}, lease {:?}", topology.lease);
    let above = vec![title, String::new()];
    let grid = Grid::new(topology.nodes.len(), balls.len(), (wide, high));
    let nodes = (0..grid.lines).map(|line| {
        // Down the first column, then down the next.
        let nodes = topology.node_ids().skip(line).step_by(grid.lines);
        nodes
            .map(|node| cell(monitor, ring, node, grid, now))
            .collect()
    });
    let mut below = vec![String::new()];
    below.extend(balls.into_iter().map(|ball| format!("  {ball}")));
    let (passes, elections, overlaps) = monitor.totals();
    below.push(String::new());
    below.push(if wide < WIDE {
        format!("  passes {passes}  elections {elections}  overlapping {overlaps}")
    } else {
        format!("  passes {passes}   elections {elections}   possessions overlapping {overlaps}")
    });
    below.extend(monitor.last_event().map(|event| format!("  {event}")));
    let page = ring.page.map(|page| format!("  see it at http://{page}/"));
    below.extend(page);
    below.push(String::new());
    below.push(format!("  {}", entry.prompt(wide < WIDE)));
    frame(above, nodes.collect(), below, (wide, high), coloured)
}

/// These lines as the whole screen of a terminal, which must neither wrap nor scroll. If the terminal is too low, empty
/// lines go first, then lines of nodes, then all but the last lines.
fn frame(
    mut above: Vec<String>,
    mut nodes: Vec<String>,
    mut below: Vec<String>,
    (wide, high): (usize, usize),
    coloured: bool,
) -> String {
    if above.len() + nodes.len() + below.len() > high {
        above.retain(|line| !line.is_empty());
        below.retain(|line| !line.is_empty());
    }
    let room = high.saturating_sub(above.len() + below.len());
    if nodes.len() > room {
        nodes.truncate(room.saturating_sub(1));
        nodes.push("  ... the terminal is too low for all".to_owned());
    }
    let lines = [above, nodes, below].concat();
    let lines = lines.get(lines.len().saturating_sub(high)..);
    let mut text = String::from("\x1b[H");
    for (index, line) in lines.unwrap_or_default().iter().enumerate() {
        // Clears the line before it is written: behind the last column, that would clear its last character.
        text.push_str(if index == 0 { "\x1b[K" } else { "\r\n\x1b[K" });
        push_columns(&mut text, line, wide, coloured);
    }
    if lines.is_some_and(|lines| lines.len() < high) {
        text.push_str("\r\n\x1b[J");
    }
    text
}

/// Appends so many columns of a line, and all of its colors or none.
fn push_columns(text: &mut String, line: &str, wide: usize, coloured: bool) {
    let mut column = 0;
    let mut in_escape = false;
    for letter in line.chars() {
        in_escape |= letter == '\x1b';
        if in_escape {
            text.extend(coloured.then_some(letter));
            in_escape = letter != 'm';
        } else if column < wide {
            text.push(letter);
            column += 1;
        }
    }
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

    /// What a terminal of that size shows: it has as many lines, and none of them is wider.
    fn shown(nodes: usize, size: (usize, usize)) -> Vec<String> {
        let lines = |text: &str, count| vec![text.to_owned(); count];
        let above = vec!["title".to_owned(), String::new()];
        let mut below = lines("", 1);
        below.extend(lines(&"ball ".repeat(20), 2));
        below.extend(["", "keys"].map(str::to_owned));
        let node = "n1 \x1b[33m●\x1b[0m |        | ".repeat(5);
        let text = frame(above, lines(&node, nodes), below, size, true);
        let text = text.strip_prefix("\x1b[H").unwrap();
        let text = text.strip_suffix("\r\n\x1b[J").unwrap_or(text);
        let bare = ["\x1b[K", "\x1b[33m", "\x1b[0m"];
        let bare = bare
            .iter()
            .fold(text.to_owned(), |text, escape| text.replace(escape, ""));
        let lines: Vec<String> = bare.split("\r\n").map(str::to_owned).collect();
        assert!(lines.len() <= size.1, "{size:?}: {lines:?}");
        for line in &lines {
            assert!(line.chars().count() <= size.0, "{size:?}: {line}");
        }
        lines
    }

    #[test]
    fn the_screen_neither_wraps_nor_scrolls_and_ends_with_the_keys() {
        for size in [(80, 24), (40, 12), (20, 5), (10, 3), (4, 1)] {
            for nodes in [1, 5, 20] {
                assert_eq!(shown(nodes, size).last().unwrap(), "keys");
            }
        }
        assert_eq!(shown(1, (80, 24)).len(), 8);
        // Without the three empty lines.
        assert_eq!(shown(6, (40, 10)).len(), 10);
        let low = shown(20, (40, 10));
        assert_eq!(low[6], "  ... the terminal is too low for all");
        assert_eq!((low[0].as_str(), low.len()), ("title", 10));
    }

    #[test]
    fn the_colors_of_a_line_that_is_cut_stay_whole() {
        let cut = |wide, coloured| {
            let mut text = String::new();
            push_columns(&mut text, "ab\x1b[31mx\x1b[0m|", wide, coloured);
            text
        };
        assert_eq!(cut(2, true), "ab\x1b[31m\x1b[0m");
        assert_eq!(cut(3, true), "ab\x1b[31mx\x1b[0m");
        assert_eq!(cut(9, true), "ab\x1b[31mx\x1b[0m|");
        assert_eq!(cut(9, false), "abx|");
        assert_eq!(cut(3, false), "abx");
    }

    #[test]
    fn a_terminal_that_is_too_small_is_no_fault() {
        for size in [(1, 1), (0, 0), (20, 5)] {
            let grid = Grid::new(60, 8, size);
            assert!(grid.columns >= 1 && grid.track >= 1 && grid.columns * grid.lines >= 60);
        }
    }
}
