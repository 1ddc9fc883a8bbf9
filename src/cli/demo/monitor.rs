//! Watches every LED of the demo, counts, and notices a ball that two nodes hold at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smol::channel::Sender;

use crate::clock;
use crate::led::{Led, LedChange, LedError};
use crate::ring::{NodeId, Time, Topology};

/// A ball counts as moving if its LED went on within this time.
const MOVING_WITHIN: Duration = Duration::from_secs(3);

/// Lines that wait to be printed; beyond this, the oldest are dropped.
const MOST_LINES: usize = 64;

/// What the LEDs have shown so far.
#[derive(Clone)]
pub(super) struct Monitor {
    names: Vec<String>,
    started: Time,
    balls: BTreeMap<String, Ball>,
    /// The horizontal speed of every ball, in pixels a second.
    speeds: Vec<f64>,
    /// How often a node got a ball that another one still held.
    overlaps: u64,
    /// A sentence about the last ball that was taken back from a killed node.
    last_return: Option<String>,
    /// A line for each change that is not printed yet.
    lines: VecDeque<String>,
    changed: Sender<()>,
}

/// One ball, by its name in the LED changes.
#[derive(Clone, Default)]
pub(super) struct Ball {
    /// The nodes that hold it: at most one, if the ring is right.
    pub(super) holders: BTreeSet<NodeId>,
    pub(super) generation: String,
    pub(super) hop: u64,
    /// When an LED last went on for it.
    pub(super) arrived: Option<Time>,
    passes: u64,
    /// When its holder was killed; `None` once another node has it.
    missing_since: Option<Time>,
    /// How often it came with a new generation.
    elections: u64,
}

/// The monitor, shared by the display and the LEDs, which are on threads of their own.
#[derive(Clone)]
pub(super) struct SharedMonitor(Arc<Mutex<Monitor>>);

impl SharedMonitor {
    pub(super) fn new(monitor: Monitor) -> Self {
        Self(Arc::new(Mutex::new(monitor)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Monitor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor {
    pub(super) fn new(topology: &Topology, changed: Sender<()>, started: Time) -> Self {
        let speeds = topology.balls.iter().map(|ball| ball.state.velocity[0]);
        Self {
            names: topology.nodes.clone(),
            started,
            balls: BTreeMap::new(),
            speeds: speeds.collect(),
            overlaps: 0,
            last_return: None,
            lines: VecDeque::new(),
            changed,
        }
    }

    fn on_led_change(&mut self, node: NodeId, change: &LedChange<'_>, now: Time) {
        let ball = self.balls.entry(change.ball.to_string()).or_default();
        if change.on {
            let others = ball.holders.iter().filter(|&&other| other != node).count();
            self.overlaps += u64::try_from(others).unwrap_or(0);
            ball.holders.insert(node);
            let generation = change.generation.to_string();
            if let Some(since) = ball.missing_since.take() {
                let away = now.since(since).as_millis();
                self.last_return = Some(format!(
                    "ball {} came back on {} after {away} ms",
                    change.ball, change.node
                ));
            }
            ball.elections += u64::from(ball.generation != generation);
            ball.passes += u64::from(change.hop > ball.hop);
            (ball.generation, ball.hop, ball.arrived) = (generation, change.hop, Some(now));
        } else {
            ball.holders.remove(&node);
        }
        let seconds = now.since(self.started).as_secs_f64();
        let state = if change.on { "on" } else { "off" };
        let LedChange {
            node,
            ball,
            generation,
            hop,
            ..
        } = change;
        self.add_line(format!(
            "{seconds:8.3} s  {node} {state:3}  ball {ball}  hop {hop}  generation {generation}"
        ));
    }

    /// A node was killed: its LED is off, and its balls are missing.
    pub(super) fn on_killed(&mut self, node: NodeId, now: Time) {
        for ball in self.balls.values_mut() {
            if ball.holders.remove(&node) {
                ball.missing_since = Some(now);
            }
        }
        self.notify();
    }

    fn add_line(&mut self, line: String) {
        if self.lines.len() >= MOST_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.notify();
    }

    fn notify(&self) {
        // Fails only if an earlier notice is still waiting: one is enough.
        let _ = self.changed.try_send(());
    }

    /// The lines about all changes since the last call.
    pub(super) fn take_lines(&mut self) -> VecDeque<String> {
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

    /// A sentence about the last ball that was taken back from a killed node.
    pub(super) fn last_return(&self) -> Option<&str> {
        self.last_return.as_deref()
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

    /// Whether every ball moves and none was ever held twice.
    pub(super) fn is_sound(&self, now: Time) -> bool {
        self.overlaps == 0 && (self.names.len() == 1 || self.moving(now) == self.speeds.len())
    }

    pub(super) fn summary(&self, out: &mut impl io::Write) -> io::Result<()> {
        let (passes, elections, overlaps) = self.totals();
        let (nodes, balls) = (self.names.len(), self.speeds.len());
        let moving = self.moving(clock::now());
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

/// An LED that reports its changes to the monitor.
pub(super) struct MonitoredLed {
    monitor: SharedMonitor,
    node: NodeId,
}

impl MonitoredLed {
    pub(super) fn new(monitor: SharedMonitor, node: NodeId) -> Self {
        Self { monitor, node }
    }
}

impl Led for MonitoredLed {
    fn show(&mut self, change: &LedChange<'_>, _lit: bool) -> Result<(), LedError> {
        let mut monitor = self.monitor.lock();
        monitor.on_led_change(self.node, change, clock::now());
        Ok(())
    }
}
