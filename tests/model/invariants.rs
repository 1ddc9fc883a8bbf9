//! The invariants, checked at every step, and counts of the events that the run covered.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carom::ring::{Input, Notification, Output, Stamp};

use crate::clock::local;
use crate::model::{Ring, leases};
use crate::state::State;

/// An event that is counted, so that a run shows what it covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Pass,
    ElectionStarted,
    Won,
    Lost,
    Frozen,
    Unfrozen,
    Retired,
    PassDropped,
    VotesFree,
    Stood,
    StoodAgain,
    PossessedAgain,
    Left,
    Lent,
    LoanExpired,
    LateCopyRefused,
    GuestJoined,
    GuestLeft,
    GuestEndChecked,
    SplitVoteResolved,
    RecoveryChecked,
    StatesCompared,
    BeyondBounds,
}

/// Every event, in the order of its number, with its name.
pub(crate) const EVENTS: [(Event, &str); 23] = [
    (Event::Pass, "passes sent"),
    (Event::ElectionStarted, "elections started"),
    (Event::Won, "elections won"),
    (Event::Lost, "elections lost"),
    (Event::Frozen, "balls frozen"),
    (Event::Unfrozen, "balls unfrozen"),
    (Event::Retired, "copies retired"),
    (Event::PassDropped, "unacknowledged passes dropped"),
    (
        Event::VotesFree,
        "states in which all votes had to be free (L1)",
    ),
    (Event::Stood, "first candidates (L2, L3)"),
    (Event::StoodAgain, "candidates after a lost election (L4)"),
    (
        Event::PossessedAgain,
        "possessions after a time without one (theorem)",
    ),
    (Event::Left, "planned stops finished"),
    (Event::Lent, "balls lent to the window"),
    (Event::LoanExpired, "loans expired"),
    (Event::LateCopyRefused, "late copies refused"),
    (Event::GuestJoined, "guests joined"),
    (Event::GuestLeft, "guests left"),
    (
        Event::GuestEndChecked,
        "states from which the end of the guest was checked",
    ),
    (
        Event::SplitVoteResolved,
        "candidates that stood again after a split vote (L5)",
    ),
    (
        Event::RecoveryChecked,
        "states from which recovery was checked",
    ),
    (
        Event::StatesCompared,
        "states compared with others of the same fingerprint",
    ),
    (
        Event::BeyondBounds,
        "steps left out because rounds were too far apart",
    ),
];

/// The counts of several runs together.
#[derive(Default)]
pub(crate) struct Totals {
    states: usize,
    counts: [u64; EVENTS.len()],
}

impl Totals {
    pub(crate) fn add(&mut self, states: usize, coverage: &Coverage) {
        self.states += states;
        for ((event, _), count) in EVENTS.iter().zip(&mut self.counts) {
            *count += coverage.read(*event);
        }
    }

    /// An event that never occurred: without it a run proves less than it seems to.
    ///
    /// Only the scenarios for every change have windows, and enough split votes.
    pub(crate) fn never_seen(&self, usual: bool) -> Option<&'static str> {
        let last = if usual {
            Event::SplitVoteResolved
        } else {
            Event::Left
        };
        let mut pairs = EVENTS.iter().zip(self.counts);
        let never_seen =
            pairs.find(|((event, _), count)| *count == 0 && *event as u8 <= last as u8);
        never_seen.map(|((_, name), _)| *name)
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((_, name), count) in EVENTS.iter().zip(self.counts) {
            writeln!(formatter, "{count:>12} {name}")?;
        }
        write!(formatter, "{} states ", self.states)
    }
}

/// Counts the events of all steps explored.
#[derive(Default)]
pub(crate) struct Coverage {
    counts: [AtomicU64; EVENTS.len()],
    /// The longest time without a possession in an island, in microseconds: without a lost election,
    /// and with one.
    longest: [AtomicU64; 2],
}

impl Coverage {
    pub(crate) fn longest(&self, dark: u64, lost: bool) {
        self.longest[usize::from(lost)].fetch_max(dark, Ordering::Relaxed);
    }

    /// In leases.
    pub(crate) fn longest_times(&self) -> [f64; 2] {
        let longest = self.longest.each_ref();
        longest.map(|micros| leases(micros.load(Ordering::Relaxed)))
    }

    pub(crate) fn count(&self, event: Event) {
        self.counts[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, event: Event) -> u64 {
        self.counts[event as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, note: &Notification) {
        self.count(match note {
            Notification::ElectionStarted { .. } => Event::ElectionStarted,
            Notification::ElectionWon { .. } => Event::Won,
            Notification::ElectionLost { .. } => Event::Lost,
            Notification::Frozen { .. } => Event::Frozen,
            Notification::Unfrozen { .. } => Event::Unfrozen,
            Notification::SteppedDown { .. } => Event::Retired,
            Notification::PassUnacknowledged { .. } => Event::PassDropped,
            _ => return,
        });
    }
}

impl Ring {
    /// An LED goes on: no other may be on, and the node never goes back in the ball's history.
    pub(crate) fn on_led_on(&self, state: &mut State, index: usize, stamp: Stamp) {
        let others = (0..state.hosts.len()).filter(|&other| other != index);
        let two = others
            .filter(|&other| state.hosts[other].led.is_some())
            .any(|other| !self.is_excused(state, other));
        if two {
            state.violation = Some(TWO_HOLDERS);
        }
        let host = &mut state.hosts[index];
        if host.led.is_some() || host.latest.is_some_and(|latest| stamp < latest) {
            state.violation.get_or_insert(WENT_BACK);
        }
        host.led = Some(stamp);
        host.latest = Some(stamp);
    }

    /// A stopped process cannot switch its LED off (promise 4): it is excused if `off` would be
    /// its first output.
    fn is_excused(&self, state: &State, index: usize) -> bool {
        let host = &state.hosts[index];
        let Some(node) = host.node.as_ref().filter(|_| host.paused || host.resumed) else {
            return false;
        };
        let mut probe = Arc::clone(node);
        let outputs = Arc::make_mut(&mut probe).handle(local(state, index), Input::Tick);
        let dark = outputs.first();
        let froze = |output: &Output| matches!(output, Output::Notify(Notification::Frozen { .. }));
        matches!(dark, Some(Output::LedOff(_))) && outputs.iter().any(froze)
    }
}

pub(crate) const TWO_HOLDERS: &str = "no two nodes ever have the ball";
pub(crate) const PASS_BEFORE_LED_OFF: &str = "an LED is off before its ball is passed";
pub(crate) const BUSY_LOOP: &str = "no node busy-loops on its timers";
pub(crate) const IMPLAUSIBLE_MESSAGE: &str =
    "no node sends a message that another finds implausible";
pub(crate) const WENT_BACK: &str = "no node goes back in the ball's history";
