//! What must never be, checked at every step, and a count of what did happen.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carom::ring::{Input, Notification, Output, Stamp};

use crate::clock::local;
use crate::model::Ring;
use crate::state::State;

/// Something that a run must have seen to be worth anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Pass,
    Campaign,
    Won,
    Lost,
    Froze,
    Thawed,
    Retired,
    Unanswered,
    Left,
    Calm,
    Audit,
    Beyond,
}

/// Every event, in the order of its number, with its name.
pub(crate) const EVENTS: [(Event, &str); 12] = [
    (Event::Pass, "passes sent"),
    (Event::Campaign, "candidacies"),
    (Event::Won, "elections won"),
    (Event::Lost, "elections lost"),
    (Event::Froze, "balls frozen"),
    (Event::Thawed, "balls thawed"),
    (Event::Retired, "copies retired"),
    (Event::Unanswered, "passes let go"),
    (Event::Left, "nodes that left as planned"),
    (Event::Calm, "states followed through calm weather"),
    (Event::Audit, "states compared with their likes"),
    (
        Event::Beyond,
        "steps left out because rounds were too far apart",
    ),
];

/// What several runs saw together.
#[derive(Default)]
pub(crate) struct Totals {
    states: usize,
    counts: [u64; EVENTS.len()],
}

impl Totals {
    pub(crate) fn add(&mut self, states: usize, watch: &Watch) {
        self.states += states;
        for ((event, _), count) in EVENTS.iter().zip(&mut self.counts) {
            *count += watch.read(*event);
        }
    }

    /// An event that never came: a run without it shows less than it seems to.
    pub(crate) fn unseen(&self) -> Option<&'static str> {
        let mut pairs = EVENTS.iter().zip(self.counts);
        let unseen =
            pairs.find(|((event, _), count)| *count == 0 && *event as u8 <= Event::Left as u8);
        unseen.map(|((_, name), _)| *name)
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

/// Counts what happened on all steps explored.
#[derive(Default)]
pub(crate) struct Watch {
    counts: [AtomicU64; EVENTS.len()],
}

impl Watch {
    pub(crate) fn count(&self, event: Event) {
        self.counts[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, event: Event) -> u64 {
        self.counts[event as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, note: &Notification) {
        self.count(match note {
            Notification::ElectionStarted { .. } => Event::Campaign,
            Notification::ElectionWon { .. } => Event::Won,
            Notification::ElectionLost { .. } => Event::Lost,
            Notification::Frozen { .. } => Event::Froze,
            Notification::Unfrozen { .. } => Event::Thawed,
            Notification::SteppedDown { .. } => Event::Retired,
            Notification::PassUnacknowledged { .. } => Event::Unanswered,
            // The model has no windows and no guests.
            _ => return,
        });
    }
}

impl Ring {
    /// An LED goes on: no other may be on, and the node never goes back in the ball's history.
    pub(crate) fn light(&self, state: &mut State, index: usize, stamp: Stamp) {
        let others = (0..state.seats.len()).filter(|&other| other != index);
        let two = others
            .filter(|&other| state.seats[other].lit.is_some())
            .any(|other| !self.is_excused(state, other));
        if two {
            state.broken = Some(TWO);
        }
        let seat = &mut state.seats[index];
        if seat.lit.is_some() || seat.latest.is_some_and(|latest| stamp < latest) {
            state.broken.get_or_insert(BACK);
        }
        seat.lit = Some(stamp);
        seat.latest = Some(stamp);
    }

    /// A stopped process cannot switch its LED off (promise 4): it is excused if `off` would be
    /// the first thing it says.
    fn is_excused(&self, state: &State, index: usize) -> bool {
        let seat = &state.seats[index];
        let Some(node) = seat.node.as_ref().filter(|_| seat.paused || seat.late) else {
            return false;
        };
        let mut probe = Arc::clone(node);
        let outputs = Arc::make_mut(&mut probe).handle(local(state, index), Input::Tick);
        let dark = outputs.first();
        let froze = |output: &Output| matches!(output, Output::Notify(Notification::Frozen { .. }));
        matches!(dark, Some(Output::LedOff(_))) && outputs.iter().any(froze)
    }
}

pub(crate) const TWO: &str = "no two nodes ever have the ball";
pub(crate) const LATE: &str = "an LED is off before its ball is sent on";
pub(crate) const RESTLESS: &str = "a node rests between its timers";
pub(crate) const WILD: &str = "no node says what another finds implausible";
pub(crate) const BACK: &str = "no node goes back in the ball's history";
