//! Which faults there are, and how a seed deals them out.

use std::fmt;
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// kill -9, and a new start.
    Kill,
    /// SIGTERM, and a new start: planned, so the ball goes on without an election.
    Term,
    /// SIGSTOP for longer than the lease, and SIGCONT.
    Stop,
    /// The cable out, and in again.
    Cable,
    /// One direction between a node and some others is dropped.
    OneWay,
    /// A minority is cut off.
    Partition,
    /// No part has a majority.
    Shatter,
    /// Two nodes at once.
    Two,
    /// The same nodes killed and started again and again.
    Storm,
    /// No room for the trace.
    Disk,
    /// Nobody reads the log of a node, or it cannot be written, while another node is killed.
    Log,
    /// Twice as many busy processes as processors.
    Hogs,
    /// The holder killed or unplugged while the processors are busy.
    Pressed,
    /// The LED keeper killed or stopped, alone or with its daemon.
    Keeper,
    /// A daemon, or its keeper, that the kernel kills because the memory of the service is full.
    Memory,
}

/// One deck: every kind occurs in every 22 faults.
const DECK: [Kind; 22] = [
    Kind::Kill,
    Kind::Keeper,
    Kind::Kill,
    Kind::Kill,
    Kind::Log,
    Kind::Pressed,
    Kind::Term,
    Kind::Term,
    Kind::Stop,
    Kind::Stop,
    Kind::Cable,
    Kind::Cable,
    Kind::Cable,
    Kind::OneWay,
    Kind::OneWay,
    Kind::Partition,
    Kind::Shatter,
    Kind::Two,
    Kind::Storm,
    Kind::Disk,
    Kind::Hogs,
    Kind::Memory,
];

/// Whom it hits first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Whoever has the ball then.
    Holder,
    /// Whoever the ball flies to.
    Next,
    /// This node, whatever it does.
    Node(usize),
}

/// How long the ball stays on each screen, in milliseconds: in the first half of a run less than
/// a lease, so that passes are hit; in the second half more, so that deadlines are.
pub(crate) const DWELLS: [u64; 2] = [150, 700];

/// One fault to come. The seed decides everything here; the ring decides who has the ball.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) number: usize,
    pub(crate) kind: Kind,
    pub(crate) dwell: u64,
    pub(crate) target: Target,
    /// How long after an arrival of the ball it happens.
    pub(crate) after_arrival: Duration,
    /// How long it lasts.
    pub(crate) lasts: Duration,
    /// How long it is quiet afterwards.
    pub(crate) rest: Duration,
    /// The other nodes, in the order in which they are hit too.
    pub(crate) others: Vec<usize>,
    /// A choice among the forms of this kind.
    pub(crate) form: usize,
    /// How often, where it happens more than once; and the pauses.
    pub(crate) pauses: Vec<Duration>,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::Term => "SIGTERM",
            Self::Stop => "SIGSTOP",
            Self::Cable => "cable pulled",
            Self::OneWay => "one-way drop",
            Self::Partition => "minority cut off",
            Self::Shatter => "no majority",
            Self::Two => "two at once",
            Self::Storm => "restart storm",
            Self::Disk => "full disk",
            Self::Log => "log not read",
            Self::Hogs => "CPU hogs",
            Self::Pressed => "holder under load",
            Self::Keeper => "LED keeper",
            Self::Memory => "out of memory",
        }
    }

    /// The kind of that name, written with hyphens or not at all: `kill`, `one-way-drop`.
    pub(crate) fn find(word: &str) -> Option<Self> {
        let plain = |name: &str| name.to_lowercase().replace(' ', "-");
        let named = |kind: &Self| plain(kind.name()).starts_with(&plain(word));
        DECK.into_iter().find(named)
    }

    /// Nobody is hurt: a ball that changes its generation was taken from a well holder.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self, Self::Term | Self::Disk | Self::Hogs)
    }

    /// How long it lasts, in milliseconds, with a lease of 250.
    fn span(self) -> (u64, u64) {
        match self {
            Self::Kill | Self::Two | Self::Pressed | Self::Keeper | Self::Memory => (50, 900),
            Self::Term => (0, 500),
            Self::Stop => (300, 1_500),
            Self::Cable => (100, 1_500),
            Self::OneWay | Self::Partition => (300, 1_500),
            Self::Shatter => (400, 1_500),
            Self::Storm => (0, 0),
            Self::Disk => (1_600, 3_000),
            Self::Log => (800, 2_000),
            Self::Hogs => (2_500, 6_000),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// So many faults of that seed; all of one kind if `only` says so.
pub(crate) fn deal(seed: u64, count: usize, nodes: usize, only: Option<Kind>) -> Vec<Fault> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut deck = Vec::new();
    (1..=count)
        .map(|number| {
            if deck.is_empty() {
                deck = DECK.to_vec();
                random.shuffle(&mut deck);
            }
            let dealt = deck.pop().unwrap();
            // Its own stream: a fault is the same whatever the others draw.
            let random = fastrand::Rng::with_seed(random.u64(..));
            let dwell = DWELLS[(number - 1) * DWELLS.len() / count];
            draw(random, number, only.unwrap_or(dealt), nodes, dwell)
        })
        .collect()
}

fn draw(mut random: fastrand::Rng, number: usize, kind: Kind, nodes: usize, dwell: u64) -> Fault {
    let target = match random.u8(0..10) {
        0..6 => Target::Holder,
        6..8 => Target::Next,
        _ => Target::Node(random.usize(0..nodes)),
    };
    let (mut least, mut most) = kind.span();
    if kind == Kind::Disk {
        // The ball comes by.
        least = least.max(dwell * 8);
        most = most.max(dwell * 9);
    }
    let mut others: Vec<usize> = (0..nodes).collect();
    random.shuffle(&mut others);
    let pauses = random.usize(3..=6);
    Fault {
        number,
        kind,
        dwell,
        target,
        after_arrival: Duration::from_micros(random.u64(0..dwell * 1_050)),
        lasts: Duration::from_millis(random.u64(least..=most)),
        rest: Duration::from_millis(random.u64(100..=500)),
        others,
        form: random.usize(0..64),
        pauses: (0..pauses)
            .map(|_| Duration::from_millis(random.u64(10..=400)))
            .collect(),
    }
}
