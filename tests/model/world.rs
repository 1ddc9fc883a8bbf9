//! What the ring does with one input of one node, and what comes of it on the way to the others.

use std::sync::Arc;

use carom::ring::{Input, Message, Notification, Output, Possession};

use crate::clock::local;
use crate::model::{Ring, node_id};
use crate::state::{Flight, Line, State};
use crate::watch::{Event, LATE, WILD};

impl Ring {
    /// Whether the way is open and its end listens.
    pub(crate) fn can_move(&self, state: &State, flight: &Flight) -> bool {
        // The end of a connection is seen by each side alone, whatever the network does.
        let local = matches!(flight.line, Line::Down);
        state.runs(flight.to) && (local || !state.cut.has(flight.from, flight.to))
    }

    pub(crate) fn can_arrive(&self, state: &State, flight: &Flight) -> bool {
        flight.age >= 0 && self.can_move(state, flight)
    }

    /// Takes a line off the network and lets its node hear it.
    pub(crate) fn arrive(&self, state: &mut State, flight: Flight) {
        let Flight { from, to, line, .. } = flight;
        let peer = node_id(from);
        match line {
            Line::Message(message) => {
                let message = Message::clone(&message);
                self.feed(
                    state,
                    to,
                    Input::Received {
                        from: peer,
                        message,
                    },
                );
            }
            Line::Up(incarnation) => {
                // What an earlier life said cannot come after the first word of this one.
                let current = self.incarnation(from, state.seats[from].lives) == incarnation;
                if current && state.seats[to].knows[from] != Some(incarnation) {
                    state
                        .strays
                        .retain(|stray| (stray.from, stray.to) != (from, to));
                }
                state.seats[to].knows[from] = Some(incarnation);
                state.seats[to].up.add(to, from);
                self.feed(state, to, Input::LinkUp { peer, incarnation });
            }
            Line::Down => {
                if state.seats[to].up.has(to, from) {
                    state.seats[to].up.remove_both(to, from);
                    self.feed(state, to, Input::LinkDown { peer });
                }
            }
        }
    }

    /// Lets one node hear one input now, and carries out what it says; whether it began a candidacy.
    pub(crate) fn feed(&self, state: &mut State, index: usize, input: Input) -> bool {
        let now = local(state, index);
        let Some(node) = &mut state.seats[index].node else {
            return false;
        };
        let outputs = Arc::make_mut(node).handle(now, input);
        state.seats[index].late = false;
        let began = |output: &Output| {
            matches!(output, Output::Notify(Notification::ElectionStarted { .. }))
        };
        let stands = outputs.iter().any(began);
        for output in outputs {
            self.carry_out(state, index, output);
        }
        stands
    }

    fn carry_out(&self, state: &mut State, index: usize, output: Output) {
        match output {
            Output::LedOn(Possession { stamp, .. }) => self.light(state, index, stamp),
            Output::LedOff(_) => state.seats[index].lit = None,
            Output::Send { to, message } => {
                self.post(state, index, to.index(), &Arc::new(message));
            }
            Output::Broadcast(message) => {
                let message = Arc::new(message);
                for to in 0..state.seats.len() {
                    self.post(state, index, to, &message);
                }
            }
            Output::Notify(note) => {
                if matches!(note, Notification::Implausible { .. }) {
                    state.broken.get_or_insert(WILD);
                }
                self.watch.note(&note);
            }
            // The model has no windows.
            Output::OpenWindow { .. } | Output::SendToWindow { .. } => {}
            Output::Drained => {
                self.watch.count(Event::Left);
                self.end(state, index, 0);
            }
        }
    }

    /// Puts a line on its way, if its sender has an open connection.
    fn post(&self, state: &mut State, from: usize, to: usize, message: &Arc<Message>) {
        // The heartbeats of the model are those of `beat`.
        if matches!(message.as_ref(), Message::Heartbeat { .. }) {
            return;
        }
        let open = state.seats[from].up.has(from, to) && state.linked.has(from, to);
        if !open || state.is_changing(to, from) {
            return;
        }
        if matches!(message.as_ref(), Message::Pass(_)) {
            self.watch.count(Event::Pass);
            if state.seats[from].lit.is_some() {
                state.broken.get_or_insert(LATE);
            }
        }
        state.push(Flight::new(from, to, Line::Message(Arc::clone(message))));
    }

    /// The process ends; its peers see the end of their connections after so many ticks.
    pub(crate) fn end(&self, state: &mut State, index: usize, silence: i8) {
        let seat = &mut state.seats[index];
        seat.node = None;
        seat.lit = None;
        seat.latest = None;
        seat.paused = false;
        seat.late = false;
        seat.up = Default::default();
        seat.knows = [None; 4];
        state.flights.retain(|flight| flight.to != index);
        state.strays.retain(|stray| stray.to != index);
        for peer in 0..state.seats.len() {
            if state.linked.has(index, peer) {
                state.linked.remove_both(index, peer);
                let mut down = Flight::new(index, peer, Line::Down);
                down.age = -silence;
                state.push(down);
            }
        }
    }
}
