//! The faults: what goes wrong, at which host or link, and when.

use std::fmt;

use crate::clock::Nanos;

/// The host that a fault affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Host(usize),
    /// The holder of the ball with this index at that moment, or its last known holder.
    Holder(usize),
    /// The node to which the ball with this index was passed last.
    Receiver(usize),
    /// The node that passed the ball with this index last.
    Sender(usize),
}

/// When a fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// At its time.
    AtTime,
    /// So long after the first pass of this ball that follows its time.
    Pass(usize, Nanos),
    /// So long after the first election for this ball that follows its time.
    Candidacy(usize, Nanos),
}

/// Which directions between hosts a fault affects.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Directions {
    These(Vec<(usize, usize)>),
    /// All to and from this one.
    Isolate(Target),
    /// All from this one.
    Outgoing(Target),
    /// All to this one.
    Incoming(Target),
    /// From the receiver of this ball to its sender: the direction of the acknowledgement.
    Acknowledgement(usize),
}

/// A kind of fault.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FaultKind {
    /// The process dies: its machine closes the connections.
    Crash(Target),
    /// The machine dies: no peer is notified.
    PowerOff(Target),
    /// Every machine dies.
    PowerCut,
    /// The process is stopped, LEDs as they are.
    Pause(Target),
    /// The process is asked to leave.
    Drain(Target),
    /// These directions are cut; messages under way still arrive or are held up.
    Cut {
        directions: Directions,
        hold_up: bool,
    },
    /// Everything that is sent in these directions arrives at the end of the fault, in one burst.
    Stall(Directions),
    /// Every message in these directions takes longer, until the faults end.
    Slow {
        directions: Directions,
        extra: Nanos,
    },
    /// The connection between the two is reset.
    Reset(usize, usize),
    /// A clock runs at another rate.
    Drift { host: usize, drift: i64 },
    /// The process is restarted with another ring file, until the end of the fault.
    OtherFile(Target),
}

/// A fault: when it begins, how long it lasts, and what it does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: Nanos,
    pub(crate) trigger: Trigger,
    pub(crate) lasts: Nanos,
    pub(crate) kind: FaultKind,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(formatter, "pi{}", host + 1),
            Self::Holder(ball) => write!(formatter, "the holder of ball {}", ball + 1),
            Self::Receiver(ball) => write!(formatter, "the receiver of ball {}", ball + 1),
            Self::Sender(ball) => write!(formatter, "the sender of ball {}", ball + 1),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |nanos: &Nanos| nanos / 1_000;
        match self {
            Self::AtTime => Ok(()),
            Self::Pass(ball, later) => write!(
                formatter,
                "{} us after a pass of ball {}, ",
                micros(later),
                ball + 1
            ),
            Self::Candidacy(ball, later) => {
                write!(
                    formatter,
                    "{} us after the start of an election for ball {}, ",
                    micros(later),
                    ball + 1
                )
            }
        }
    }
}

impl fmt::Display for Directions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::These(directions) => {
                let each = directions
                    .iter()
                    .map(|(from, to)| format!("{}>{}", from + 1, to + 1));
                write!(formatter, "{}", each.collect::<Vec<_>>().join(" "))
            }
            Self::Isolate(target) => write!(formatter, "all of {target}"),
            Self::Outgoing(target) => write!(formatter, "all from {target}"),
            Self::Incoming(target) => write!(formatter, "all to {target}"),
            Self::Acknowledgement(ball) => {
                write!(formatter, "the acknowledgement of ball {}", ball + 1)
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |nanos: Nanos| nanos as f64 / 1e9;
        write!(
            formatter,
            "at {:.6} {}for {:.6} s: ",
            seconds(self.at),
            self.trigger,
            seconds(self.lasts)
        )?;
        match &self.kind {
            FaultKind::Crash(target) => write!(formatter, "{target} crashes"),
            FaultKind::PowerOff(target) => write!(formatter, "{target} loses power"),
            FaultKind::PowerCut => write!(formatter, "the whole ring loses power"),
            FaultKind::Pause(target) => write!(formatter, "{target} is stopped"),
            FaultKind::Drain(target) => write!(formatter, "{target} is told to leave"),
            FaultKind::Cut {
                directions,
                hold_up,
            } => {
                let way = if *hold_up {
                    "is held up"
                } else {
                    "gets through"
                };
                write!(formatter, "cut {directions} (what is under way {way})")
            }
            FaultKind::Stall(directions) => write!(formatter, "stalled {directions}"),
            FaultKind::Slow { directions, extra } => {
                write!(formatter, "slower by {:.6} s {directions}", seconds(*extra))
            }
            FaultKind::Reset(a, b) => {
                write!(formatter, "connection of pi{} and pi{} reset", a + 1, b + 1)
            }
            FaultKind::Drift { host, drift } => {
                write!(formatter, "clock of pi{} runs {drift} ppm fast", host + 1)
            }
            FaultKind::OtherFile(target) => {
                write!(formatter, "{target} restarted with another ring file")
            }
        }
    }
}
