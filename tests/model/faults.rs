//! The faults: what may go wrong next, and what it does to the ring.

use carom::ring::Input;

use crate::bounds::Fault;
use crate::model::{Ring, Step};
use crate::state::{Flight, Line, State, Ways};

impl Ring {
    /// Whether one more fault of the kind is within the bounds.
    pub(crate) fn affords(&self, state: &State, fault: Fault) -> bool {
        self.means(state, fault as usize) > 0
    }

    /// How often the fault may still come.
    fn means(&self, state: &State, fault: usize) -> u8 {
        let together = self.bounds.faults - state.spent.iter().sum::<u8>();
        together.min(self.bounds.most[fault] - state.spent[fault])
    }

    /// What may still be spent on every fault, as one number.
    pub(crate) fn all_means(&self, state: &State) -> u64 {
        let means = std::array::from_fn(|fault| self.means(state, fault));
        u64::from_le_bytes(means)
    }

    /// The faults of nodes and links, and the ends of those that last.
    pub(crate) fn fault_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for node in 0..state.seats.len() {
            self.node_steps(state, node, steps);
        }
        if !state.cut.is_empty() {
            steps.push(Step::Heal);
        } else if self.affords(state, Fault::Cut) {
            steps.extend(self.cuts().into_iter().map(Step::Cut));
        }
        if self.affords(state, Fault::Reset) {
            for one in 0..state.seats.len() {
                for other in one + 1..state.seats.len() {
                    if state.linked.has(one, other) && !state.is_changing(one, other) {
                        let busy = state.head(one, other).or(state.head(other, one)).is_some();
                        let kinds: &[bool] = if busy { &[false, true] } else { &[false] };
                        steps.extend(kinds.iter().map(|&lost| Step::Reset { one, other, lost }));
                    }
                }
            }
        }
    }

    fn node_steps(&self, state: &State, node: usize, steps: &mut Vec<Step>) {
        let seat = &state.seats[node];
        if seat.node.is_none() {
            steps.push(Step::Restart(node));
            return;
        }
        if self.affords(state, Fault::Crash) {
            steps.extend([false, true].map(|silent| Step::Crash { node, silent }));
        }
        if seat.paused {
            steps.push(Step::Resume(node));
        } else if self.affords(state, Fault::Pause) {
            steps.push(Step::Pause(node));
        }
        let drains = seat.node.as_ref().is_some_and(|node| node.view().draining);
        if !drains && !seat.paused && self.affords(state, Fault::Drain) {
            steps.push(Step::Drain(node));
        }
    }

    /// All that can be cut: the ring in two; all ways out of a node, or into it; one way of a link.
    fn cuts(&self) -> Vec<Ways> {
        let count = self.bounds.nodes;
        let mut cuts: Vec<Ways> = Vec::new();
        // The first node is always in the first part, so that each division comes once.
        for part in (1..(1usize << count) - 1).step_by(2) {
            let inside = |node: usize| part >> node & 1 == 1;
            cuts.push(self.ways(|from, to| inside(from) != inside(to)));
        }
        for node in 0..count {
            cuts.push(self.ways(|from, _| from == node));
            cuts.push(self.ways(|_, to| to == node));
            cuts.extend((0..count).map(|other| self.ways(|from, to| (from, to) == (node, other))));
        }
        cuts.retain(|cut| !cut.is_empty());
        cuts
    }

    fn ways(&self, wanted: impl Fn(usize, usize) -> bool) -> Ways {
        let mut ways = Ways::default();
        for (from, to) in (0..self.bounds.nodes)
            .flat_map(|from| (0..self.bounds.nodes).map(move |to| (from, to)))
            .filter(|&(from, to)| from != to && wanted(from, to))
        {
            ways.add(from, to);
        }
        ways
    }

    /// Carries out a fault, or the end of one.
    pub(crate) fn do_fault(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Lose(from, to) => {
                self.spend(state, Fault::Loss);
                state.take_head(from, to)?;
            }
            Step::Copy(from, to) => {
                self.spend(state, Fault::Copy);
                let mut flight = state.take_head(from, to)?;
                flight.age = 0;
                state.strays.push(flight.clone());
                self.arrive(state, flight);
            }
            Step::Stray(from, to) => {
                self.spend(state, Fault::Stray);
                let mut flight = state.take_head(from, to)?;
                flight.age = 0;
                state.strays.push(flight);
            }
            Step::Crash { node, silent } => {
                self.spend(state, Fault::Crash);
                self.end(state, node, if silent { self.silence() } else { 0 });
            }
            Step::Restart(node) => {
                self.start(state, node);
                self.connect(state);
            }
            Step::Cut(ways) => {
                self.spend(state, Fault::Cut);
                state.cut = ways;
            }
            Step::Heal => {
                state.cut = Ways::default();
                self.connect(state);
                self.beat(state);
            }
            Step::Reset { one, other, lost } => {
                self.spend(state, Fault::Reset);
                self.reset(state, one, other, lost);
            }
            Step::Pause(node) => {
                self.spend(state, Fault::Pause);
                state.seats[node].paused = true;
            }
            Step::Resume(node) => {
                state.seats[node].paused = false;
                state.seats[node].late = true;
            }
            Step::Drain(node) => {
                self.spend(state, Fault::Drain);
                self.feed(state, node, Input::Drain);
            }
            Step::Time | Step::Arrive(..) | Step::StrayArrives(_) => return None,
        }
        Some(())
    }

    fn spend(&self, state: &mut State, fault: Fault) {
        state.spent[fault as usize] += 1;
    }

    /// Ends the connection; what is on it still arrives before its end is seen, unless it is lost.
    pub(crate) fn reset(&self, state: &mut State, one: usize, other: usize, lost: bool) {
        state.linked.remove_both(one, other);
        for (from, to) in [(one, other), (other, one)] {
            if lost {
                state.flights.retain(|flight| {
                    (flight.from, flight.to) != (from, to)
                        || !matches!(flight.line, Line::Message(_))
                });
            }
            state.push(Flight::new(from, to, Line::Down));
        }
    }
}
