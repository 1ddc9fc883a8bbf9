//! What can go wrong, whom it hits, and when.

use std::fmt;

use crate::clock::Nanos;

/// Whom a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Host(usize),
    /// Whoever has the ball with this index at that moment, or was last known to.
    Holder(usize),
    /// Whoever the ball with this index is on its way to, or was last sent to.
    Receiver(usize),
    /// Whoever sent the ball with this index last.
    Sender(usize),
}

/// When a fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// At its time.
    Then,
    /// At the first pass of this ball after its time, and so much later.
    Pass(usize, Nanos),
    /// At the first candidacy for this ball after its time, and so much later.
    Candidacy(usize, Nanos),
}

/// Which ways between the hosts a fault hits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ways {
    These(Vec<(usize, usize)>),
    /// All to and from this one.
    Off(Target),
    /// All that this one says.
    Dumb(Target),
    /// All that this one hears.
    Deaf(Target),
    /// From the receiver of this ball to its last holder: the way of the acknowledgement.
    Acknowledgement(usize),
}

/// One kind of trouble.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
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
    Cut { ways: Ways, hold_up: bool },
    /// All that is sent on these ways arrives at the end, in one burst.
    Stall(Ways),
    /// Every line on these ways takes longer, until the calm.
    Slow { ways: Ways, extra: Nanos },
    /// The connection between the two is reset.
    Reset(usize, usize),
    /// A clock runs at another rate.
    Drift { host: usize, drift: i64 },
    /// The process is restarted with another ring file, until the end of the fault.
    OtherFile(Target),
}

/// Trouble that begins at a moment and lasts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: Nanos,
    pub(crate) moment: Moment,
    pub(crate) lasts: Nanos,
    pub(crate) kind: Kind,
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

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |nanos: &Nanos| nanos / 1_000;
        match self {
            Self::Then => Ok(()),
            Self::Pass(ball, later) => write!(
                formatter,
                "{} us after a pass of ball {}, ",
                micros(later),
                ball + 1
            ),
            Self::Candidacy(ball, later) => {
                write!(
                    formatter,
                    "{} us after a candidacy for ball {}, ",
                    micros(later),
                    ball + 1
                )
            }
        }
    }
}

impl fmt::Display for Ways {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::These(ways) => {
                let each = ways
                    .iter()
                    .map(|(from, to)| format!("{}>{}", from + 1, to + 1));
                write!(formatter, "{}", each.collect::<Vec<_>>().join(" "))
            }
            Self::Off(target) => write!(formatter, "all of {target}"),
            Self::Dumb(target) => write!(formatter, "all from {target}"),
            Self::Deaf(target) => write!(formatter, "all to {target}"),
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
            self.moment,
            seconds(self.lasts)
        )?;
        match &self.kind {
            Kind::Crash(target) => write!(formatter, "{target} crashes"),
            Kind::PowerOff(target) => write!(formatter, "{target} loses power"),
            Kind::PowerCut => write!(formatter, "the whole ring loses power"),
            Kind::Pause(target) => write!(formatter, "{target} is stopped"),
            Kind::Drain(target) => write!(formatter, "{target} is told to leave"),
            Kind::Cut { ways, hold_up } => {
                let way = if *hold_up {
                    "is held up"
                } else {
                    "gets through"
                };
                write!(formatter, "cut {ways} (what is on the way {way})")
            }
            Kind::Stall(ways) => write!(formatter, "stalled {ways}"),
            Kind::Slow { ways, extra } => {
                write!(formatter, "slower by {:.6} s {ways}", seconds(*extra))
            }
            Kind::Reset(a, b) => {
                write!(formatter, "connection of pi{} and pi{} reset", a + 1, b + 1)
            }
            Kind::Drift { host, drift } => {
                write!(formatter, "clock of pi{} runs {drift} ppm fast", host + 1)
            }
            Kind::OtherFile(target) => {
                write!(formatter, "{target} restarted with another ring file")
            }
        }
    }
}
