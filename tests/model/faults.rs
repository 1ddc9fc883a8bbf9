//! The faults: what may go wrong next, and what it does to the ring.

use carom::ring::{Input, Node};

use crate::bounds::{FAULTS, Fault};
use crate::model::{Ring, Step};
use crate::state::{Directions, Packet, Payload, State};

impl Ring {
    /// Whether the bounds allow one more fault of this kind.
    pub(crate) fn is_affordable(&self, state: &State, fault: Fault) -> bool {
        self.faults_left(state, fault as usize) > 0
    }

    /// How often this fault may still occur.
    pub(crate) fn faults_left(&self, state: &State, fault: usize) -> u8 {
        let together = self.bounds.faults - state.faults_used.iter().sum::<u8>();
        together.min(self.bounds.most[fault] - state.faults_used[fault])
    }

    /// How often each fault may still occur, as one number.
    pub(crate) fn all_faults_left(&self, state: &State) -> u64 {
        let left = (0..FAULTS.len()).map(|fault| self.faults_left(state, fault));
        // Each is below 64.
        left.fold(0, |all, left| all * 64 + u64::from(left))
    }

    /// Whether a process may still start again: one has ended, or may yet end.
    pub(crate) fn may_restart(&self, state: &State) -> bool {
        let ends = |fault| self.is_affordable(state, fault);
        let leaves = |node: &Node| node.view().draining;
        let mut nodes = state.hosts.iter().map(|host| host.node.as_deref());
        ends(Fault::Crash)
            || ends(Fault::Kill)
            || ends(Fault::Drain)
            || nodes.any(|node| {
                node.is_none_or(|node| self.bounds.most[Fault::Drain as usize] > 0 && leaves(node))
            })
    }

    /// The faults of nodes and links that may begin or end now.
    pub(crate) fn fault_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for node in 0..state.hosts.len() {
            self.node_steps(state, node, steps);
        }
        if !state.cut.is_empty() {
            steps.push(Step::Heal);
        } else if self.is_affordable(state, Fault::Cut) {
            steps.extend(self.cuts().into_iter().map(Step::Cut));
        }
        if self.is_affordable(state, Fault::Reset) {
            for one in 0..state.hosts.len() {
                for other in one + 1..state.hosts.len() {
                    if state.connected.has(one, other) && !state.is_changing(one, other) {
                        let busy = state.head(one, other).or(state.head(other, one)).is_some();
                        let kinds: &[bool] = if busy { &[false, true] } else { &[false] };
                        steps.extend(kinds.iter().map(|&lost| Step::Reset { one, other, lost }));
                    }
                }
            }
        }
    }

    fn node_steps(&self, state: &State, node: usize, steps: &mut Vec<Step>) {
        let host = &state.hosts[node];
        if host.node.is_none() {
            steps.push(Step::Restart(node));
            return;
        }
        if self.is_affordable(state, Fault::Crash) {
            steps.extend([false, true].map(|silent| Step::Crash { node, silent }));
        }
        if self.is_affordable(state, Fault::Kill) {
            steps.push(Step::Kill(node));
        }
        if host.paused {
            steps.push(Step::Resume(node));
        } else if self.is_affordable(state, Fault::Pause) {
            steps.push(Step::Pause(node));
        }
        let drains = host.node.as_ref().is_some_and(|node| node.view().draining);
        if !drains && !host.paused && self.is_affordable(state, Fault::Drain) {
            steps.push(Step::Drain(node));
        }
    }

    /// Every possible cut: the ring in two parts; all directions out of a node, or into it; one
    /// direction of a link.
    fn cuts(&self) -> Vec<Directions> {
        let count = self.bounds.nodes;
        let mut cuts: Vec<Directions> = Vec::new();
        // The first node is always in the first part, so that each partition occurs once.
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

    fn ways(&self, wanted: impl Fn(usize, usize) -> bool) -> Directions {
        let mut ways = Directions::default();
        for (from, to) in (0..self.bounds.nodes)
            .flat_map(|from| (0..self.bounds.nodes).map(move |to| (from, to)))
            .filter(|&(from, to)| from != to && wanted(from, to))
        {
            ways.add(from, to);
        }
        ways
    }

    /// Applies a fault, or ends one.
    pub(crate) fn apply_fault(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Lose(from, to) => {
                self.use_fault(state, Fault::Loss);
                state.take_head(from, to)?;
            }
            Step::Copy(from, to) => {
                self.use_fault(state, Fault::Copy);
                let mut packet = state.take_head(from, to)?;
                packet.age = 0;
                state.strays.push(packet.clone());
                self.deliver(state, packet);
            }
            Step::Stray(from, to) => {
                self.use_fault(state, Fault::Stray);
                let mut packet = state.take_head(from, to)?;
                packet.age = 0;
                state.strays.push(packet);
            }
            Step::Crash { node, silent } => {
                self.use_fault(state, Fault::Crash);
                self.end_process(state, node, if silent { self.silence() } else { 0 });
            }
            Step::Kill(node) => {
                self.use_fault(state, Fault::Kill);
                let incarnation = self.incarnation(node, state.hosts[node].lifetimes);
                self.end_process(state, node, 0);
                for to in (0..state.hosts.len()).filter(|&to| to != node) {
                    let obituary = Payload::Obituary(incarnation);
                    state.strays.push(Packet::new(node, to, obituary));
                }
            }
            Step::Restart(node) => {
                self.start(state, node);
                self.connect(state);
            }
            Step::Cut(ways) => {
                self.use_fault(state, Fault::Cut);
                state.cut = ways;
            }
            Step::Heal => {
                state.cut = Directions::default();
                self.connect(state);
                self.send_heartbeats(state);
            }
            Step::Reset { one, other, lost } => {
                self.use_fault(state, Fault::Reset);
                self.reset(state, one, other, lost);
            }
            Step::Pause(node) => {
                self.use_fault(state, Fault::Pause);
                state.hosts[node].paused = true;
            }
            Step::Resume(node) => {
                state.hosts[node].paused = false;
                state.hosts[node].resumed = true;
            }
            Step::Drain(node) => {
                self.use_fault(state, Fault::Drain);
                self.handle(state, node, Input::Drain);
            }
            _ => return None,
        }
        Some(())
    }

    pub(crate) fn use_fault(&self, state: &mut State, fault: Fault) {
        state.faults_used[fault as usize] += 1;
    }

    /// Closes the connection; unless `lost`, packets under way arrive before the close is seen.
    pub(crate) fn reset(&self, state: &mut State, one: usize, other: usize, lost: bool) {
        state.connected.remove_both(one, other);
        for (from, to) in [(one, other), (other, one)] {
            if lost {
                state.packets.retain(|packet| {
                    (packet.from, packet.to) != (from, to)
                        || !matches!(packet.line, Payload::Message(_))
                });
            }
            state.push(Packet::new(from, to, Payload::Down));
        }
    }
}
