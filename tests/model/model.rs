//! The steps that the ring can take, as stateright asks for them.

use std::sync::Arc;
use std::time::Duration;

use carom::ring::{BallState, Incarnation, Node, NodeId};
use carom::ring::{InitialBall, Topology};
use stateright::{Model, Property};

use crate::audit::Audit;
use crate::bounds::{Bounds, FAULTS, Fault};
use crate::canon;
use crate::clock::{LEASE, local};
use crate::intern::Nodes;
use crate::state::{Seat, State, Ways};
use crate::watch::{Event, Watch};

/// The ring under exploration.
pub(crate) struct Ring {
    pub(crate) bounds: Bounds,
    pub(crate) topology: Arc<Topology>,
    pub(crate) watch: Watch,
    nodes: Nodes,
    pub(crate) audit: Audit,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// A tick of time.
    Time,
    /// The first thing on this way arrives.
    Arrive(usize, usize),
    /// This stray arrives.
    StrayArrives(usize),
    Lose(usize, usize),
    Copy(usize, usize),
    Stray(usize, usize),
    Crash {
        node: usize,
        silent: bool,
    },
    Restart(usize),
    Cut(Ways),
    Heal,
    Reset {
        one: usize,
        other: usize,
        lost: bool,
    },
    Pause(usize),
    Resume(usize),
    Drain(usize),
}

pub(crate) fn node_id(index: usize) -> NodeId {
    NodeId(u8::try_from(index).expect("a ring of four at most"))
}

impl Ring {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let tick = LEASE / bounds.grid;
        let crossing = tick * bounds.crossing;
        let state = BallState {
            position: [0.0, 300.0],
            velocity: [800.0 / crossing.as_secs_f64(), 0.0],
            radius: 30.0,
            color: [255, 64, 0],
        };
        let topology = Topology {
            ring: "model".to_owned(),
            nodes: (1..=bounds.nodes)
                .map(|number| format!("pi{number}"))
                .collect(),
            lease: LEASE,
            balls: vec![InitialBall {
                start: NodeId(0),
                state,
            }],
            ..Topology::default()
        };
        Self {
            bounds,
            topology: Arc::new(topology),
            watch: Watch::default(),
            nodes: Nodes::default(),
            audit: Audit::default(),
        }
    }

    /// The 64 bits that the process in this seat drew in this life: all its randomness follows.
    pub(crate) fn incarnation(&self, node: usize, life: u8) -> Incarnation {
        let place = if self.bounds.reverse { 3 - node } else { node };
        Incarnation(1 + place as u64 * 16 + u64::from(life))
    }

    /// Starts a process in this seat.
    pub(crate) fn start(&self, state: &mut State, index: usize) {
        state.seats[index].lives += 1;
        let incarnation = self.incarnation(index, state.seats[index].lives);
        let now = local(state, index);
        let node = Node::new(Arc::clone(&self.topology), node_id(index), incarnation, now);
        state.seats[index].node = Some(Arc::new(node));
    }

    fn cold(&self) -> State {
        let seat = Seat {
            node: None,
            lives: 0,
            lit: None,
            latest: None,
            paused: false,
            late: false,
            up: Ways::default(),
            knows: [None; 4],
        };
        let mut state = State {
            now: 0,
            skew: self.bounds.skew,
            tick: self.tick(),
            exact: self.bounds.audit > 0,
            seats: vec![seat; self.bounds.nodes],
            flights: Vec::new(),
            strays: Vec::new(),
            cut: Ways::default(),
            linked: Ways::default(),
            silence: [0; 16],
            spent: [0; FAULTS.len()],
            means: 0,
            seal: (0, 0),
            ticks: 0,
            broken: None,
        };
        (0..self.bounds.nodes).for_each(|node| self.start(&mut state, node));
        self.connect(&mut state);
        state
    }

    /// A ring in calm weather, some leases after its start.
    fn warm(&self) -> State {
        let mut state = self.cold();
        while state.now < 4 * LEASE.as_micros() as u64 {
            self.settle(&mut state);
            self.advance(&mut state);
        }
        self.settle(&mut state);
        state.ticks = 0;
        state
    }

    /// The state after this step, or none if it cannot be taken.
    pub(crate) fn step(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        if step == Step::Time {
            self.advance(&mut next);
        } else if let Step::Arrive(from, to) = step {
            let flight = next.take_head(from, to)?;
            self.arrive(&mut next, flight);
        } else if let Step::StrayArrives(index) = step {
            let flight = next.strays.remove(index);
            self.arrive(&mut next, flight);
        } else {
            self.do_fault(&mut next, step)?;
        }
        self.seal(&mut next);
        Some(next)
    }

    /// Reckons what tells this state from all others.
    pub(crate) fn seal(&self, state: &mut State) {
        for (index, seat) in state.seats.iter_mut().enumerate() {
            if let Some(node) = &mut seat.node {
                self.nodes.share(node, index);
            }
        }
        state.means = self.all_means(state);
        state.seal = canon::seal(state);
    }

    /// Lets everything arrive that can.
    pub(crate) fn settle(&self, state: &mut State) {
        while let Some(index) = state
            .flights
            .iter()
            .position(|flight| self.can_arrive(state, flight))
        {
            let flight = state.flights.remove(index);
            self.arrive(state, flight);
        }
    }

    /// The arrivals, and the faults of the network, on each way.
    fn network_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let mut last = None;
        for flight in &state.flights {
            let way = (flight.from, flight.to);
            if last.replace(way) == Some(way) || !self.can_arrive(state, flight) {
                continue;
            }
            let (from, to) = way;
            steps.push(Step::Arrive(from, to));
            if matches!(flight.line, crate::state::Line::Message(_)) {
                let faults = [
                    (Fault::Loss, Step::Lose(from, to)),
                    (Fault::Copy, Step::Copy(from, to)),
                    (Fault::Stray, Step::Stray(from, to)),
                ];
                let affordable = faults
                    .into_iter()
                    .filter(|(fault, _)| self.affords(state, *fault));
                steps.extend(affordable.map(|(_, step)| step));
            }
        }
        let strays = state.strays.iter().enumerate();
        let arriving = strays.filter(|(_, stray)| self.can_arrive(state, stray));
        steps.extend(arriving.map(|(index, _)| Step::StrayArrives(index)));
    }
}

impl Model for Ring {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut state = if self.bounds.cold {
            self.cold()
        } else {
            self.warm()
        };
        self.seal(&mut state);
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.broken.is_some() {
            return;
        }
        self.network_steps(state, steps);
        self.fault_steps(state, steps);
        if self.may_advance(state) {
            steps.push(Step::Time);
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = self.step(state, step)?;
        self.follow_calm(&mut next);
        self.audit(&mut next);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(
            "no promise is broken",
            |_, state: &State| state.broken.is_none(),
        )]
    }

    fn within_boundary(&self, state: &State) -> bool {
        let within = state.seal.1 <= self.bounds.rounds;
        if !within {
            self.watch.count(Event::Beyond);
        }
        within
    }
}

/// Real time in leases.
pub(crate) fn leases(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() / LEASE.as_secs_f64()
}
