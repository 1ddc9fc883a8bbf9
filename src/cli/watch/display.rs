//! What is shown: a line for every node with its screen seen from above, then the log.

use std::io::{self, Stdout, Write as _};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget as _};

use super::model::{LocatedBall, Model, Phase, window};
use crate::escape::Escaped;
use crate::ring::Time;

/// Columns beside the track: name, LED, state, round trip.
const OTHER_COLUMNS: u16 = 34;

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
        let [title, nodes, ball_lines, gap, log, foot] = Layout::vertical([
            Constraint::Length(2),
            rows(names.len()),
            rows(balls.len().min(4) + 1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(area);
        self.title(model, &names).render(title, buffer);
        let lines: Vec<Line<'_>> = names
            .iter()
            .map(|name| self.node(model, name, &balls, nodes.width))
            .collect();
        Paragraph::new(lines).render(nodes, buffer);
        let lines: Vec<Line<'_>> = balls.iter().take(4).map(|ball| self.ball(ball)).collect();
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
        Line::styled("  q ends it", Style::new().add_modifier(Modifier::DIM)).render(foot, buffer);
    }

    fn title(&self, model: &Model, names: &[String]) -> Paragraph<'static> {
        let Some(first) = &model.first else {
            return Paragraph::new("  carom watch: no node has answered yet");
        };
        let up = names
            .iter()
            .filter(|name| model.state(name) == "up")
            .count();
        let mut text = format!(
            "  {}  {up} of {} nodes up  lease {} ms",
            Escaped(&first.ring),
            names.len(),
            first.lease_ms
        );
        if let Some(back) = &model.last_return {
            text.push_str(&format!(
                "  last back: {} from {} in {:.0} ms",
                Escaped(&back.to),
                Escaped(&back.from),
                back.away_ms
            ));
        }
        Paragraph::new(Line::styled(
            text,
            Style::new().add_modifier(Modifier::BOLD),
        ))
    }

    fn node(&self, model: &Model, name: &str, balls: &[LocatedBall], width: u16) -> Line<'static> {
        let state = model.state(name);
        let here: Vec<&LocatedBall> = balls
            .iter()
            .filter(|located| {
                !matches!(located.phase, Phase::Away | Phase::Lent)
                    && located.ball.holder.as_deref() == Some(name)
            })
            .collect();
        let lit = here.iter().any(|located| located.phase == Phase::Held);
        let led = match (state, lit) {
            (_, true) => Span::styled(
                "(*)",
                self.style(Color::Yellow).add_modifier(Modifier::BOLD),
            ),
            ("down", false) => Span::styled(" x ", self.style(Color::Red)),
            ("unknown", false) => Span::styled(" ? ", self.style(Color::Yellow)),
            (_, false) => Span::raw("( )"),
        };
        let columns = usize::from(width.saturating_sub(OTHER_COLUMNS)).clamp(8, 120);
        let trip = model.round_trips(name).filter(|_| state == "up");
        let trip = trip.map_or_else(String::new, |(_, most)| format!("{most:.1} ms"));
        let shown_name: String = Escaped(name).to_string().chars().take(NAME_WIDTH).collect();
        let label = if here.iter().any(|located| located.phase == Phase::Frozen) {
            "frozen"
        } else if state == "up" && model.has_led_fault(name) {
            "bad LED"
        } else {
            state
        };
        let color = match state {
            "up" => Color::Reset,
            "down" => Color::Red,
            _ => Color::Yellow,
        };
        let mut spans = vec![
            Span::raw(format!("{shown_name:>NAME_WIDTH$} ")),
            led,
            Span::raw(" |"),
        ];
        spans.extend(self.track(&here, columns));
        spans.push(Span::raw("| "));
        spans.push(Span::styled(format!("{label:7}"), self.style(color)));
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

    fn ball(&self, located: &LocatedBall) -> Line<'static> {
        let ball = &located.ball;
        let holder = Escaped(ball.holder.as_deref().unwrap_or("no node")).to_string();
        let place = match located.phase {
            Phase::Held => format!("on {holder}"),
            Phase::Frozen => format!("stands still on {holder}"),
            Phase::Lent => format!("with {}, lent by {holder}", Escaped(window(ball))),
            Phase::Away => format!("away, last on {holder}"),
        };
        let generation = Escaped(ball.generation.as_deref().unwrap_or("-")).to_string();
        let hop = ball.hop_text();
        Line::raw(format!(
            "  ball {}  {place}  hop {hop}  generation {generation}",
            ball.ball
        ))
    }
}

/// Prints the log lines since the last call.
fn print_log(model: &mut Model) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in model.log.drain(..) {
        writeln!(out, "{line}")?;
    }
    out.flush()
}
