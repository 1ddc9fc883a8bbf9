//! The demo's referee: sees every LED, counts, and notices a ball that is held twice.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use smol::channel::Sender;

use crate::clock;
use crate::led::{Led, LedChange, LedError};
use crate::ring::{NodeId, Time, Topology};

/// A ball that has moved within this time is a moving ball.
const LATELY: Duration = Duration::from_secs(3);

/// Changes that wait to be printed at the most; the older ones are only counted.
const MOST_NEWS: usize = 64;

/// What was seen.
#[derive(Clone)]
pub(super) struct Score {
    names: Vec<String>,
    begun: Time,
    balls: BTreeMap<String, Ball>,
    /// The speed across of every ball of the file, in pixels a second.
    speeds: Vec<f64>,
    overlaps: u64,
    /// The last ball that came back after its node was killed: where to, and how long it was away.
    returned: Option<String>,
    news: VecDeque<String>,
    changed: Sender<()>,
}

/// One ball, by its name in the LED changes.
#[derive(Clone, Default)]
pub(super) struct Ball {
    /// Who has it: one, if all is well.
    pub(super) at: BTreeSet<NodeId>,
    pub(super) generation: String,
    pub(super) hop: u64,
    /// When its LED last went on.
    pub(super) lit: Option<Time>,
    passes: u64,
    /// When the node that had it was killed; `None` once it is back.
    away_since: Option<Time>,
    /// How often it came with a new generation.
    elections: u64,
}

impl Score {
    pub(super) fn new(topology: &Topology, changed: Sender<()>, begun: Time) -> Self {
        Self {
            names: topology.nodes.clone(),
            begun,
            balls: BTreeMap::new(),
            speeds: topology
                .balls
                .iter()
                .map(|serve| serve.state.velocity[0])
                .collect(),
            overlaps: 0,
            returned: None,
            news: VecDeque::new(),
            changed,
        }
    }

    fn see(&mut self, node: NodeId, change: &LedChange<'_>, now: Time) {
        let ball = self.balls.entry(change.ball.to_string()).or_default();
        if change.on {
            self.overlaps +=
                u64::try_from(ball.at.iter().filter(|&&other| other != node).count()).unwrap_or(0);
            ball.at.insert(node);
            let generation = change.generation.to_string();
            if let Some(since) = ball.away_since.take() {
                let away = now.since(since).as_millis();
                self.returned = Some(format!(
                    "ball {} came back on {} after {away} ms",
                    change.ball, change.node
                ));
            }
            ball.elections += u64::from(ball.generation != generation);
            ball.passes += u64::from(change.hop > ball.hop);
            (ball.generation, ball.hop, ball.lit) = (generation, change.hop, Some(now));
        } else {
            ball.at.remove(&node);
        }
        let seconds = now.since(self.begun).as_secs_f64();
        let word = if change.on { "on" } else { "off" };
        let LedChange {
            node,
            ball,
            generation,
            hop,
            ..
        } = change;
        self.tell(format!(
            "{seconds:8.3} s  {node} {word:3}  ball {ball}  hop {hop}  generation {generation}"
        ));
    }

    /// The LED of a killed node goes dark with it.
    pub(super) fn killed(&mut self, node: NodeId, now: Time) {
        for ball in self.balls.values_mut() {
            if ball.at.remove(&node) {
                ball.away_since = Some(now);
            }
        }
        let _ = self.changed.try_send(());
    }

    fn tell(&mut self, line: String) {
        if self.news.len() >= MOST_NEWS {
            self.news.pop_front();
        }
        self.news.push_back(line);
        // A sign that is already waiting does as well.
        let _ = self.changed.try_send(());
    }

    /// The lines about all changes since the last call.
    pub(super) fn take_news(&mut self) -> VecDeque<String> {
        std::mem::take(&mut self.news)
    }

    pub(super) fn balls(&self) -> impl Iterator<Item = (&str, &Ball)> {
        self.balls.iter().map(|(name, ball)| (name.as_str(), ball))
    }

    /// How fast that ball flies across, in pixels a second; negative to the left.
    pub(super) fn speed(&self, ball: &str) -> f64 {
        let index = ball
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        index
            .and_then(|index| self.speeds.get(index))
            .copied()
            .unwrap_or(1.0)
    }

    /// What to say of the last ball that came back.
    pub(super) fn returned(&self) -> Option<&str> {
        self.returned.as_deref()
    }

    pub(super) fn totals(&self) -> (u64, u64, u64) {
        let passes = self.balls.values().map(|ball| ball.passes).sum();
        let elections = self.balls.values().map(|ball| ball.elections).sum();
        (passes, elections, self.overlaps)
    }

    /// How many balls have moved lately.
    fn moving(&self, now: Time) -> usize {
        let lately =
            |ball: &&Ball| ball.passes > 0 && ball.lit.is_some_and(|lit| now.since(lit) <= LATELY);
        self.balls.values().filter(lately).count()
    }

    /// Whether every ball moves and none was ever held twice.
    pub(super) fn is_sound(&self, now: Time) -> bool {
        self.overlaps == 0 && (self.names.len() == 1 || self.moving(now) == self.speeds.len())
    }

    pub(super) fn summary(&self, out: &mut impl io::Write) -> io::Result<()> {
        let (passes, elections, overlaps) = self.totals();
        writeln!(
            out,
            "nodes: {} ({})",
            self.names.len(),
            self.names.join(" ")
        )?;
        writeln!(
            out,
            "balls: {}, moving: {}",
            self.speeds.len(),
            self.moving(clock::now())
        )?;
        writeln!(out, "passes: {passes}")?;
        writeln!(
            out,
            "elections: {elections}, the first of every ball included"
        )?;
        writeln!(out, "possessions overlapping: {overlaps}")
    }
}

/// An LED that the referee sees.
pub(super) struct Watched {
    score: Rc<RefCell<Score>>,
    node: NodeId,
}

impl Watched {
    pub(super) fn new(score: Rc<RefCell<Score>>, node: NodeId) -> Self {
        Self { score, node }
    }
}

impl Led for Watched {
    fn show(&mut self, change: &LedChange<'_>, _lit: bool) -> Result<(), LedError> {
        self.score.borrow_mut().see(self.node, change, clock::now());
        Ok(())
    }
}
