//! What a node says is carried out: LEDs, lines, notes.

use carom::ring::{BallId, Message, Notification, Output};

use crate::faults::Moment;
use crate::host::{Led, index};
use crate::network::Item;
use crate::trace;
use crate::world::World;

impl World {
    /// What a node says, done.
    pub(crate) fn carry_out(&mut self, host: usize, output: &Output) {
        let now = self.now;
        match output {
            Output::LedOn(possession) => {
                let ball = index(possession.ball);
                let stamp = possession.stamp;
                self.trace.tell(now, Some(host), || {
                    format!("ON   ball {} {}", ball + 1, trace::stamp(stamp))
                });
                let led = Led {
                    stamp,
                    since: now,
                    lapses: None,
                    lent: false,
                };
                self.set_led(host, possession.ball, Some(led));
                if let Some(last) = self.last.get_mut(ball) {
                    last.holder = host;
                }
            }
            Output::LedOff(possession) => {
                let (ball, stamp) = (possession.ball, possession.stamp);
                self.trace.tell(now, Some(host), || {
                    format!("off  ball {ball} {}", trace::stamp(stamp))
                });
                self.set_led(host, ball, None);
            }
            Output::Send { to, message } => self.say(host, to.index(), message),
            Output::Broadcast(message) => {
                for to in 0..self.hosts.len() {
                    self.say(host, to, message);
                }
            }
            Output::Notify(note) => {
                if let Notification::ElectionStarted { ball, .. } = note {
                    self.strike(|moment| match moment {
                        Moment::Candidacy(awaited, later) if awaited == index(*ball) => Some(later),
                        _ => None,
                    });
                }
                let topology = &self.plan.topology;
                self.trace
                    .tell(now, Some(host), || trace::note(note, topology));
            }
            Output::OpenWindow { ball, edge } => {
                self.trace.tell(now, Some(host), || {
                    format!("calls the window at its {edge:?} for ball {ball}")
                });
                self.at_the_window(host, output);
            }
            Output::SendToWindow { ball, sent } => {
                self.trace
                    .tell(now, Some(host), || format!("LENDS ball {ball}: {sent:?}"));
                self.at_the_window(host, output);
            }
            Output::Drained => {}
        }
    }

    fn set_led(&mut self, host: usize, ball: BallId, led: Option<Led>) {
        if let Some(process) = &mut self.hosts[host].process {
            process.leds[index(ball)] = led;
        }
    }

    fn say(&mut self, host: usize, to: usize, message: &Message) {
        let link = self.hosts[host]
            .process
            .as_ref()
            .and_then(|process| process.links[to]);
        let Some(connection) = link else {
            return;
        };
        if let Some(meter) = &mut self.meter {
            meter.count(message);
        }
        if let Message::Pass(pass) = message {
            let ball = index(pass.ball);
            if let Some(last) = self.last.get_mut(ball) {
                last.sender = host;
                last.receiver = to;
                last.passes += 1;
            }
            self.strike(|moment| match moment {
                Moment::Pass(awaited, later) if awaited == ball => Some(later),
                _ => None,
            });
            self.trace.tell(self.now, Some(host), || {
                format!(
                    "sends pi{}: {}",
                    to + 1,
                    trace::message(message).unwrap_or_default()
                )
            });
        }
        if self.toll.is_some_and(|lost| lost(message)) {
            return;
        }
        let end = 1 - self.net.connections[connection].end_of(host);
        self.post(connection, end, Item::Line(message.clone()));
        self.repeat(to, host, message);
    }
}
