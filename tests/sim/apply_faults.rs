//! Applies the faults to the world, and ends them.

use carom::ring::Input;

use crate::checkers::Step;
use crate::clock::Nanos;
use crate::event_queue::Event;
use crate::faults::{Directions, FaultKind, Target, Trigger};
use crate::obituaries::Keepers;
use crate::world::World;

impl World {
    /// The time of a fault has come: it begins, or waits for its trigger.
    pub(crate) fn due(&mut self, number: usize) {
        match self.plan.faults[number].trigger {
            Trigger::AtTime => self.begin(number),
            Trigger::Pass(..) | Trigger::Candidacy(..) => self.armed.push(number),
        }
    }

    /// Begins the armed faults whose trigger has occurred; the function says how much later.
    pub(crate) fn trigger_faults(&mut self, later: impl Fn(Trigger) -> Option<Nanos>) {
        for number in std::mem::take(&mut self.armed) {
            match later(self.plan.faults[number].trigger) {
                Some(later) => self.schedule(self.now + later, Event::Begin(number)),
                None => self.armed.push(number),
            }
        }
    }

    pub(crate) fn begin(&mut self, number: usize) {
        let fault = self.plan.faults[number].clone();
        if self.now >= self.plan.faults_end {
            return;
        }
        let until = (self.now + fault.lasts).min(self.plan.faults_end);
        self.schedule(until, Event::End(number));
        self.trace.add(self.now, None, || format!("FAULT {fault}"));
        match fault.kind {
            FaultKind::Crash(target) => self.crash(number, target, true),
            FaultKind::PowerOff(target) => self.crash(number, target, false),
            FaultKind::PowerCut => {
                for host in 0..self.hosts.len() {
                    self.crash(number, Target::Host(host), false);
                }
            }
            FaultKind::Pause(target) => {
                let host = self.resolve(target);
                self.affected_hosts[number].push(host);
                self.pause(host);
            }
            FaultKind::Drain(target) => {
                let host = self.resolve(target);
                self.drain(host);
            }
            FaultKind::Cut {
                directions,
                hold_up,
            } => {
                for (from, to) in self.resolve_directions(number, &directions) {
                    self.net.cut(from, to, hold_up);
                }
            }
            FaultKind::Stall(directions) => {
                for (from, to) in self.resolve_directions(number, &directions) {
                    self.net.stall(from, to, until);
                }
            }
            FaultKind::Slow { directions, extra } => {
                for (from, to) in self.resolve_directions(number, &directions) {
                    self.net.slow(from, to, extra);
                }
            }
            FaultKind::Reset(a, b) => self.reset(a, b),
            FaultKind::Drift { host, drift } => self.drift(host, drift),
            FaultKind::OtherFile(target) => {
                let host = self.resolve(target);
                self.affected_hosts[number].push(host);
                self.hosts[host].other_file += 1;
                self.kill(host, true);
                self.start(host);
            }
        }
        self.links_changed = true;
    }

    pub(crate) fn end(&mut self, number: usize) {
        let fault = self.plan.faults[number].clone();
        self.trace.add(self.now, None, || format!("END OF {fault}"));
        let hit = std::mem::take(&mut self.affected_hosts[number]);
        let directions = std::mem::take(&mut self.affected_directions[number]);
        match fault.kind {
            FaultKind::Crash(_) | FaultKind::PowerOff(_) | FaultKind::PowerCut => {
                for host in hit {
                    self.hosts[host].down -= 1;
                    self.start(host);
                }
            }
            FaultKind::Pause(_) => {
                for host in hit {
                    self.resume(host);
                }
            }
            FaultKind::Cut { .. } => {
                for (from, to) in directions {
                    self.heal(from, to);
                }
            }
            FaultKind::Slow { .. } => {
                for (from, to) in directions {
                    self.net.slow(from, to, 0);
                }
            }
            FaultKind::OtherFile(_) => {
                for host in hit {
                    self.hosts[host].other_file -= 1;
                    self.kill(host, true);
                    self.start(host);
                }
            }
            FaultKind::Drain(_)
            | FaultKind::Stall(_)
            | FaultKind::Reset(..)
            | FaultKind::Drift { .. } => {}
        }
        self.links_changed = true;
    }

    fn resolve(&self, target: Target) -> usize {
        match target {
            Target::Host(host) => host,
            Target::Holder(ball) => self.last.get(ball).map_or(0, |last| last.holder),
            Target::Receiver(ball) => self.last.get(ball).map_or(0, |last| last.receiver),
            Target::Sender(ball) => self.last.get(ball).map_or(0, |last| last.sender),
        }
    }

    fn resolve_directions(
        &mut self,
        number: usize,
        directions: &Directions,
    ) -> Vec<(usize, usize)> {
        let hosts = self.hosts.len();
        let others = |one: usize| (0..hosts).filter(move |&other| other != one);
        let all: Vec<(usize, usize)> = match *directions {
            Directions::These(ref directions) => directions.clone(),
            Directions::Isolate(target) => {
                let one = self.resolve(target);
                others(one)
                    .flat_map(|other| [(one, other), (other, one)])
                    .collect()
            }
            Directions::Outgoing(target) => {
                let one = self.resolve(target);
                others(one).map(|other| (one, other)).collect()
            }
            Directions::Incoming(target) => {
                let one = self.resolve(target);
                others(one).map(|other| (other, one)).collect()
            }
            Directions::Acknowledgement(ball) => {
                let way = (
                    self.resolve(Target::Receiver(ball)),
                    self.resolve(Target::Sender(ball)),
                );
                if way.0 == way.1 {
                    Vec::new()
                } else {
                    vec![way]
                }
            }
        };
        self.affected_directions[number].clone_from(&all);
        all
    }

    fn crash(&mut self, number: usize, target: Target, notify_peer: bool) {
        let host = self.resolve(target);
        self.affected_hosts[number].push(host);
        self.hosts[host].down += 1;
        self.kill(host, notify_peer);
    }

    /// Kills the process, even one that is draining.
    pub(crate) fn kill(&mut self, host: usize, notify_peer: bool) {
        self.end_process(host, notify_peer, false);
    }

    /// The process ends by itself: it has passed on all its balls.
    pub(crate) fn leave(&mut self, host: usize) {
        self.end_process(host, true, true);
    }

    /// The process ends and forgets its state; its machine notifies the peers if it still can.
    fn end_process(&mut self, host: usize, notify_peer: bool, drained: bool) {
        let has_keeper = notify_peer && self.plan.keepers != Keepers::Silent;
        if has_keeper {
            // When its leases run out.
            self.hosts[host].stop();
        }
        let Some(process) = self.hosts[host].process.take() else {
            return;
        };
        self.trace.add(self.now, Some(host), || "ENDS".to_owned());
        self.tally.count_end(host, self.now, &self.plan);
        let lit = process.leds.iter().map(Option::is_some).collect::<Vec<_>>();
        for number in 0..self.net.connections.len() {
            let connection = &self.net.connections[number];
            if connection.hosts.contains(&host) {
                self.close(number, connection.end_of(host), notify_peer);
            }
        }
        self.links_changed = true;
        if has_keeper {
            self.on_killed(host, process.incarnation, process.leds);
        }
        self.check(&Step::Gone {
            host,
            lit: &lit,
            drained,
        });
    }

    /// SIGSTOP.
    pub(crate) fn pause(&mut self, host: usize) {
        self.hosts[host].stopped += 1;
        if self.hosts[host].stopped == 1 {
            self.hosts[host].stop();
        }
        self.links_changed = true;
    }

    /// SIGCONT: timers, readers and watchdogs of the process come back in any order.
    pub(crate) fn resume(&mut self, host: usize) {
        self.hosts[host].stopped -= 1;
        if self.hosts[host].stopped > 0 {
            return;
        }
        let Some(process) = &mut self.hosts[host].process else {
            return;
        };
        process.stopped = false;
        process.wake = self.now;
        let mut events = vec![Event::Wake {
            host,
            lifetime: process.lifetime,
        }];
        for (connection, wire) in self.net.connections.iter().enumerate() {
            if wire.hosts.contains(&host) && wire.open[wire.end_of(host)] {
                let end = wire.end_of(host);
                events.push(Event::Arrive { connection, end });
                events.push(Event::CheckSilence { connection, end });
            }
        }
        self.random.shuffle(&mut events);
        for event in events {
            self.schedule(self.now, event);
        }
        for other in host + 1..self.hosts.len() {
            self.dial_soon(host, other);
        }
        self.links_changed = true;
    }

    /// The clock of a machine runs at another rate from now on.
    pub(crate) fn drift(&mut self, host: usize, drift: i64) {
        self.hosts[host].clock.set_drift(self.now, drift);
        if let Some(process) = &mut self.hosts[host].process {
            process.deadline = None;
        }
        self.set_timer(host);
    }

    /// SIGTERM: a planned stop.
    pub(crate) fn drain(&mut self, host: usize) {
        let Some(process) = self.hosts[host].awake_mut() else {
            return;
        };
        if process.draining {
            return;
        }
        process.draining = true;
        self.trace
            .add(self.now, Some(host), || "is told to leave".to_owned());
        self.check(&Step::Drain { host });
        self.handle(host, Input::Drain);
    }

    /// Ends one cut.
    pub(crate) fn heal(&mut self, from: usize, to: usize) {
        for (at, connection, end) in self.net.heal(self.now, from, to) {
            self.schedule(at, Event::Arrive { connection, end });
        }
        self.links_changed = true;
    }

    /// Resets the connection of two hosts, if they have one.
    pub(crate) fn reset(&mut self, a: usize, b: usize) {
        let link = self.hosts[a].awake().and_then(|process| process.links[b]);
        if let Some(connection) = link {
            let end = self.net.connections[connection].end_of(a);
            self.close(connection, end, true);
        }
    }
}
