//! The state of the proof: the names of `proof/vocabulary.py`, for the processes and lines that there have been.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use carom::ring::abstract_state::{AbstractBall, AbstractCopy};
use carom::ring::{BallId, Generation, Incarnation, Stamp, Time};

use super::action::Action;

/// One run of a node's process; they are numbered in the order of their starts.
pub(crate) type ProcessId = usize;

/// What never changes.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    /// `lease`.
    pub(crate) lease: Duration,
    /// `votes`, by node.
    pub(crate) voters: Vec<bool>,
    /// `member`: any so many voters are a quorum.
    pub(crate) quorum: usize,
    /// Whether there is one node only.
    pub(crate) is_alone: bool,
}

/// `safe`: a span as counted by a clock that may run one percent slow, in whole microseconds.
pub(crate) fn safe(span: Duration) -> Duration {
    span * 99 / 100
}

impl Ring {
    pub(crate) fn safe_lease(&self) -> Duration {
        safe(self.lease)
    }

    /// `votes`.
    pub(crate) fn votes(&self, node: usize) -> bool {
        self.voters[node]
    }
}

/// A process, with what all balls share.
#[derive(Debug)]
pub(crate) struct Process {
    /// `node_of`.
    pub(crate) node: usize,
    pub(crate) incarnation: Incarnation,
    pub(crate) dead: bool,
    /// `clock`, as the process read it last, and the reference time of that reading.
    pub(crate) clock: Time,
    pub(crate) read_at: u64,
    pub(crate) quarantine_until: Time,
    /// `beat_sent`: the `beat_clock` of each.
    pub(crate) beats: HashSet<Time>,
    /// `heard` and `heard_clock`: by the sender and the `beat_clock` of a heartbeat.
    pub(crate) heard: HashMap<(ProcessId, Time), Time>,
}

/// A request: its sender and the number in its line.
pub(crate) type RequestId = (ProcessId, u64);

/// `covers` of one request: the processes that it names; `None` for all.
pub(crate) type Covers = Option<Vec<ProcessId>>;

/// `covered_until` of one process; of those that it does not have, `all`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Covered {
    pub(crate) until: HashMap<ProcessId, Time>,
    pub(crate) all: Time,
}

/// A line that asks for a lease.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) asks_for: Generation,
    pub(crate) request_clock: Time,
    pub(crate) request_moment: u64,
    /// `covers`; `None` for all.
    pub(crate) covers: Covers,
    /// `granted`: the nodes that have granted it.
    pub(crate) granted: Vec<usize>,
}

/// A heartbeat: its sender, and what that one's clock showed.
pub(crate) type BeatId = (ProcessId, Time);

/// A line that passes a ball.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pass {
    pub(crate) from: ProcessId,
    pub(crate) to: ProcessId,
    /// `pass_generation` and `pass_hop`.
    pub(crate) stamp: Stamp,
    pub(crate) deadline: Time,
    /// `has_echo` and `pass_echo`.
    pub(crate) echo: Option<BeatId>,
    pub(crate) span: Duration,
}

/// The history of a generation. One that is not `used` has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub(crate) won: bool,
    pub(crate) over: bool,
    pub(crate) leaving: bool,
    pub(crate) top: u64,
    pub(crate) carrier: ProcessId,
    /// The one with which the election began, at first.
    pub(crate) lease_request: RequestId,
}

/// One ball: what each process remembers of it, and what has happened to it.
#[derive(Debug, Default)]
pub(crate) struct Ball {
    /// `given`, `vote`, `vote_until`, `newest_rank`, `newest_hop`, `tombstone`, `holds`, `generation`, `hop`, `deadline`,
    /// `lent`, `retiring`, `standing` and `fence`, by process.
    pub(crate) of: Vec<AbstractBall>,
    /// `covered_until`, by process.
    pub(crate) covered: Vec<Covered>,
    /// The generations that are `used`.
    pub(crate) terms: HashMap<Generation, Term>,
    pub(crate) requests: HashMap<RequestId, Request>,
    /// The request of each candidate.
    pub(crate) candidacies: HashMap<Generation, RequestId>,
    /// `pass_sent`.
    pub(crate) passes: HashMap<Stamp, Vec<Pass>>,
}

/// The whole state.
///
/// Ghost values that no guard reads (`promised`, `promised_until`, `lease_end`, `behind` and `beat_moment`) are left out.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) ring: Ring,
    /// `now`: reference time, in nanoseconds.
    pub(crate) now: u64,
    pub(crate) processes: Vec<Process>,
    /// `current`, by node; none before the first start.
    pub(crate) current: Vec<Option<ProcessId>>,
    pub(crate) balls: BTreeMap<BallId, Ball>,
    /// How often each action was taken.
    pub(crate) taken: [u64; super::action::ACTIONS.len()],
}

impl State {
    /// The state before any node has started.
    pub(crate) fn new(ring: Ring, nodes: usize, balls: impl Iterator<Item = BallId>) -> Self {
        Self {
            ring,
            now: 0,
            processes: Vec::new(),
            current: vec![None; nodes],
            balls: balls.map(|id| (id, Ball::default())).collect(),
            taken: [0; super::action::ACTIONS.len()],
        }
    }

    /// Counts an action that was possible.
    pub(crate) fn took(&mut self, action: Action) {
        self.taken[action as usize] += 1;
    }

    /// `is_alive`.
    pub(crate) fn is_alive(&self, p: ProcessId) -> bool {
        let process = &self.processes[p];
        !process.dead && self.current[process.node] == Some(p)
    }

    /// What process `p` shows on its clock.
    pub(crate) fn clock(&self, p: ProcessId) -> Time {
        self.processes[p].clock
    }

    /// `possesses`: the LED is on.
    pub(crate) fn possesses(&self, ball: BallId, p: ProcessId) -> bool {
        let copy = self.balls.get(&ball).and_then(|ball| ball.of[p].copy);
        copy.is_some_and(|copy| !copy.lent && !copy.retiring && self.clock(p) < copy.deadline)
    }
}

/// `covers`.
pub(crate) fn covers(named: &Covers, p: ProcessId) -> bool {
    named.as_ref().is_none_or(|named| named.contains(&p))
}

impl Covered {
    /// `covered_until` of the process `x`.
    pub(crate) fn of(&self, x: ProcessId) -> Time {
        let until = self.until.get(&x).copied();
        self.all.max(until.unwrap_or_default())
    }
}

impl Ball {
    /// `copy` of a holder; none stands for `Not(holds)`.
    pub(crate) fn copy(&self, p: ProcessId) -> Option<AbstractCopy> {
        self.of[p].copy
    }

    /// `is_newer`.
    pub(crate) fn is_newer(&self, p: ProcessId, stamp: Stamp) -> bool {
        self.of[p].newest.is_none_or(|newest| stamp > newest)
    }

    /// `is_retired`.
    pub(crate) fn is_retired(&self, p: ProcessId, generation: Generation) -> bool {
        let tombstone = self.of[p].tombstone;
        tombstone.is_some_and(|tombstone| generation <= tombstone)
    }

    /// `learn`.
    pub(crate) fn learn(&mut self, p: ProcessId, stamp: Stamp) {
        if self.is_newer(p, stamp) && !self.is_retired(p, stamp.generation) {
            self.of[p].newest = Some(stamp);
        }
    }

    /// `hold`.
    pub(crate) fn hold(&mut self, p: ProcessId, stamp: Stamp, deadline: Time) {
        self.of[p].copy = Some(AbstractCopy {
            stamp,
            deadline,
            lent: false,
            retiring: false,
        });
    }

    /// `is_granted`: a quorum has granted the request. Only voters grant, so their number tells.
    pub(crate) fn is_granted(&self, q: RequestId, quorum: usize) -> bool {
        let request = self.requests.get(&q);
        request.is_some_and(|request| request.granted.len() >= quorum)
    }

    /// `covers` of the `lease_request` of that generation.
    pub(crate) fn is_in_cover(&self, generation: Generation, p: ProcessId) -> bool {
        let term = self.terms.get(&generation);
        let request = term.and_then(|term| self.requests.get(&term.lease_request));
        request.is_some_and(|request| covers(&request.covers, p))
    }

    /// `over`.
    pub(crate) fn is_over(&self, generation: Generation) -> bool {
        self.terms.get(&generation).is_some_and(|term| term.over)
    }

    /// `leaving`.
    pub(crate) fn is_leaving(&self, generation: Generation) -> bool {
        self.terms.get(&generation).is_some_and(|term| term.leaving)
    }

    /// Sets `over`.
    pub(crate) fn end(&mut self, generation: Generation) {
        if let Some(term) = self.terms.get_mut(&generation) {
            term.over = true;
        }
    }

    /// Sets `top` and `carrier`.
    pub(crate) fn carry(&mut self, stamp: Stamp, carrier: ProcessId) {
        if let Some(term) = self.terms.get_mut(&stamp.generation) {
            term.top = stamp.hop;
            term.carrier = carrier;
        }
    }
}
