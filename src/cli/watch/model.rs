//! What is known of the ring: the reports of all nodes that are connected, combined.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use super::choice::is_large;
use crate::endpoint::Endpoint;
use crate::escape::Escaped;
use crate::http::{BallStatus, Condition, NodeStatus, ReturnStatus, Status, Update};
use crate::ring::Time;

/// The model, shared by the tasks that follow the nodes.
pub(super) type Shared = Rc<RefCell<Model>>;

/// Log lines that are kept.
const MOST_LOG_LINES: usize = 200;

/// One node's report of one ball.
#[derive(Clone)]
pub(super) struct BallReport {
    pub(super) ball: BallStatus,
    /// The time to which the ball's position belongs.
    pub(super) at: Time,
    /// When the report came.
    pub(super) received: Time,
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
    /// How long ago a node reported this.
    pub(super) age: Duration,
}

/// The state of a node that no stream tells of, by the answer to a single question.
pub(super) struct Told {
    pub(super) state: &'static str,
    pub(super) at: Time,
}

/// Why an address has not answered, and when.
pub(super) struct Unreached {
    pub(super) reason: String,
    pub(super) at: Time,
}

/// The ring as the nodes report it.
pub(super) struct Model {
    /// The first status that came: it has the names and the screen.
    pub(super) first: Option<Status>,
    /// The latest status of every node that is connected, by its name.
    pub(super) statuses: BTreeMap<String, Status>,
    /// The place of every node in the ring, by its name.
    pub(super) index: BTreeMap<String, usize>,
    /// Where each connected node was reached.
    pub(super) reached: BTreeMap<String, Endpoint>,
    /// Where the first was reached.
    pub(super) home: Option<Endpoint>,
    /// By name, what single questions have told.
    pub(super) told: BTreeMap<String, Told>,
    /// For every ball, the latest report of each node.
    pub(super) reports: BTreeMap<u32, BTreeMap<String, BallReport>>,
    /// What was logged last: the state of each node.
    states: BTreeMap<String, String>,
    generations: BTreeMap<u32, String>,
    holders: BTreeMap<u32, String>,
    phases: BTreeMap<u32, Phase>,
    pub(super) last_return: Option<ReturnStatus>,
    pub(super) log: VecDeque<String>,
    /// Every address that was asked and has not answered, or answers no more.
    pub(super) unreached: BTreeMap<String, Unreached>,
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
            index: BTreeMap::new(),
            reached: BTreeMap::new(),
            home: None,
            told: BTreeMap::new(),
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
                    let names = status.nodes.iter().map(|node| node.name.clone());
                    self.index = names.zip(0..).collect();
                    self.home = self.reached.get(sender).cloned();
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
                let ReturnStatus { ball, from, to, .. } = &back;
                let gone = back.gone_ms();
                let line = format!(
                    "{to} took ball {ball} back after {gone:.1} ms, last heard of on {from}"
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
        self.reached.remove(sender);
        for reports in self.reports.values_mut() {
            reports.remove(sender);
        }
        self.log_changes(now);
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
        let is_large = self.is_large();
        for name in self.names() {
            let state = self.state(&name, now).to_owned();
            // In a large ring it depends on who is followed whether a node is known.
            if is_large && state == "unknown" {
                continue;
            }
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
    pub(super) fn add_line(&mut self, line: &str, now: Time) {
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

    /// Whether the ring is so large that only some of its nodes are followed.
    pub(super) fn is_large(&self) -> bool {
        let first = self.first.as_ref();
        first.is_some_and(|first| is_large(first.nodes.len()))
    }

    /// The state of a node: its own report, unless others report it as down; else the report of the
    /// others; else what a single question has told.
    pub(super) fn state(&self, name: &str, now: Time) -> &'static str {
        let own = self.status_of(name).map(|status| status.condition);
        let others = self.statuses.values().filter(|status| status.node != name);
        let reports = others.filter_map(|status| self.report(status, name));
        let reported: BTreeSet<&str> = reports.map(|node| node.state.as_str()).collect();
        let by_others = ["up", "down"]
            .into_iter()
            .find(|state| reported.contains(state));
        match (own, by_others) {
            // A node that reaches no majority knows that better than the others, which may not reach it.
            (Some(Condition::CutOff), _) => Condition::CutOff.label(),
            (_, Some("down")) => "down",
            (Some(own), _) => own.label(),
            (None, Some(by_others)) => by_others,
            (None, None) => self.told_state(name, now).unwrap_or("unknown"),
        }
    }

    /// What `status` reports of a node. All nodes list them in the same order.
    pub(super) fn report<'a>(&self, status: &'a Status, name: &str) -> Option<&'a NodeStatus> {
        let index = self.index.get(name)?;
        status.nodes.get(*index).filter(|node| node.name == name)
    }

    pub(super) fn status_of(&self, name: &str) -> Option<&Status> {
        self.statuses.get(name)
    }

    /// Whether a node reports that it cannot set its LED.
    pub(super) fn has_led_fault(&self, name: &str) -> bool {
        self.status_of(name)
            .is_some_and(|status| status.led.fault.is_some())
    }

    /// The shortest and the longest round trip on the links of a node, in milliseconds.
    pub(super) fn round_trips(&self, name: &str) -> Option<(f64, f64)> {
        let own = self.status_of(name).into_iter();
        let own = own.flat_map(|status| status.nodes.iter().filter_map(|node| node.round_trip_ms));
        let others = self.statuses.values();
        let others = others.filter_map(|status| self.report(status, name)?.round_trip_ms);
        own.chain(others).fold(None, |most, span| {
            let (low, high) = most.unwrap_or((span, span));
            Some((span.min(low), span.max(high)))
        })
    }
}
