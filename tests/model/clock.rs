//! Time advances one tick at a time; on the way every timer fires at its exact moment.

use std::time::Duration;

use carom::ring::{Input, Message, Time};

use crate::invariants::BUSY_LOOP;
use crate::model::Ring;
use crate::state::{Packet, Payload, State};

pub(crate) const LEASE: Duration = Duration::from_millis(800);

/// More timers than this within one tick mean that a node busy-loops.
const MOST_TIMERS: u32 = 200;

/// What the node's own clock shows now.
pub(crate) fn local(state: &State, node: usize) -> Time {
    Time::from_micros(origin(state, node) + state.now * rate(state, node) / 1000)
}

/// Every incarnation of a node has a clock of its own; later ones show less, as after a reboot.
fn origin(state: &State, node: usize) -> u64 {
    let lifetimes = u64::from(state.hosts[node].lifetimes);
    (node as u64 + 1) * 1_000_000_000_000 - lifetimes * 100_000_000_000
}

/// Microseconds of the clock in a millisecond: with skew the first clock is one percent slow.
fn rate(state: &State, node: usize) -> u64 {
    match (state.skew, node) {
        (false, _) => 1000,
        (true, 0) => 995,
        (true, _) => 1005,
    }
}

/// The first moment of real time at which the node's clock shows this.
fn real(state: &State, node: usize, moment: Time) -> u64 {
    let span = moment.as_micros().saturating_sub(origin(state, node));
    (span * 1000).div_ceil(rate(state, node)).max(state.now)
}

impl Ring {
    /// How long one tick is, in microseconds.
    pub(crate) fn tick(&self) -> u64 {
        LEASE.as_micros() as u64 / u64::from(self.bounds.grid)
    }

    /// After so many ticks without a message a link is closed: four heartbeats, that is one lease.
    pub(crate) fn silence(&self) -> i8 {
        self.bounds.grid as i8
    }

    /// Whether time may advance: no overdue packet can still be delivered.
    pub(crate) fn may_advance(&self, state: &State) -> bool {
        let in_time = self.bounds.ticks.is_none_or(|ticks| state.ticks < ticks);
        in_time
            && state.windows.opening == 0
            && !state.packets.iter().any(|packet| {
                packet.age >= self.bounds.max_delay
                    && packet.age >= 0
                    && self.can_be_delivered(state, packet)
            })
    }

    /// Advances to the next tick, or to the next start of an election if that comes first: its
    /// answers may arrive at once, wherever in a tick it began.
    pub(crate) fn advance(&self, state: &mut State) {
        let target = (state.now / self.tick() + 1) * self.tick();
        if self.fire_until(state, target) {
            return;
        }
        state.now = target;
        if self.bounds.ticks.is_some() {
            state.ticks += 1;
        }
        for index in 0..state.packets.len() {
            if self.can_move(state, &state.packets[index]) {
                let packet = &mut state.packets[index];
                packet.age = (packet.age + 1).min(self.bounds.max_delay.max(0));
            }
        }
        self.close_silent(state);
        self.connect(state);
        self.send_heartbeats(state);
    }

    /// Closes the connections on which one side has heard nothing for four heartbeats.
    fn close_silent(&self, state: &mut State) {
        let count = state.hosts.len();
        for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
            let silent = state.connected.has(from, to)
                && state.runs(to)
                && (state.cut.has(from, to) || !state.runs(from));
            let ticks = &mut state.silence[from * 4 + to];
            *ticks = if silent { *ticks + 1 } else { 0 };
            if *ticks >= self.silence() as u8 {
                *ticks = 0;
                self.reset(state, from, to, state.runs(from));
            }
        }
    }

    /// Fires every timer that is due by then, each at its moment; stops when an election starts.
    fn fire_until(&self, state: &mut State, target: u64) -> bool {
        for _ in 0..MOST_TIMERS {
            let due = (0..state.hosts.len())
                .filter(|&node| state.runs(node))
                .filter_map(|node| {
                    let deadline = state.hosts[node].node.as_ref()?.next_deadline()?;
                    Some((real(state, node, deadline), node))
                })
                .min();
            match due {
                Some((moment, node)) if moment <= target => {
                    state.now = moment;
                    if self.handle(state, node, Input::Tick) && moment < target {
                        return true;
                    }
                }
                _ => return false,
            }
        }
        state.violation = Some(BUSY_LOOP);
        true
    }

    /// Opens the connections between all running nodes that can reach each other.
    pub(crate) fn connect(&self, state: &mut State) {
        let count = state.hosts.len();
        for (one, other) in (0..count).flat_map(|one| (one + 1..count).map(move |two| (one, two))) {
            let cut = state.cut.has(one, other) || state.cut.has(other, one);
            if cut || state.connected.has(one, other) || !(state.runs(one) && state.runs(other)) {
                continue;
            }
            state.connected.add(one, other);
            state.connected.add(other, one);
            for (from, to) in [(one, other), (other, one)] {
                // A new connection ends the wait for the end of the old one.
                for packet in &mut state.packets {
                    if (packet.from, packet.to) == (from, to) {
                        packet.age = packet.age.max(0);
                    }
                }
                let line = Payload::Up(self.incarnation(from, state.hosts[from].lifetimes));
                state.push(Packet::new(from, to, line));
            }
        }
    }

    /// Once a tick a heartbeat on every open direction; it arrives at once.
    pub(crate) fn send_heartbeats(&self, state: &mut State) {
        let count = state.hosts.len();
        for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
            let open = state.connected.has(from, to) && !state.cut.has(from, to);
            let settled = !state.is_changing(from, to) && !state.is_changing(to, from);
            if open && settled && state.runs(from) && state.runs(to) {
                let message = Message::Heartbeat {
                    at: local(state, from).as_micros(),
                    echo: None,
                    since: 0,
                    near: false,
                };
                let from = crate::model::node_id(from);
                self.handle(state, to, Input::Received { from, message });
            }
        }
    }
}
