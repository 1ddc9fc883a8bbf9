//! What is shown: a line for every node with its screen seen from above, then the log.

use std::io::{self, Stdout, Write as _};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget as _};

use super::compact::{Form, GROUP, sign};
use super::model::{LocatedBall, Model, Phase, window};
use crate::escape::Escaped;
use crate::ring::Time;

/// Columns beside the track: name, LED, state, round trip.
const OTHER_COLUMNS: u16 = 34;

/// Lines beside those of the nodes and balls: title, two gaps, the last line, and some of what happened.
const OTHER_LINES: usize = 9;

/// Balls that have a line.
const MOST_BALLS: usize = 4;

/// A ball on a node that is not followed is shown with the age of the news, from this age on.
const OLD: Duration = Duration::from_secs(1);

/// Longer names are cut to this many characters.
const NAME_WIDTH: usize = 12;

/// Where the ring is shown.
pub(super) enum Display {
    /// A terminal, which is drawn again and again.
    Terminal {
        terminal: Terminal<CrosstermBackend<Stdout>>,
        coloured: bool,
    },
    /// A pipe or a file, which gets the log lines.
    Pipe,
}

impl Display {
    pub(super) fn open(terminal: bool) -> io::Result<Self> {
        if !terminal {
            return Ok(Self::Pipe);
        }
        execute!(io::stdout(), EnterAlternateScreen)?;
        let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        terminal.hide_cursor()?;
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Ok(Self::Terminal { terminal, coloured })
    }

    /// Others have written to the terminal: the next picture is drawn as a whole, not only what has changed.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        match self {
            Self::Pipe => Ok(()),
            Self::Terminal { terminal, .. } => {
                terminal.hide_cursor()?;
                // Not `terminal.clear()`: that asks the terminal for its cursor, and the keyboard would get the answer.
                execute!(io::stdout(), Clear(ClearType::All))?;
                // Both buffers are empty then.
                terminal.swap_buffers();
                Ok(())
            }
        }
    }

    pub(super) fn show(&mut self, model: &mut Model, now: Time) -> io::Result<()> {
        match self {
            Self::Pipe => print_log(model),
            Self::Terminal { terminal, coloured } => {
                let paint = Paint {
                    coloured: *coloured,
                };
                terminal.draw(|frame| paint.draw(model, now, frame.area(), frame.buffer_mut()))?;
                Ok(())
            }
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Self::Terminal { terminal, .. } = self {
            // Fails only if the terminal is gone.
            let _ = terminal.show_cursor();
            let _ = execute!(io::stdout(), LeaveAlternateScreen);
        }
    }
}

/// Draws everything. Colour never carries information alone.
struct Paint {
    coloured: bool,
}

impl Paint {
    fn style(&self, color: Color) -> Style {
        if self.coloured {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    fn draw(&self, model: &Model, now: Time, area: Rect, buffer: &mut Buffer) {
        let names = model.names();
        let balls = model.balls(now);
        let rows = |count: usize| Constraint::Length(u16::try_from(count).unwrap_or(u16::MAX));
        let shown_balls = balls.len().min(MOST_BALLS);
        let name_width = names
            .iter()
            .map(|name| Escaped(name).to_string().chars().count());
        let name_width = name_width.max().unwrap_or_default().min(NAME_WIDTH);
        let room = usize::from(area.height).saturating_sub(OTHER_LINES + shown_balls);
        let size = (usize::from(area.width), room.max(1));
        let form = Form::new(names.len(), name_width, size);
        let [title, nodes, ball_lines, gap, log, foot] = Layout::vertical([
            Constraint::Length(2),
            rows(form.height(names.len())),
            rows(shown_balls + 1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(area);
        let states: Vec<(&str, &str)> = names
            .iter()
            .map(|name| (name.as_str(), model.state(name, now)))
            .collect();
        title_lines(model, &states).render(title, buffer);
        let lines = self.nodes(model, &states, &balls, form, (name_width, nodes.width));
        Paragraph::new(lines).render(nodes, buffer);
        let lines: Vec<Line<'_>> = balls.iter().take(MOST_BALLS).map(ball_line).collect();
        let below = Rect {
            y: ball_lines.y.saturating_add(1),
            height: ball_lines.height.saturating_sub(1),
            ..ball_lines
        };
        Paragraph::new(lines).render(below, buffer);
        Line::styled("  What happened", Style::new().add_modifier(Modifier::BOLD))
            .render(gap, buffer);
        let room = usize::from(log.height);
        let skip = model.log.len().saturating_sub(room);
        let lines: Vec<Line<'_>> = model
            .log
            .iter()
            .skip(skip)
            .map(|line| Line::raw(line.as_str()))
            .collect();
        Paragraph::new(lines).render(log, buffer);
        let legend = match form {
            Form::Lines => "  q ends it",
            Form::Columns { .. } => "  (*) LED on   x down   ? unknown   ! see above   q ends it",
            Form::Signs { .. } => "  * LED on   . up   x down   ? unknown   ! other   q ends it",
        };
        Line::styled(legend, Style::new().add_modifier(Modifier::DIM)).render(foot, buffer);
    }

    /// The nodes in the form that fits. `widths`: of the names, and of all.
    fn nodes(
        &self,
        model: &Model,
        states: &[(&str, &'static str)],
        balls: &[LocatedBall],
        form: Form,
        (name_width, width): (usize, u16),
    ) -> Vec<Line<'static>> {
        let is_lit = |name: &str| {
            let held = balls.iter().filter(|located| located.phase == Phase::Held);
            held.into_iter()
                .any(|located| located.ball.holder.as_deref() == Some(name))
        };
        match form {
            Form::Lines => {
                let line = |&(name, state): &_| self.node(model, (name, state), balls, width);
                states.iter().map(line).collect()
            }
            Form::Columns { columns, lines } => {
                let cell = usize::from(width) / columns;
                let line = |line: usize| {
                    // Down the first column, then down the next.
                    let nodes = states.iter().skip(line).step_by(lines);
                    let spans = nodes.flat_map(|&(name, state)| {
                        let text = cut(name, name_width);
                        let padding = cell.saturating_sub(name_width + 4);
                        [
                            Span::raw(format!("{text:>name_width$} ")),
                            self.led(state, is_lit(name)),
                            Span::raw(" ".repeat(padding)),
                        ]
                    });
                    Line::from(spans.collect::<Vec<_>>())
                };
                (0..lines).map(line).collect()
            }
            Form::Signs { columns } => {
                let line = |nodes: &[(&str, &'static str)]| {
                    let first = nodes.first().map_or("", |(name, _)| name);
                    let label = format!("{:>name_width$}", cut(first, name_width));
                    let signs = nodes
                        .iter()
                        .enumerate()
                        .flat_map(|(index, &(name, state))| {
                            let space = if index % GROUP == 0 { " " } else { "" };
                            let lit = is_lit(name);
                            let style = self.style(color(state, lit));
                            [Span::raw(space), Span::styled(sign(state, lit), style)]
                        });
                    Line::from(
                        [Span::raw(label)]
                            .into_iter()
                            .chain(signs)
                            .collect::<Vec<_>>(),
                    )
                };
                states.chunks(columns).map(line).collect()
            }
        }
    }

    /// The LED of a node, or a sign where that is not known.
    fn led(&self, state: &str, lit: bool) -> Span<'static> {
        let style = self.style(color(state, lit));
        match (state, lit) {
            (_, true) => Span::styled("(*)", style.add_modifier(Modifier::BOLD)),
            ("down", false) => Span::styled(" x ", style),
            ("unknown", false) => Span::styled(" ? ", style),
            ("up", false) => Span::raw("( )"),
            (_, false) => Span::styled("(!)", style),
        }
    }

    fn node(
        &self,
        model: &Model,
        (name, state): (&str, &'static str),
        balls: &[LocatedBall],
        width: u16,
    ) -> Line<'static> {
        let here: Vec<&LocatedBall> = balls
            .iter()
            .filter(|located| {
                !matches!(located.phase, Phase::Away | Phase::Lent)
                    && located.ball.holder.as_deref() == Some(name)
            })
            .collect();
        let lit = here.iter().any(|located| located.phase == Phase::Held);
        let columns = usize::from(width.saturating_sub(OTHER_COLUMNS)).clamp(8, 120);
        let trip = model.round_trips(name).filter(|_| state == "up");
        let trip = trip.map_or_else(String::new, |(_, most)| format!("{most:.1} ms"));
        let shown_name = cut(name, NAME_WIDTH);
        // Other states have a word behind the screen.
        let has_sign = matches!(state, "down" | "unknown");
        let led = self.led(if has_sign { state } else { "up" }, lit);
        let label = if here.iter().any(|located| located.phase == Phase::Frozen) {
            "frozen"
        } else if state == "up" && model.has_led_fault(name) {
            "bad LED"
        } else {
            state
        };
        let mut spans = vec![
            Span::raw(format!("{shown_name:>NAME_WIDTH$} ")),
            led,
            Span::raw(" |"),
        ];
        spans.extend(self.track(&here, columns));
        spans.push(Span::raw("| "));
        spans.push(Span::styled(
            format!("{label:7}"),
            self.style(color(state, false)),
        ));
        spans.push(Span::styled(trip, Style::new().add_modifier(Modifier::DIM)));
        Line::from(spans)
    }

    /// The balls on one node's screen, from left to right.
    fn track(&self, here: &[&LocatedBall], columns: usize) -> Vec<Span<'static>> {
        let mut cells = vec![None; columns];
        for located in here {
            let last = columns.saturating_sub(1);
            let place = (located.share * last as f64).round() as usize;
            if let Some(cell) = cells.get_mut(place.min(last)) {
                *cell = Some(located);
            }
        }
        let paint = |cell: Option<&&&LocatedBall>| match cell {
            None => Span::raw(" "),
            Some(located) => {
                let [red, green, blue] = located.ball.color;
                let sign = if located.phase == Phase::Frozen {
                    "#"
                } else {
                    "O"
                };
                let style = self.style(Color::Rgb(red, green, blue));
                Span::styled(sign, style.add_modifier(Modifier::BOLD))
            }
        };
        cells.iter().map(|cell| paint(cell.as_ref())).collect()
    }
}

/// The colour of a node that is not simply up.
fn color(state: &str, lit: bool) -> Color {
    match (state, lit) {
        ("up", false) => Color::Reset,
        ("down", false) => Color::Red,
        (_, _) => Color::Yellow,
    }
}

/// A name, cut to that many characters.
fn cut(name: &str, width: usize) -> String {
    Escaped(name).to_string().chars().take(width).collect()
}

fn title_lines(model: &Model, states: &[(&str, &str)]) -> Paragraph<'static> {
    let Some(first) = &model.first else {
        return Paragraph::new("  carom watch: no node has answered yet");
    };
    let count = |wanted| states.iter().filter(|(_, state)| *state == wanted).count();
    let mut text = format!(
        "  {}  {} of {} nodes up",
        Escaped(&first.ring),
        count("up"),
        states.len(),
    );
    let unknown = count("unknown");
    if model.is_large() && unknown > 0 {
        text.push_str(&format!(", {unknown} unknown"));
    }
    text.push_str(&format!("  lease {} ms", first.lease_ms));
    if let Some(back) = &model.last_return {
        text.push_str(&format!(
            "  last back: {} from {} in {:.1} ms",
            Escaped(&back.to),
            Escaped(&back.from),
            back.gone_ms()
        ));
    }
    Paragraph::new(Line::styled(
        text,
        Style::new().add_modifier(Modifier::BOLD),
    ))
}

fn ball_line(located: &LocatedBall) -> Line<'static> {
    let ball = &located.ball;
    let holder = Escaped(ball.holder.as_deref().unwrap_or("no node")).to_string();
    let place = match located.phase {
        Phase::Held if !ball.here && located.age >= OLD => {
            format!("on {holder}, {} s ago", located.age.as_secs())
        }
        Phase::Held => format!("on {holder}"),
        Phase::Frozen => format!("stands still on {holder}"),
        Phase::Lent => format!("with {}, lent by {holder}", Escaped(window(ball))),
        Phase::Away if ball.holder.is_none() => {
            "away, or not heard of by those that are followed".to_owned()
        }
        Phase::Away => format!("away, last on {holder}"),
    };
    let generation = Escaped(ball.generation.as_deref().unwrap_or("-")).to_string();
    let hop = ball.hop_text();
    Line::raw(format!(
        "  ball {}  {place}  hop {hop}  generation {generation}",
        ball.ball
    ))
}

/// Prints the log lines since the last call.
fn print_log(model: &mut Model) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in model.log.drain(..) {
        writeln!(out, "{line}")?;
    }
    out.flush()
}
