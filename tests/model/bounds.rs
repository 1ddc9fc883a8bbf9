//! What a run explores: how many nodes, how many faults of which kind, and how slow the network is.

use std::fmt;

/// The faults that are counted, each with its own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    Crash,
    Loss,
    Copy,
    Stray,
    Cut,
    Reset,
    Pause,
    Drain,
    Removal,
    Kill,
}

/// Every fault, in the order of its number, with the name of its option.
pub(crate) const FAULTS: [(Fault, &str, &str); 10] = [
    (
        Fault::Crash,
        "crashes",
        "a process dies and forgets all; it may start again at any time",
    ),
    (Fault::Loss, "losses", "a message never arrives"),
    (
        Fault::Copy,
        "copies",
        "a message arrives twice, the second time at any later moment",
    ),
    (
        Fault::Stray,
        "strays",
        "a message leaves its place in the order and arrives at any later moment",
    ),
    (
        Fault::Cut,
        "cuts",
        "a partition, of any length: a part of the ring, or one way of one link",
    ),
    (
        Fault::Reset,
        "resets",
        "a connection breaks and opens again, with or without what was on it",
    ),
    (
        Fault::Pause,
        "pauses",
        "a process stops for any length of time and runs on",
    ),
    (
        Fault::Drain,
        "drains",
        "a planned stop; the node may start again",
    ),
    (
        Fault::Removal,
        "removals",
        "a person removes the guest, at any node that knows it",
    ),
    (
        Fault::Kill,
        "kills",
        "a process dies, and its obituary comes to each other node at any later moment, or never",
    ),
];

/// The limits of one run.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) nodes: usize,
    /// How many of them vote; without a value all.
    pub(crate) voters: Option<usize>,
    /// A limit for each fault, and one for all together.
    pub(crate) most: [u8; FAULTS.len()],
    pub(crate) faults: u8,
    /// How far the newest round that any node knows may be above the oldest.
    pub(crate) rounds: u64,
    /// On a link without a fault a message arrives within so many ticks.
    pub(crate) max_delay: i8,
    /// Ticks in a lease.
    pub(crate) grid: u32,
    /// Ticks a ball takes across a screen.
    pub(crate) crossing: u32,
    /// After so many ticks time ends; without a value it has no end.
    pub(crate) ticks: Option<u64>,
    /// Whether the clocks run one percent apart; needs an end of time.
    pub(crate) skew: bool,
    /// Whether to begin with processes that have just started, instead of with a ball in flight.
    pub(crate) cold: bool,
    /// Whether the random numbers let earlier nodes outrank later ones, instead of the reverse.
    pub(crate) reverse: bool,
    /// From one of so many states the ball must come back once no more faults occur.
    pub(crate) recovery: u64,
    /// One of so many states is compared with other states of the same fingerprint.
    pub(crate) equivalence: u64,
    /// Whether a window stands between the first two nodes.
    pub(crate) window: bool,
    /// How many loans the window accepts; without a value any number.
    pub(crate) loans: Option<u8>,
    /// Whether the only ball is one of the window, a guest.
    pub(crate) guest: bool,
    pub(crate) seconds: Option<u64>,
    pub(crate) threads: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            nodes: 3,
            voters: None,
            most: [0; FAULTS.len()],
            faults: 2,
            rounds: 6,
            max_delay: 0,
            grid: 8,
            crossing: 3,
            ticks: None,
            skew: false,
            cold: false,
            reverse: false,
            recovery: 500,
            equivalence: 0,
            window: false,
            loans: None,
            guest: false,
            seconds: None,
            threads: 2,
        }
    }
}

impl Bounds {
    /// Reads `--name value` pairs over the defaults.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut bounds = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let name = argument
                .strip_prefix("--")
                .ok_or(format!("{argument:?} is no option"))?
                .to_owned();
            let mut number = || -> Result<u64, String> {
                let value = arguments.next().ok_or(format!("--{name} needs a number"))?;
                value
                    .parse()
                    .map_err(|_| format!("--{name} needs a number, not {value:?}"))
            };
            if let Some(index) = FAULTS.iter().position(|(_, option, _)| *option == name) {
                bounds.most[index] = small(number()?)?;
                continue;
            }
            match name.as_str() {
                "nodes" => bounds.nodes = usize::from(small(number()?)?),
                "voters" => bounds.voters = Some(usize::from(small(number()?)?)),
                "faults" => bounds.faults = small(number()?)?,
                "rounds" => bounds.rounds = number()?,
                "max-delay" => bounds.max_delay = small(number()?)? as i8,
                "grid" => bounds.grid = small(number()?)?.max(1).into(),
                "crossing" => bounds.crossing = small(number()?)?.max(1).into(),
                "ticks" => bounds.ticks = Some(number()?),
                "skew" => bounds.skew = true,
                "cold" => bounds.cold = true,
                "reverse" => bounds.reverse = true,
                "window" => bounds.window = true,
                "loans" => bounds.loans = Some(small(number()?)?),
                "guest" => bounds.guest = true,
                "recovery" => bounds.recovery = number()?,
                "equivalence" => bounds.equivalence = number()?,
                "seconds" => bounds.seconds = Some(number()?),
                "threads" => bounds.threads = usize::from(small(number()?)?),
                _ => return Err(format!("there is no option --{name}")),
            }
        }
        if bounds.seconds.is_some() && bounds.threads < 2 {
            return Err(
                "--seconds needs --threads 2 or more: with one thread, the checker never looks at the clock"
                    .to_owned(),
            );
        }
        if bounds.skew && bounds.ticks.is_none() {
            return Err("--skew needs --ticks: clocks that drift apart never repeat".to_owned());
        }
        if !(2..=4).contains(&bounds.nodes) {
            return Err("--nodes takes 2, 3 or 4".to_owned());
        }
        if bounds
            .voters
            .is_some_and(|voters| !(1..=bounds.nodes).contains(&voters))
        {
            return Err("--voters takes a number from 1 to that of the nodes".to_owned());
        }
        Ok(bounds)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = if self.cold {
            "just started"
        } else {
            "a ball in flight"
        };
        let end = self
            .ticks
            .map_or("no end".to_owned(), |ticks| format!("{ticks} ticks"));
        let voters = self.voters.map_or(String::new(), |voters| {
            format!(", of which the first {voters} vote")
        });
        writeln!(
            formatter,
            "  {} nodes{voters}, {start}; a tick is 1/{} of a lease, a ball crosses in {} ticks, time has {end}{}",
            self.nodes,
            self.grid,
            self.crossing,
            if self.skew { ", clocks 1 % apart" } else { "" },
        )?;
        writeln!(
            formatter,
            "  a message takes at most {} ticks; rounds at most {} apart; {} faults at most, of these:",
            self.max_delay, self.rounds, self.faults
        )?;
        for ((_, name, says), most) in FAULTS.iter().zip(self.most) {
            if most > 0 && self.faults > 0 {
                let most = most.min(self.faults);
                writeln!(formatter, "    {most} {name}: {says}")?;
            }
        }
        Ok(())
    }
}

fn small(number: u64) -> Result<u8, String> {
    u8::try_from(number)
        .ok()
        .filter(|&small| small < 100)
        .ok_or(format!("{number} is too many"))
}
