//! What is known of the ring: the reports of all nodes that are connected, combined.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::escape::Escaped;
use crate::http::{BallStatus, Condition, ReturnStatus, Status, Update};
use crate::ring::{BallState, Generation, Screen, Time, motion};

/// Log lines that are kept.
const MOST_LOG_LINES: usize = 200;

/// A ball that nobody reports to hold is being passed for at most this long, in microseconds.
const HANDOVER_MICROS: u64 = 400_000;

/// One node's report of one ball.
#[derive(Clone)]
struct BallReport {
    ball: BallStatus,
    /// The time to which the ball's position belongs.
    at: Time,
    /// When the report came.
    received: Time,
}

/// What is known of where a ball is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A node holds it, by its own report; or by those of the others if it is not connected.
    Held,
    /// A node holds it, and no majority renews its lease: it stands still.
    Frozen,
    /// Its holder has lent it to a window.
    Lent,
    /// No node is known to hold it.
    Away,
}

/// One ball, and where it is now.
pub(super) struct LocatedBall {
    pub(super) ball: BallStatus,
    pub(super) phase: Phase,
    /// Its horizontal position on the screen, from 0 at the left to 1 at the right.
    pub(super) share: f64,
}

/// The ring as the nodes report it.
pub(super) struct Model {
    /// The first status that came: it has the names and the screen.
    pub(super) first: Option<Status>,
    /// The latest status of every node that is connected, by its name.
    statuses: BTreeMap<String, Status>,
    /// For every ball, the latest report of each node.
    reports: BTreeMap<u32, BTreeMap<String, BallReport>>,
    /// What was logged last: the state of each node.
    states: BTreeMap<String, String>,
    generations: BTreeMap<u32, String>,
    holders: BTreeMap<u32, String>,
    phases: BTreeMap<u32, Phase>,
    pub(super) last_return: Option<ReturnStatus>,
    pub(super) log: VecDeque<String>,
    /// Why each address that was asked has not answered, or answers no more.
    unreached: BTreeMap<String, String>,
    started: Time,
}

/// The name of the window that has a lent ball.
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
            unreached: BTreeMap::new(),
            started,
        }
    }

    /// A node has sent an event.
    pub(super) fn on_event(&mut self, sender: &str, news: Update, now: Time) {
        match news {
            Update::State(status) => {
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
            Update::Ball(ball) => self.record_ball(sender, ball, now),
            Update::BallRemoved(gone) => self.remove_ball(sender, gone.ball, now),
            Update::Node(node) => {
                let known = self.statuses.get_mut(sender);
                let known = known.and_then(|status| {
                    let mut nodes = status.nodes.iter_mut();
                    nodes.find(|known| known.name == node.name)
                });
                if let Some(known) = known {
                    *known = node;
                }
            }
            Update::Heartbeat(beat) => {
                if let Some(status) = self.statuses.get_mut(sender) {
                    for (node, span) in status.nodes.iter_mut().zip(beat.round_trips_ms) {
                        node.round_trip_ms = span;
                    }
                    status.condition = beat.condition;
                    status.led = beat.led;
                }
            }
            Update::Return(back) => {
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

    /// The connection to a node is lost.
    pub(super) fn on_disconnected(&mut self, sender: &str, now: Time) {
        self.statuses.remove(sender);
        for reports in self.reports.values_mut() {
            reports.remove(sender);
        }
        self.log_changes(now);
    }

    /// An address has not answered, or answers no more. Said once for each reason.
    pub(super) fn on_unreached(&mut self, address: &str, reason: String, now: Time) {
        let line = if reason.contains(address) {
            format!("{reason}; asking again")
        } else {
            format!("{address}: {reason}; asking again")
        };
        if self.unreached.insert(address.to_owned(), reason.clone()) != Some(reason) {
            self.add_line(&line, now);
        }
    }

    /// An address has answered.
    pub(super) fn on_reached(&mut self, address: &str) {
        self.unreached.remove(address);
    }

    /// A node no longer knows a guest. When no node does, the guest has left.
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
        let was_here = reports.get(sender).is_some_and(|before| before.ball.here);
        let passed_on = was_here && !ball.here && ball.holder.as_deref() != Some(sender);
        if let (true, Some(first), Some([_, y]), Some([across, _])) =
            (passed_on, &self.first, ball.position, ball.velocity)
        {
            // A node that passes a ball reports where it left. It comes in at the other side.
            let [width, _] = first.screen;
            ball.position = Some([if across > 0.0 { 0.0 } else { width }, y]);
        }
        let received = now;
        reports.insert(sender.to_owned(), BallReport { ball, at, received });
    }

    /// Adds a log line for every change since the last call.
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
                    let hop = ball
                        .hop
                        .map(|hop| format!(", hop {hop}"))
                        .unwrap_or_default();
                    self.add_line(&format!("ball {number}: {was} to {holder}{hop}"), now);
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

    /// The text contains strings from the network, so it is escaped here, once.
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

    /// The state of a node: its own report, unless others report it as down; else the report of the
    /// others.
    pub(super) fn state(&self, name: &str) -> &'static str {
        let own = self.status_of(name).map(|status| status.condition);
        let others = self.statuses.values().filter(|status| status.node != name);
        let reported: BTreeSet<&str> = others
            .flat_map(|status| &status.nodes)
            .filter(|node| node.name == name)
            .map(|node| node.state.as_str())
            .collect();
        let by_others = ["up", "down"]
            .into_iter()
            .find(|state| reported.contains(state));
        match (own, by_others) {
            // A node that reaches no majority knows that better than the others, which may not reach it.
            (Some(Condition::CutOff), _) => Condition::CutOff.label(),
            (_, Some("down")) => "down",
            (Some(own), _) => own.label(),
            (None, by_others) => by_others.unwrap_or("unknown"),
        }
    }

    fn status_of(&self, name: &str) -> Option<&Status> {
        self.statuses.values().find(|status| status.node == name)
    }

    /// Whether a node reports that it cannot set its LED.
    pub(super) fn has_led_fault(&self, name: &str) -> bool {
        self.status_of(name)
            .is_some_and(|status| status.led.fault.is_some())
    }

    /// The shortest and the longest round trip on the links of a node, in milliseconds.
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

    /// Every ball, and where it is now.
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
        let is_connected = self.status_of(holder).is_some();
        let fresh = now.since(report.received).as_micros() < u128::from(HANDOVER_MICROS);
        let phase = if report.ball.here {
            Phase::Held
        } else if report.ball.frozen {
            Phase::Frozen
        } else if report.ball.loan.is_some() {
            Phase::Lent
        } else if (fresh || !is_connected) && self.state(holder) == "up" {
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

    /// Whether any ball moves, so that it must be drawn again soon.
    pub(super) fn moves(&self, now: Time) -> bool {
        self.balls(now)
            .iter()
            .any(|located| located.phase == Phase::Held)
    }
}
