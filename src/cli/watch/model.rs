//! What is known of the ring: the reports of every node that is heard, put together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::escape::Escaped;
use crate::http::{BallStatus, Condition, News, ReturnStatus, Status};
use crate::ring::{BallState, Generation, Screen, Time, motion};

/// Lines of what happened that are kept.
const MOST_LOG_LINES: usize = 200;

/// A pass is on its way for less than this.
const HANDOVER_MICROS: u64 = 400_000;

/// One node's report on one ball.
#[derive(Clone)]
struct BallReport {
    ball: BallStatus,
    /// When it was as told.
    at: Time,
    heard: Time,
}

/// Where a ball is, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its holder says so, or the others do while their holder is not heard.
    Held,
    /// It stands still.
    Frozen,
    /// A window has it, and its holder's report is that it will come back.
    Lent,
    /// Nobody has it.
    Away,
}

/// One ball as it is located.
pub(super) struct LocatedBall {
    pub(super) ball: BallStatus,
    pub(super) phase: Phase,
    /// Across the screen, from 0 to 1.
    pub(super) share: f64,
}

/// The ring as it is known.
pub(super) struct Model {
    /// What the first node that spoke said: names, screen.
    pub(super) first: Option<Status>,
    /// By name, while they are heard.
    statuses: BTreeMap<String, Status>,
    reports: BTreeMap<u32, BTreeMap<String, BallReport>>,
    states: BTreeMap<String, String>,
    generations: BTreeMap<u32, String>,
    holders: BTreeMap<u32, String>,
    phases: BTreeMap<u32, Phase>,
    pub(super) last_return: Option<ReturnStatus>,
    pub(super) log: VecDeque<String>,
    started: Time,
}

/// The window that has a lent ball.
pub(super) fn window(ball: &BallStatus) -> &str {
    ball.loan.as_ref().map_or("", |loan| &loan.window)
}

impl Model {
    pub(super) fn new(started: Time) -> Self {
        Self {
            first: None,
            statuses: BTreeMap::new(),
            reports: BTreeMap::new(),
            states: BTreeMap::new(),
            generations: BTreeMap::new(),
            holders: BTreeMap::new(),
            phases: BTreeMap::new(),
            last_return: None,
            log: VecDeque::new(),
            started,
        }
    }

    /// A node told something.
    pub(super) fn on_event(&mut self, sender: &str, news: News, now: Time) {
        match news {
            News::State(status) => {
                self.reports.values_mut().for_each(|reports| {
                    reports.remove(sender);
                });
                for ball in &status.balls {
                    self.record_ball(sender, ball.clone(), now);
                }
                if let Some(back) = &status.last_return {
                    self.last_return.get_or_insert_with(|| back.clone());
                }
                if self.first.is_none() {
                    let line = format!("listening to the ring {} by {sender}", status.ring);
                    self.add_line(&line, now);
                    self.first = Some((*status).clone());
                }
                self.statuses.insert(sender.to_owned(), *status);
            }
            News::Ball(ball) => self.record_ball(sender, ball, now),
            News::Gone(gone) => self.remove_ball(sender, gone.ball, now),
            News::Node(node) => {
                let known = self.statuses.get_mut(sender);
                let known = known.and_then(|status| {
                    let mut nodes = status.nodes.iter_mut();
                    nodes.find(|known| known.name == node.name)
                });
                if let Some(known) = known {
                    *known = node;
                }
            }
            News::Beat(beat) => {
                if let Some(status) = self.statuses.get_mut(sender) {
                    for (node, span) in status.nodes.iter_mut().zip(beat.round_trips_ms) {
                        node.round_trip_ms = span;
                    }
                    status.condition = beat.condition;
                    status.led = beat.led;
                }
            }
            News::Return(back) => {
                let ReturnStatus {
                    ball,
                    from,
                    to,
                    away_ms,
                    ..
                } = &back;
                let line = format!(
                    "{to} took ball {ball} back, last heard of on {from}: away for {away_ms:.0} ms"
                );
                self.add_line(&line, now);
                self.last_return = Some(back);
            }
        }
        self.log_changes(now);
    }

    /// A node is no longer heard.
    pub(super) fn on_disconnected(&mut self, sender: &str, now: Time) {
        self.statuses.remove(sender);
        for reports in self.reports.values_mut() {
            reports.remove(sender);
        }
        self.log_changes(now);
    }

    /// A node knows a guest no more; when none does, it has left.
    fn remove_ball(&mut self, sender: &str, ball: u32, now: Time) {
        let Some(reports) = self.reports.get_mut(&ball) else {
            return;
        };
        reports.remove(sender);
        if reports.is_empty() {
            self.reports.remove(&ball);
            self.phases.remove(&ball);
            self.holders.remove(&ball);
            self.generations.remove(&ball);
            self.add_line(&format!("ball {ball} has left"), now);
        }
    }

    fn record_ball(&mut self, sender: &str, mut ball: BallStatus, now: Time) {
        let age = (ball.age_seconds.max(0.0) * 1e6).min(1e15) as u64;
        let at = Time::from_micros(now.as_micros().saturating_sub(age));
        let reports = self.reports.entry(ball.ball).or_default();
        let had = reports.get(sender).is_some_and(|before| before.ball.here);
        let gone = had && !ball.here && ball.holder.as_deref() != Some(sender);
        if let (true, Some(first), Some([_, y]), Some([across, _])) =
            (gone, &self.first, ball.position, ball.velocity)
        {
            // Who passes a ball says where it left; it comes in at the other side.
            let [width, _] = first.screen;
            ball.position = Some([if across > 0.0 { 0.0 } else { width }, y]);
        }
        let heard = now;
        reports.insert(sender.to_owned(), BallReport { ball, at, heard });
    }

    /// Puts what has changed into lines.
    pub(super) fn log_changes(&mut self, now: Time) {
        for name in self.names() {
            let state = self.state(&name).to_owned();
            let was = self.states.insert(name.clone(), state.clone());
            if was.is_some_and(|was| was != state) {
                self.add_line(&format!("{name} is {state}"), now);
            }
        }
        for LocatedBall { ball, phase, .. } in self.balls(now) {
            let number = ball.ball;
            let was = self.phases.insert(number, phase);
            let holder = ball.holder.clone().unwrap_or_default();
            match (was, phase) {
                (Some(Phase::Held), Phase::Away) => {
                    self.add_line(&format!("ball {number} is away"), now)
                }
                (Some(Phase::Held | Phase::Away), Phase::Frozen) => self.add_line(
                    &format!("ball {number} stands still on {holder}: no majority answers"),
                    now,
                ),
                (Some(_), Phase::Lent) if was != Some(Phase::Lent) => {
                    let window = window(&ball);
                    self.add_line(&format!("ball {number}: {holder} lent it to {window}"), now);
                }
                (Some(Phase::Frozen), Phase::Held) => {
                    self.add_line(&format!("ball {number} moves again on {holder}"), now);
                }
                _ => {}
            }
            if phase == Phase::Held && !holder.is_empty() {
                let was = self.holders.insert(number, holder.clone());
                if let Some(was) = was.filter(|was| *was != holder) {
                    let hop = ball.hop.unwrap_or(0);
                    self.add_line(&format!("ball {number}: {was} to {holder}, hop {hop}"), now);
                }
            }
            if let Some(generation) = ball.generation {
                let was = self.generations.insert(number, generation.clone());
                if was.is_some_and(|was| was != generation) {
                    let line = format!("ball {number} begins generation {generation} on {holder}");
                    self.add_line(&line, now);
                }
            }
        }
    }

    /// What the network said stands in there, so it is escaped once, here.
    fn add_line(&mut self, line: &str, now: Time) {
        if self.log.len() >= MOST_LOG_LINES {
            self.log.pop_front();
        }
        let seconds = now.since(self.started).as_secs_f64();
        self.log
            .push_back(format!("{seconds:9.3} s  {}", Escaped(line)));
    }

    /// All nodes, in ring order.
    pub(super) fn names(&self) -> Vec<String> {
        let nodes = self.first.iter().flat_map(|first| &first.nodes);
        nodes.map(|node| node.name.clone()).collect()
    }

    /// By its own report, unless the others miss it; else by theirs.
    pub(super) fn state(&self, name: &str) -> &'static str {
        let own = self.status_of(name).map(|status| status.condition);
        let others = self.statuses.values().filter(|status| status.node != name);
        let said: BTreeSet<&str> = others
            .flat_map(|status| &status.nodes)
            .filter(|node| node.name == name)
            .map(|node| node.state.as_str())
            .collect();
        let by_others = ["up", "down"]
            .into_iter()
            .find(|state| said.contains(state));
        match (own, by_others) {
            // It knows best that it hears nobody; those it does not hear may know nothing of it.
            (Some(Condition::CutOff), _) => Condition::CutOff.word(),
            (_, Some("down")) => "down",
            (Some(own), _) => own.word(),
            (None, by_others) => by_others.unwrap_or("unknown"),
        }
    }

    fn status_of(&self, name: &str) -> Option<&Status> {
        self.statuses.values().find(|status| status.node == name)
    }

    /// Whether a node says that it cannot set its LED.
    pub(super) fn has_led_fault(&self, name: &str) -> bool {
        self.status_of(name)
            .is_some_and(|status| status.led.fault.is_some())
    }

    /// The quickest and the slowest link of a node, in milliseconds.
    pub(super) fn round_trips(&self, name: &str) -> Option<(f64, f64)> {
        let own = self.statuses.values().filter(|status| status.node == name);
        let own = own.flat_map(|status| status.nodes.iter().filter_map(|node| node.round_trip_ms));
        let others = self.statuses.values().flat_map(|status| &status.nodes);
        let others = others
            .filter(|node| node.name == name)
            .filter_map(|node| node.round_trip_ms);
        own.chain(others).fold(None, |most, span| {
            let (low, high) = most.unwrap_or((span, span));
            Some((span.min(low), span.max(high)))
        })
    }

    /// Every ball, where it is now.
    pub(super) fn balls(&self, now: Time) -> Vec<LocatedBall> {
        self.reports
            .values()
            .filter_map(|reports| self.locate(reports, now))
            .collect()
    }

    fn locate(&self, reports: &BTreeMap<String, BallReport>, now: Time) -> Option<LocatedBall> {
        let order = |report: &&BallReport| {
            let generation = report.ball.generation.as_deref();
            let generation = generation.and_then(|text| text.parse::<Generation>().ok());
            (
                generation,
                report.ball.hop,
                report.ball.here,
                report.ball.frozen,
                report.ball.loan.is_some(),
                report.at,
            )
        };
        let here = reports
            .values()
            .filter(|report| report.ball.here)
            .max_by_key(order);
        let report = here.or_else(|| reports.values().max_by_key(order))?;
        let holder = report.ball.holder.as_deref().unwrap_or_default();
        let heard = self.status_of(holder).is_some();
        let fresh = now.since(report.heard).as_micros() < u128::from(HANDOVER_MICROS);
        let phase = if report.ball.here {
            Phase::Held
        } else if report.ball.frozen {
            Phase::Frozen
        } else if report.ball.loan.is_some() {
            Phase::Lent
        } else if (fresh || !heard) && self.state(holder) == "up" {
            Phase::Held
        } else {
            Phase::Away
        };
        let share = self.share(report, now);
        let ball = report.ball.clone();
        Some(LocatedBall { ball, phase, share })
    }

    fn share(&self, report: &BallReport, now: Time) -> f64 {
        let Some(first) = &self.first else { return 0.0 };
        let [width, height] = first.screen;
        let (Some(position), Some(velocity)) = (report.ball.position, report.ball.velocity) else {
            return 0.0;
        };
        let state = BallState {
            position,
            velocity,
            radius: report.ball.radius,
            color: report.ball.color,
        };
        let elapsed = now.since(report.at);
        let state = if report.ball.frozen {
            state
        } else {
            motion::at(&state, Screen { width, height }, elapsed)
        };
        let [x, _] = state.position;
        (x / width).clamp(0.0, 1.0)
    }

    /// Whether anything moves, so that it must be drawn again soon.
    pub(super) fn moves(&self, now: Time) -> bool {
        self.balls(now)
            .iter()
            .any(|located| located.phase == Phase::Held)
    }
}
