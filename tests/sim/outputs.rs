//! Carries out the outputs of a node: LEDs, messages, notifications.

use carom::ring::{BallId, Message, Notification, Output};

use crate::faults::Trigger;
use crate::host::{Led, index};
use crate::trace;
use crate::world::World;

impl World {
    /// Carries out one output of a node.
    pub(crate) fn carry_out(&mut self, host: usize, output: &Output) {
        let now = self.now;
        self.tally.count_output(output);
        match output {
            Output::LedOn(possession) => {
                let ball = index(possession.ball);
                let stamp = possession.stamp;
                self.trace.add(now, Some(host), || {
                    format!("ON   ball {} {}", ball + 1, trace::stamp(stamp))
                });
                let led = Led {
                    stamp,
                    since: now,
                    expires: None,
                    lent: false,
                };
                self.set_led(host, possession.ball, Some(led));
                if let Some(last) = self.last.get_mut(ball) {
                    last.holder = host;
                }
            }
            Output::LedOff(possession) => {
                let (ball, stamp) = (possession.ball, possession.stamp);
                self.trace.add(now, Some(host), || {
                    format!("off  ball {ball} {}", trace::stamp(stamp))
                });
                self.set_led(host, ball, None);
            }
            Output::Send { to, message } => self.send(host, to.index(), message),
            Output::Broadcast(message) => {
                for to in 0..self.hosts.len() {
                    self.send(host, to, message);
                }
            }
            Output::Multicast { to, message } => {
                for to in to.iter() {
                    self.send(host, to.index(), message);
                }
            }
            Output::Notify(note) => {
                if let Notification::ElectionStarted { ball, .. } = note {
                    self.trigger_faults(|trigger| match trigger {
                        Trigger::Candidacy(awaited, later) if awaited == index(*ball) => {
                            Some(later)
                        }
                        _ => None,
                    });
                }
                let topology = &self.plan.topology;
                self.trace
                    .add(now, Some(host), || trace::note(note, topology));
            }
            Output::OpenWindow { ball, edge } => {
                self.trace.add(now, Some(host), || {
                    format!("opens the window at its {edge:?} for ball {ball}")
                });
                self.on_window_output(host, output);
            }
            Output::SendToWindow { ball, sent } => {
                self.trace
                    .add(now, Some(host), || format!("LENDS ball {ball}: {sent:?}"));
                self.on_window_output(host, output);
            }
            Output::Drained => {}
        }
    }

    fn set_led(&mut self, host: usize, ball: BallId, led: Option<Led>) {
        if let Some(process) = &mut self.hosts[host].process {
            process.leds[index(ball)] = led;
        }
    }

    fn send(&mut self, host: usize, to: usize, message: &Message) {
        let link = self.hosts[host]
            .process
            .as_ref()
            .and_then(|process| process.links[to]);
        let Some(connection) = link else {
            return;
        };
        if let Some(traffic) = &mut self.traffic {
            traffic.count(message, self.last[0].holder == host);
        }
        if let Message::Pass(pass) = message {
            self.tally.count_pass();
            let ball = index(pass.ball);
            if let Some(last) = self.last.get_mut(ball) {
                last.sender = host;
                last.receiver = to;
                last.passes += 1;
            }
            self.trigger_faults(|trigger| match trigger {
                Trigger::Pass(awaited, later) if awaited == ball => Some(later),
                _ => None,
            });
            self.trace.add(self.now, Some(host), || {
                format!(
                    "sends pi{}: {}",
                    to + 1,
                    trace::message(message).unwrap_or_default()
                )
            });
        }
        if self.drop_message.is_some_and(|lost| lost(message)) {
            return;
        }
        let end = 1 - self.net.connections[connection].end_of(host);
        if matches!(message, Message::Heartbeat { .. }) {
            self.on_heartbeat_sent(connection, 1 - end);
        }
        let line = self.net.connections[connection].line(1 - end, message);
        self.post(connection, end, line);
        self.repeat(connection, end, message);
    }
}
