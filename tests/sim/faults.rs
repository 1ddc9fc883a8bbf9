//! What can go wrong, and the swarm: each seed draws which of it does, how often and how hard.

use std::fmt;

use carom::ring::Topology;

use crate::clock::{MOST_DRIFT, Nanos};
use crate::plan::{log_uniform, nanos};

/// Whom a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Host(usize),
    /// Whoever has the ball with this index at that moment, or was last known to.
    Holder(usize),
    /// Whoever the ball with this index is on its way to, or was last sent to.
    Receiver(usize),
}

/// One kind of trouble.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The process dies: its machine closes the connections.
    Crash(Target),
    /// The machine dies: nobody is told.
    PowerOff(Target),
    /// Every machine dies.
    PowerCut,
    /// The process is stopped, LEDs as they are.
    Pause(Target),
    /// The process is asked to leave.
    Drain(Target),
    /// These ways are cut; what is on them gets through or is held up.
    Cut {
        ways: Vec<(usize, usize)>,
        hold_up: bool,
    },
    /// All that is sent on these ways arrives at the end, in one burst.
    Stall(Vec<(usize, usize)>),
    /// Every line on these ways takes longer, until the calm.
    Slow {
        ways: Vec<(usize, usize)>,
        extra: Nanos,
    },
    /// The connection between the two is reset.
    Reset(usize, usize),
    /// A clock runs at another rate.
    Drift { host: usize, drift: i64 },
    /// The process is restarted with another ring file, until the end of the fault.
    OtherFile(Target),
}

/// Trouble that begins at a moment and lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub at: Nanos,
    pub lasts: Nanos,
    pub kind: Kind,
}

impl Kind {
    /// Whether it makes lines late without cutting anything.
    pub fn is_of_the_air(&self) -> bool {
        matches!(self, Self::Stall(_) | Self::Slow { .. })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(formatter, "pi{}", host + 1),
            Self::Holder(ball) => write!(formatter, "the holder of ball {}", ball + 1),
            Self::Receiver(ball) => write!(formatter, "the receiver of ball {}", ball + 1),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |nanos: Nanos| nanos as f64 / 1e9;
        let list = |ways: &[(usize, usize)]| {
            let each = ways.iter().map(|(from, to)| format!("{}>{}", from + 1, to + 1));
            each.collect::<Vec<_>>().join(" ")
        };
        write!(formatter, "at {:.6} for {:.6} s: ", seconds(self.at), seconds(self.lasts))?;
        match &self.kind {
            Kind::Crash(target) => write!(formatter, "{target} crashes"),
            Kind::PowerOff(target) => write!(formatter, "{target} loses power"),
            Kind::PowerCut => write!(formatter, "the whole ring loses power"),
            Kind::Pause(target) => write!(formatter, "{target} is stopped"),
            Kind::Drain(target) => write!(formatter, "{target} is told to leave"),
            Kind::Cut { ways, hold_up } => {
                let way = if *hold_up { "what is on them is held up" } else { "what is on them gets through" };
                write!(formatter, "cut {} ({way})", list(ways))
            }
            Kind::Stall(ways) => write!(formatter, "stalled {}", list(ways)),
            Kind::Slow { ways, extra } => {
                write!(formatter, "slower by {:.6} s {}", seconds(*extra), list(ways))
            }
            Kind::Reset(a, b) => write!(formatter, "connection of pi{} and pi{} reset", a + 1, b + 1),
            Kind::Drift { host, drift } => write!(formatter, "clock of pi{} runs {drift} ppm fast", host + 1),
            Kind::OtherFile(target) => write!(formatter, "{target} restarted with another ring file"),
        }
    }
}

const KINDS: usize = 11;

/// Draws the faults of one run.
pub fn draw(random: &mut fastrand::Rng, topology: &Topology, until: Nanos) -> Vec<Fault> {
    let lease = nanos(topology.lease);
    let count = match random.u8(0..10) {
        0 => 0,
        1..4 => 1,
        4..8 => random.usize(2..8),
        _ => random.usize(8..40),
    };
    let enabled: Vec<usize> = (0..KINDS).filter(|_| random.u8(0..3) == 0).collect();
    let hardest = log_uniform(random, lease / 10, lease * 6);
    let mut faults: Vec<Fault> = Vec::new();
    for _ in 0..count {
        let Some(&kind) = random.choice(&enabled) else {
            break;
        };
        // Half of all faults come together with another one.
        let earlier = if random.bool() { random.choice(&faults).map(|fault| fault.at) } else { None };
        let at = match earlier {
            Some(at) => at + random.u64(0..=lease / 20),
            None => random.u64(0..until),
        };
        let at = at.min(until - 1);
        let lasts = log_uniform(random, lease / 100, hardest).min(until - at);
        let kind = draw_kind(random, topology, kind);
        faults.push(Fault { at, lasts, kind });
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn draw_kind(random: &mut fastrand::Rng, topology: &Topology, kind: usize) -> Kind {
    let (nodes, lease) = (topology.nodes.len(), nanos(topology.lease));
    let target = draw_target(random, topology);
    match kind {
        0 => Kind::Crash(target),
        1 => Kind::PowerOff(target),
        2 if random.u8(0..3) == 0 => Kind::PowerCut,
        3 => Kind::Pause(target),
        4 => Kind::Drain(target),
        5 => Kind::Cut {
            ways: draw_ways(random, nodes),
            hold_up: random.bool(),
        },
        6 => Kind::Stall(draw_ways(random, nodes)),
        7 => Kind::Slow {
            ways: draw_ways(random, nodes),
            extra: log_uniform(random, lease / 1_000, lease),
        },
        8 => Kind::Drift {
            host: random.usize(0..nodes),
            // Within what the seed's timers leave of the one percent.
            drift: *random.choice(&[-1_000, 0, 1_000, MOST_DRIFT]).unwrap_or(&0) / 5,
        },
        9 if random.u8(0..2) == 0 => Kind::OtherFile(target),
        _ => Kind::Reset(random.usize(0..nodes), random.usize(0..nodes)),
    }
}

fn draw_target(random: &mut fastrand::Rng, topology: &Topology) -> Target {
    let ball = random.usize(0..topology.balls.len().max(1));
    match random.u8(0..4) {
        0 => Target::Holder(ball),
        1 => Target::Receiver(ball),
        _ => Target::Host(random.usize(0..topology.nodes.len())),
    }
}

/// A cut of any shape: one way, a pair, one node off or dumb or deaf, islands, or anything.
fn draw_ways(random: &mut fastrand::Rng, nodes: usize) -> Vec<(usize, usize)> {
    let all = || (0..nodes).flat_map(move |a| (0..nodes).map(move |b| (a, b)));
    let one = random.usize(0..nodes);
    let two = random.usize(0..nodes);
    let parts = random.usize(2..4);
    let islands: Vec<usize> = (0..nodes).map(|_| random.usize(0..parts)).collect();
    let shape = random.u8(0..7);
    let dense = random.u8(1..8);
    all()
        .filter(|&(from, to)| {
            from != to
                && match shape {
                    0 => (from, to) == (one, two),
                    1 => from.min(to) == one.min(two) && from.max(to) == one.max(two),
                    2 => from == one,
                    3 => to == one,
                    4 => from == one || to == one,
                    5 => islands[from] != islands[to],
                    _ => random.u8(0..8) < dense,
                }
        })
        .collect()
}
