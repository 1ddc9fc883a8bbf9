//! The ring as a model for stateright: its states, the possible steps, and what each step does.

use std::sync::Arc;
use std::time::Duration;

use carom::ring::{BallState, Incarnation, Node, NodeId, Topology, Voters};
use stateright::{Model, Property};

use crate::bounds::{Bounds, FAULTS, Fault};
use crate::canonical;
use crate::clock::{LEASE, local};
use crate::equivalence::Successors;
use crate::interning::SharedNodes;
use crate::invariants::{Coverage, Event};
use crate::liveness::Watch;
use crate::state::{Directions, Host, State};
use crate::topology;
use crate::windows::{self, Guest, Windows};

/// The ring under exploration.
pub(crate) struct Ring {
    pub(crate) bounds: Bounds,
    pub(crate) topology: Arc<Topology>,
    /// The one ball, as it begins.
    pub(crate) ball: BallState,
    pub(crate) coverage: Coverage,
    nodes: SharedNodes,
    pub(crate) successors: Successors,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// A tick of time.
    Time,
    /// The first packet in this direction arrives.
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
    Kill(usize),
    Restart(usize),
    Cut(Directions),
    Heal,
    Reset {
        one: usize,
        other: usize,
        lost: bool,
    },
    Pause(usize),
    Resume(usize),
    Drain(usize),
    /// The window accepts the connection for which this node waits, unless it is full.
    WindowAnswers(usize),
    /// The window sends a ball to this node, and may keep a copy.
    WindowSends {
        node: usize,
        keeps: bool,
    },
    /// Somebody asks this node to remove the guest.
    Remove(usize),
}

pub(crate) fn node_id(index: usize) -> NodeId {
    NodeId(u16::try_from(index).expect("a ring of four at most"))
}

impl Ring {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let tick = LEASE / bounds.grid;
        let crossing = tick * bounds.crossing;
        let ball = topology::crossing_ball(crossing.as_secs_f64());
        let mut topology = topology::one_ball("model", bounds.nodes, LEASE, ball);
        if let Some(voters) = bounds.voters {
            topology.voters = Voters::Nodes((0..voters).map(node_id).collect());
        }
        let mut ball = ball;
        if bounds.window || bounds.guest {
            ball = windows::add_window(&mut topology, crossing, bounds.guest);
        }
        Self {
            bounds,
            topology: Arc::new(topology),
            ball,
            coverage: Coverage::default(),
            nodes: SharedNodes::default(),
            successors: Successors::default(),
        }
    }

    /// The incarnation of this process; all its random numbers follow from it.
    pub(crate) fn incarnation(&self, node: usize, lifetime: u8) -> Incarnation {
        let place = if self.bounds.reverse { 3 - node } else { node };
        Incarnation(1 + place as u64 * 16 + u64::from(lifetime))
    }

    /// Starts the process of this host.
    pub(crate) fn start(&self, state: &mut State, index: usize) {
        state.hosts[index].lifetimes += 1;
        let incarnation = self.incarnation(index, state.hosts[index].lifetimes);
        let now = local(state, index);
        let node = Node::new(Arc::clone(&self.topology), node_id(index), incarnation, now);
        state.hosts[index].node = Some(Arc::new(node));
    }

    fn just_started(&self) -> State {
        let host = Host {
            node: None,
            lifetimes: 0,
            led: None,
            latest: None,
            paused: false,
            resumed: false,
            open_links: Directions::default(),
            known_incarnations: [None; 4],
        };
        let mut state = State {
            now: 0,
            skew: self.bounds.skew,
            tick: self.tick(),
            hashes_randomness: self.bounds.equivalence > 0,
            may_restart: true,
            hosts: vec![host; self.bounds.nodes],
            packets: Vec::new(),
            strays: Vec::new(),
            cut: Directions::default(),
            connected: Directions::default(),
            silence: [0; 16],
            faults_used: [0; FAULTS.len()],
            kills_left: 0,
            faults_left: 0,
            fingerprint: (0, 0),
            ticks: 0,
            windows: Windows::default(),
            guest: Guest::default(),
            watch: Watch::default(),
            violation: None,
        };
        (0..self.bounds.nodes).for_each(|node| self.start(&mut state, node));
        self.connect(&mut state);
        state
    }

    /// A ring without faults, some leases after its start.
    fn under_way(&self) -> State {
        let mut state = self.just_started();
        state.windows.kept = u8::MAX;
        while state.now < 4 * LEASE.as_micros() as u64 {
            self.deliver_all(&mut state);
            self.advance(&mut state);
        }
        self.deliver_all(&mut state);
        state.ticks = 0;
        state.windows.kept = u8::from(self.bounds.guest);
        state.windows.loans = self.bounds.loans;
        state
    }

    /// The state after this step, or none if it cannot be taken.
    pub(crate) fn step(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        if step == Step::Time {
            self.advance(&mut next);
        } else if let Step::Arrive(from, to) = step {
            let packet = next.take_head(from, to)?;
            self.deliver(&mut next, packet);
        } else if let Step::StrayArrives(index) = step {
            let packet = next.strays.remove(index);
            self.deliver(&mut next, packet);
        } else if self.apply_window(&mut next, step).is_none() {
            self.apply_fault(&mut next, step)?;
        }
        self.watch_step(&mut next, Some(step));
        self.fingerprint(&mut next);
        Some(next)
    }

    /// Computes the fingerprint of this state.
    pub(crate) fn fingerprint(&self, state: &mut State) {
        for (index, host) in state.hosts.iter_mut().enumerate() {
            if let Some(node) = &mut host.node {
                self.nodes.share(node, index);
            }
        }
        state.kills_left = self.faults_left(state, Fault::Kill as usize);
        state.faults_left = self.all_faults_left(state);
        state.may_restart = self.may_restart(state);
        state.fingerprint = canonical::fingerprint(state);
    }

    /// Delivers every packet that can arrive.
    pub(crate) fn deliver_all(&self, state: &mut State) {
        while let Some(index) = state
            .packets
            .iter()
            .position(|packet| self.can_be_delivered(state, packet))
        {
            let packet = state.packets.remove(index);
            self.deliver(state, packet);
        }
        for node in 0..2 {
            if state.windows.opening >> node & 1 == 1 {
                self.answer(state, node);
            }
        }
    }

    /// The arrivals, and the faults of the network, in each direction.
    fn network_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let mut last = None;
        for packet in &state.packets {
            let way = (packet.from, packet.to);
            if last.replace(way) == Some(way) || !self.can_be_delivered(state, packet) {
                continue;
            }
            let (from, to) = way;
            steps.push(Step::Arrive(from, to));
            if matches!(packet.line, crate::state::Payload::Message(_)) {
                let faults = [
                    (Fault::Loss, Step::Lose(from, to)),
                    (Fault::Copy, Step::Copy(from, to)),
                    (Fault::Stray, Step::Stray(from, to)),
                ];
                let affordable = faults
                    .into_iter()
                    .filter(|(fault, _)| self.is_affordable(state, *fault));
                steps.extend(affordable.map(|(_, step)| step));
            }
        }
        let strays = state.strays.iter().enumerate();
        let arriving = strays.filter(|(_, stray)| self.can_be_delivered(state, stray));
        steps.extend(arriving.map(|(index, _)| Step::StrayArrives(index)));
    }
}

impl Model for Ring {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut state = if self.bounds.cold {
            self.just_started()
        } else {
            self.under_way()
        };
        self.watch_step(&mut state, None);
        self.fingerprint(&mut state);
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.violation.is_some() {
            return;
        }
        self.network_steps(state, steps);
        self.window_steps(state, steps);
        self.fault_steps(state, steps);
        if self.may_advance(state) {
            steps.push(Step::Time);
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = self.step(state, step)?;
        self.check_recovery(&mut next);
        self.check_equivalence(&mut next);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(
            "no promise is broken",
            |_, state: &State| state.violation.is_none(),
        )]
    }

    fn within_boundary(&self, state: &State) -> bool {
        let within = state.fingerprint.1 <= self.bounds.rounds;
        if !within {
            self.coverage.count(Event::BeyondBounds);
        }
        within
    }
}

/// Real time in leases.
pub(crate) fn leases(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() / LEASE.as_secs_f64()
}
