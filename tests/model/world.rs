//! Delivers inputs to the nodes and carries out their outputs.

use std::sync::Arc;

use carom::ring::{Input, Message, Notification, Output, Possession};

use crate::clock::local;
use crate::invariants::{Event, IMPLAUSIBLE_MESSAGE, PASS_BEFORE_LED_OFF};
use crate::model::{Ring, node_id};
use crate::state::{Packet, Payload, State};

impl Ring {
    /// Whether the direction is not cut and the receiver runs.
    pub(crate) fn can_move(&self, state: &State, packet: &Packet) -> bool {
        // Each side sees the close of a connection by itself, whatever the network does.
        let local = matches!(packet.line, Payload::Down);
        state.runs(packet.to) && (local || !state.cut.has(packet.from, packet.to))
    }

    pub(crate) fn can_be_delivered(&self, state: &State, packet: &Packet) -> bool {
        packet.age >= 0 && self.can_move(state, packet)
    }

    /// Delivers a packet to its node.
    pub(crate) fn deliver(&self, state: &mut State, packet: Packet) {
        let Packet { from, to, line, .. } = packet;
        let peer = node_id(from);
        match line {
            Payload::Message(message) => {
                let message = Message::clone(&message);
                self.handle(
                    state,
                    to,
                    Input::Received {
                        from: peer,
                        message,
                    },
                );
            }
            Payload::Up(incarnation) => {
                // A message of an earlier incarnation cannot arrive after the first packet of this one.
                let current = self.incarnation(from, state.hosts[from].lifetimes) == incarnation;
                if current && state.hosts[to].known_incarnations[from] != Some(incarnation) {
                    state.strays.retain(|stray| {
                        let is_obituary = matches!(stray.line, Payload::Obituary(_));
                        is_obituary || (stray.from, stray.to) != (from, to)
                    });
                }
                state.hosts[to].known_incarnations[from] = Some(incarnation);
                state.hosts[to].open_links.add(to, from);
                self.handle(state, to, Input::LinkUp { peer, incarnation });
            }
            Payload::Obituary(incarnation) => {
                self.handle(state, to, Input::Died { peer, incarnation });
            }
            Payload::Down => {
                if state.hosts[to].open_links.has(to, from) {
                    state.hosts[to].open_links.remove_both(to, from);
                    self.handle(state, to, Input::LinkDown { peer });
                }
            }
        }
    }

    /// Lets one node handle one input now and carries out its outputs; returns whether it started an
    /// election.
    pub(crate) fn handle(&self, state: &mut State, index: usize, input: Input) -> bool {
        let now = local(state, index);
        let Some(node) = &mut state.hosts[index].node else {
            return false;
        };
        let outputs = Arc::make_mut(node).handle(now, input);
        state.hosts[index].resumed = false;
        let began = |output: &Output| {
            matches!(output, Output::Notify(Notification::ElectionStarted { .. }))
        };
        let started_election = outputs.iter().any(began);
        for output in outputs {
            self.carry_out(state, index, output);
        }
        started_election
    }

    fn carry_out(&self, state: &mut State, index: usize, output: Output) {
        self.watch_output(state, index, &output);
        self.window_output(state, index, &output);
        match output {
            Output::LedOn(Possession { stamp, .. }) => self.on_led_on(state, index, stamp),
            Output::LedOff(_) => state.hosts[index].led = None,
            Output::Send { to, message } => {
                self.send(state, index, to.index(), &Arc::new(message));
            }
            Output::Broadcast(message) => {
                let message = Arc::new(message);
                for to in 0..state.hosts.len() {
                    self.send(state, index, to, &message);
                }
            }
            Output::Multicast { to, message } => {
                let message = Arc::new(message);
                for to in to.iter() {
                    self.send(state, index, to.index(), &message);
                }
            }
            Output::Notify(note) => {
                if matches!(note, Notification::Implausible { .. }) {
                    state.violation.get_or_insert(IMPLAUSIBLE_MESSAGE);
                }
                self.coverage.note(&note);
            }
            Output::OpenWindow { .. } | Output::SendToWindow { .. } => {}
            Output::Drained => {
                self.coverage.count(Event::Left);
                self.end_process(state, index, 0);
            }
        }
    }

    /// Sends a message, if the sender has an open connection.
    fn send(&self, state: &mut State, from: usize, to: usize, message: &Arc<Message>) {
        // The model sends its own heartbeats, in `send_heartbeats`.
        if matches!(message.as_ref(), Message::Heartbeat { .. }) {
            return;
        }
        let open = state.hosts[from].open_links.has(from, to) && state.connected.has(from, to);
        if !open || state.is_changing(to, from) {
            return;
        }
        if matches!(message.as_ref(), Message::Pass(_)) {
            self.coverage.count(Event::Pass);
            if state.hosts[from].led.is_some() {
                state.violation.get_or_insert(PASS_BEFORE_LED_OFF);
            }
        }
        state.push(Packet::new(from, to, Payload::Message(Arc::clone(message))));
    }

    /// The process ends; its peers see their connections closed after so many ticks.
    pub(crate) fn end_process(&self, state: &mut State, index: usize, silence: i8) {
        let host = &mut state.hosts[index];
        host.node = None;
        host.led = None;
        host.latest = None;
        host.paused = false;
        host.resumed = false;
        host.open_links = Default::default();
        host.known_incarnations = [None; 4];
        state.watch.forget(index);
        state.windows.opening &= !(1 << index);
        state.packets.retain(|packet| packet.to != index);
        state.strays.retain(|stray| stray.to != index);
        for peer in 0..state.hosts.len() {
            if state.connected.has(index, peer) {
                state.connected.remove_both(index, peer);
                let mut down = Packet::new(index, peer, Payload::Down);
                down.age = -silence;
                state.push(down);
            }
        }
    }
}
