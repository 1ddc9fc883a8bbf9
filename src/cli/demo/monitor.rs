//! Watches every LED of the demo, counts, and notices a ball that two nodes hold at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io;
use std::time::Duration;

use super::traces::{self, Change};
use crate::ring::{NodeId, Time, Topology};

/// A ball counts as moving if its LED went on within this time.
const MOVING_WITHIN: Duration = Duration::from_secs(3);

/// What the LEDs have shown so far. All moments are on the clock of the traces.
pub(super) struct Monitor {
    names: Vec<String>,
    started: Time,
    balls: BTreeMap<String, Ball>,
    /// The horizontal speed of every ball, in pixels a second.
    speeds: Vec<f64>,
    /// How often a node got a ball that another one still held.
    overlaps: u64,
    /// When the demo killed a node that has not been started again.
    killed: BTreeMap<NodeId, Time>,
    /// A sentence about the last ball that was taken back from a node, or the last node that could not be started.
    last_event: Option<String>,
    /// A line for each change that is not printed yet.
    lines: Vec<String>,
}

/// One ball, by its number in the traces.
#[derive(Clone, Default)]
pub(super) struct Ball {
    /// The nodes that hold it: at most one, if the ring is right.
    pub(super) holders: BTreeSet<NodeId>,
    pub(super) generation: String,
    pub(super) hop: u64,
    /// When an LED last went on for it.
    pub(super) arrived: Option<Time>,
    passes: u64,
    /// Since when and why it is missing; `None` once another node has it.
    missing: Option<(Time, String)>,
    /// How often it came with a new generation.
    elections: u64,
}

impl Monitor {
    pub(super) fn new(topology: &Topology) -> Self {
        let speeds = topology.balls.iter().map(|ball| ball.state.velocity[0]);
        Self {
            names: topology.nodes.clone(),
            started: traces::now(),
            balls: BTreeMap::new(),
            speeds: speeds.collect(),
            overlaps: 0,
            killed: BTreeMap::new(),
            last_event: None,
            lines: Vec::new(),
        }
    }

    pub(super) fn on_led_change(&mut self, change: &Change) {
        let who = if change.by_keeper {
            "  by its LED keeper"
        } else {
            ""
        };
        let state = if change.on { "on" } else { "off" };
        let Change {
            node,
            ball,
            generation,
            hop,
            ..
        } = change;
        let name = self.name(*node).to_owned();
        let line =
            format_args!("{name} {state:3}  ball {ball}  hop {hop}  generation {generation}{who}");
        self.add_line(change.at(), line);
        if change.on {
            self.on_arrival(change, &name);
        } else {
            self.on_departure(change, &name);
        }
    }

    fn on_arrival(&mut self, change: &Change, name: &str) {
        let (node, at) = (change.node, change.at());
        let ball = self.balls.entry(change.ball.clone()).or_default();
        let others = ball.holders.iter().filter(|&&other| other != node).count();
        self.overlaps += u64::try_from(others).unwrap_or(0);
        ball.holders.insert(node);
        ball.elections += u64::from(ball.generation != change.generation);
        ball.passes += u64::from(change.hop > ball.hop);
        ball.generation.clone_from(&change.generation);
        (ball.hop, ball.arrived) = (change.hop, Some(at));
        if let Some((since, why)) = ball.missing.take() {
            let away = at.since(since).as_secs_f64() * 1_000.0;
            let sentence = format!(
                "ball {} came back on {name} {away:.1} ms after {why}",
                change.ball
            );
            self.add_line(at, &sentence);
            self.last_event = Some(sentence);
        }
    }

    fn on_departure(&mut self, change: &Change, name: &str) {
        let ball = self.balls.entry(change.ball.clone()).or_default();
        ball.holders.remove(&change.node);
        if change.by_keeper {
            let killed = self.killed.get(&change.node);
            ball.missing = Some(match killed {
                Some(&moment) => (moment, format!("{name} was killed")),
                None => (change.at(), format!("the LED of {name} went off")),
            });
        }
    }

    /// The demo kills a node at this moment.
    pub(super) fn on_kill(&mut self, node: NodeId, at: Time) {
        self.killed.insert(node, at);
    }

    /// The demo starts a node.
    pub(super) fn on_start(&mut self, node: NodeId) {
        self.killed.remove(&node);
        let old = format!("{} cannot be started", self.name(node));
        self.last_event.take_if(|event| event.starts_with(&old));
    }

    /// A node could not be started, as this sentence says.
    pub(super) fn on_failed_start(&mut self, sentence: String) {
        self.add_line(traces::now(), &sentence);
        self.last_event = Some(sentence);
    }

    /// The process of a node has ended.
    pub(super) fn on_end(&mut self, node: NodeId, how: &dyn Display) {
        let name = self.name(node).to_owned();
        self.add_line(traces::now(), format_args!("{name} has ended ({how})"));
    }

    fn name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or("", String::as_str)
    }

    fn add_line(&mut self, at: Time, what: impl Display) {
        let seconds = at.since(self.started).as_secs_f64();
        self.lines.push(format!("{seconds:8.3} s  {what}"));
    }

    /// The lines about all changes since the last call.
    pub(super) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub(super) fn balls(&self) -> impl Iterator<Item = (&str, &Ball)> {
        self.balls.iter().map(|(name, ball)| (name.as_str(), ball))
    }

    /// The horizontal speed of that ball, in pixels a second; negative to the left.
    pub(super) fn speed(&self, ball: &str) -> f64 {
        let number = ball.parse::<usize>().ok();
        let index = number.and_then(|number| number.checked_sub(1));
        let speed = index.and_then(|index| self.speeds.get(index));
        speed.copied().unwrap_or(1.0)
    }

    /// A sentence about the last ball that was taken back from a node, or the last node that could not be started.
    pub(super) fn last_event(&self) -> Option<&str> {
        self.last_event.as_deref()
    }

    /// The numbers of passes, elections and overlapping possessions.
    pub(super) fn totals(&self) -> (u64, u64, u64) {
        let passes = self.balls.values().map(|ball| ball.passes).sum();
        let elections = self.balls.values().map(|ball| ball.elections).sum();
        (passes, elections, self.overlaps)
    }

    /// How many balls are moving.
    fn moving(&self, now: Time) -> usize {
        let is_recent = |arrived: Time| now.since(arrived) <= MOVING_WITHIN;
        let moves = |ball: &&Ball| ball.passes > 0 && ball.arrived.is_some_and(is_recent);
        self.balls.values().filter(moves).count()
    }

    /// What is wrong if a ball was ever held twice, or does not move although there are nodes to pass it to.
    pub(super) fn fault(&self, now: Time) -> Option<&'static str> {
        if self.overlaps > 0 {
            return Some("two nodes held one ball: please report this with the lines above");
        }
        (self.names.len() > 1 && self.moving(now) < self.speeds.len()).then_some(
            "not every ball was passed on in the last 3 s: choose a longer time (a busy machine needs more), or start fewer nodes",
        )
    }

    pub(super) fn summary(&self, out: &mut impl io::Write) -> io::Result<()> {
        let (passes, elections, overlaps) = self.totals();
        let (nodes, balls) = (self.names.len(), self.speeds.len());
        let moving = self.moving(traces::now());
        writeln!(out, "nodes: {nodes} ({})", self.names.join(" "))?;
        writeln!(out, "balls: {balls}, moving: {moving}")?;
        writeln!(out, "passes: {passes}")?;
        writeln!(
            out,
            "elections: {elections}, the first of every ball included"
        )?;
        writeln!(out, "possessions overlapping: {overlaps}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::topology::topology;
    use super::*;
    use crate::led::TraceLine;

    /// A monitor of three nodes that has seen these changes: milliseconds, node, and the rest of the line of a trace.
    fn after(changes: &[(u64, u16, &str)]) -> Monitor {
        let mut monitor = Monitor::new(&topology(3, 1));
        for &(millis, node, rest) in changes {
            show(&mut monitor, millis, node, rest);
        }
        monitor
    }

    fn show(monitor: &mut Monitor, millis: u64, node: u16, rest: &str) {
        let line = format!("{} n {rest}", millis * 1_000_000);
        let line = TraceLine::parse(line.as_bytes()).unwrap();
        monitor.on_led_change(&Change::of(NodeId(node), &line));
    }

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    #[test]
    fn a_ball_that_two_nodes_hold_is_an_overlap() {
        let passed = [(1, 0, "on 1 g 0"), (2, 0, "off 1 g 0"), (2, 1, "on 1 g 1")];
        let sound = after(&passed);
        assert_eq!(sound.totals(), (1, 1, 0));
        assert_eq!(sound.fault(at(10)), None);
        assert!(sound.fault(at(4_000)).unwrap().contains("passed on"));
        let doubled = after(&[(1, 0, "on 1 g 0"), (2, 1, "on 1 g 1")]);
        assert_eq!(doubled.totals(), (1, 1, 1));
        assert!(doubled.fault(at(10)).unwrap().contains("two nodes"));
    }

    #[test]
    fn it_says_how_long_a_ball_was_away_and_since_when() {
        let gone = [(1, 0, "on 1 g 0"), (5, 0, "off 1 g 0 keeper")];
        let mut stopped = after(&gone);
        show(&mut stopped, 8, 2, "on 1 h 0");
        let sentence = "ball 1 came back on n3 3.0 ms after the LED of n1 went off";
        assert_eq!(stopped.last_event(), Some(sentence));
        let mut killed = after(&gone[..1]);
        killed.on_kill(NodeId(0), at(4));
        show(&mut killed, 5, 0, "off 1 g 0 keeper");
        show(&mut killed, 8, 2, "on 1 h 0");
        let sentence = "ball 1 came back on n3 4.0 ms after n1 was killed";
        assert_eq!(killed.last_event(), Some(sentence));
        assert_eq!(killed.totals(), (0, 2, 0));
        let passed_on = after(&[(1, 0, "on 1 g 0"), (2, 0, "off 1 g 0"), (9, 1, "on 1 g 1")]);
        assert_eq!(passed_on.last_event(), None);
    }
}
