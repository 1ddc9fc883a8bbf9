//! The picture: a line for every node with its screen seen from above, then what happened.

use std::io::{self, Stdout};

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
use super::print;
use crate::escape::Escaped;
use crate::ring::Time;

/// Columns beside the track: name, lamp, state, round trip.
const BESIDE: u16 = 34;

/// The longest name that is located whole.
const NAME: usize = 12;

/// A terminal, or a pipe.
pub(super) enum Display {
    Picture {
        terminal: Terminal<CrosstermBackend<Stdout>>,
        coloured: bool,
    },
    Plain,
}

impl Display {
    pub(super) fn open(terminal: bool) -> io::Result<Self> {
        if !terminal {
            return Ok(Self::Plain);
        }
        execute!(io::stdout(), EnterAlternateScreen)?;
        let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        terminal.hide_cursor()?;
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Ok(Self::Picture { terminal, coloured })
    }

    pub(super) fn show(&mut self, model: &mut Model, now: Time) -> io::Result<()> {
        match self {
            Self::Plain => print(model),
            Self::Picture { terminal, coloured } => {
                let paint = Paint {
                    coloured: *coloured,
                };
                terminal.draw(|frame| paint.all(model, now, frame.area(), frame.buffer_mut()))?;
                Ok(())
            }
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Self::Picture { terminal, .. } = self {
            // The terminal may have gone; then nobody misses its cursor.
            let _ = terminal.show_cursor();
            let _ = execute!(io::stdout(), LeaveAlternateScreen);
        }
    }
}

/// How everything looks. Nothing is said by colour alone.
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

    fn all(&self, model: &Model, now: Time, area: Rect, buffer: &mut Buffer) {
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
        let lamp = match (state, lit) {
            (_, true) => Span::styled(
                "(*)",
                self.style(Color::Yellow).add_modifier(Modifier::BOLD),
            ),
            ("down", false) => Span::styled(" x ", self.style(Color::Red)),
            ("unknown", false) => Span::styled(" ? ", self.style(Color::Yellow)),
            (_, false) => Span::raw("( )"),
        };
        let columns = usize::from(width.saturating_sub(BESIDE)).clamp(8, 120);
        let trip = model.round_trips(name).filter(|_| state == "up");
        let trip = trip.map_or_else(String::new, |(_, most)| format!("{most:.1} ms"));
        let located: String = Escaped(name).to_string().chars().take(NAME).collect();
        let report = if here.iter().any(|located| located.phase == Phase::Frozen) {
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
            Span::raw(format!("{located:>NAME$} ")),
            lamp,
            Span::raw(" |"),
        ];
        spans.extend(self.track(&here, columns));
        spans.push(Span::raw("| "));
        spans.push(Span::styled(format!("{report:7}"), self.style(color)));
        spans.push(Span::styled(trip, Style::new().add_modifier(Modifier::DIM)));
        Line::from(spans)
    }

    /// The balls on one node's screen, in their places from left to right.
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
        let hop = ball.hop.unwrap_or(0);
        Line::raw(format!(
            "  ball {}  {place}  hop {hop}  generation {generation}",
            ball.ball
        ))
    }
}
