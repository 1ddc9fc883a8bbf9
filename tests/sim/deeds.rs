//! What the faults do to the world, and how it is undone.

use carom::ring::Input;

use crate::agenda::Event;
use crate::checkers::Step;
use crate::clock::Nanos;
use crate::faults::{Kind, Moment, Target, Ways};
use crate::world::World;

impl World {
    /// The time of a fault has come: it begins, or waits for its moment.
    pub(crate) fn due(&mut self, number: usize) {
        match self.plan.faults[number].moment {
            Moment::Then => self.begin(number),
            Moment::Pass(..) | Moment::Candidacy(..) => self.armed.push(number),
        }
    }

    /// A moment has come: the faults that waited for it begin.
    pub(crate) fn strike(&mut self, later: impl Fn(Moment) -> Option<Nanos>) {
        for number in std::mem::take(&mut self.armed) {
            match later(self.plan.faults[number].moment) {
                Some(later) => self.put(self.now + later, Event::Begin(number)),
                None => self.armed.push(number),
            }
        }
    }

    pub(crate) fn begin(&mut self, number: usize) {
        let fault = self.plan.faults[number].clone();
        if self.now >= self.plan.calm_from {
            return;
        }
        let until = (self.now + fault.lasts).min(self.plan.calm_from);
        self.put(until, Event::End(number));
        self.trace.tell(self.now, None, || format!("FAULT {fault}"));
        match fault.kind {
            Kind::Crash(target) => self.crash(number, target, true),
            Kind::PowerOff(target) => self.crash(number, target, false),
            Kind::PowerCut => {
                for host in 0..self.hosts.len() {
                    self.crash(number, Target::Host(host), false);
                }
            }
            Kind::Pause(target) => {
                let host = self.aim(target);
                self.hit[number].push(host);
                self.pause(host);
            }
            Kind::Drain(target) => {
                let host = self.aim(target);
                self.drain(host);
            }
            Kind::Cut { ways, hold_up } => {
                for (from, to) in self.aim_ways(number, &ways) {
                    self.net.cut(from, to, hold_up);
                }
            }
            Kind::Stall(ways) => {
                for (from, to) in self.aim_ways(number, &ways) {
                    self.net.stall(from, to, until);
                }
            }
            Kind::Slow { ways, extra } => {
                for (from, to) in self.aim_ways(number, &ways) {
                    self.net.slow(from, to, extra);
                }
            }
            Kind::Reset(a, b) => self.reset(a, b),
            Kind::Drift { host, drift } => self.drift(host, drift),
            Kind::OtherFile(target) => {
                let host = self.aim(target);
                self.hit[number].push(host);
                self.hosts[host].strange += 1;
                self.kill(host, true);
                self.start(host);
            }
        }
        self.reshaped = true;
    }

    pub(crate) fn end(&mut self, number: usize) {
        let fault = self.plan.faults[number].clone();
        self.trace
            .tell(self.now, None, || format!("END OF {fault}"));
        let hit = std::mem::take(&mut self.hit[number]);
        let ways = std::mem::take(&mut self.hit_ways[number]);
        match fault.kind {
            Kind::Crash(_) | Kind::PowerOff(_) | Kind::PowerCut => {
                for host in hit {
                    self.hosts[host].down -= 1;
                    self.start(host);
                }
            }
            Kind::Pause(_) => {
                for host in hit {
                    self.resume(host);
                }
            }
            Kind::Cut { .. } => {
                for (from, to) in ways {
                    self.mend(from, to);
                }
            }
            Kind::Slow { .. } => {
                for (from, to) in ways {
                    self.net.slow(from, to, 0);
                }
            }
            Kind::OtherFile(_) => {
                for host in hit {
                    self.hosts[host].strange -= 1;
                    self.kill(host, true);
                    self.start(host);
                }
            }
            Kind::Drain(_) | Kind::Stall(_) | Kind::Reset(..) | Kind::Drift { .. } => {}
        }
        self.reshaped = true;
    }

    fn aim(&self, target: Target) -> usize {
        match target {
            Target::Host(host) => host,
            Target::Holder(ball) => self.last.get(ball).map_or(0, |last| last.holder),
            Target::Receiver(ball) => self.last.get(ball).map_or(0, |last| last.receiver),
            Target::Sender(ball) => self.last.get(ball).map_or(0, |last| last.sender),
        }
    }

    fn aim_ways(&mut self, number: usize, ways: &Ways) -> Vec<(usize, usize)> {
        let hosts = self.hosts.len();
        let others = |one: usize| (0..hosts).filter(move |&other| other != one);
        let all: Vec<(usize, usize)> = match *ways {
            Ways::These(ref ways) => ways.clone(),
            Ways::Off(target) => {
                let one = self.aim(target);
                others(one)
                    .flat_map(|other| [(one, other), (other, one)])
                    .collect()
            }
            Ways::Dumb(target) => {
                let one = self.aim(target);
                others(one).map(|other| (one, other)).collect()
            }
            Ways::Deaf(target) => {
                let one = self.aim(target);
                others(one).map(|other| (other, one)).collect()
            }
            Ways::Acknowledgement(ball) => {
                let way = (
                    self.aim(Target::Receiver(ball)),
                    self.aim(Target::Sender(ball)),
                );
                if way.0 == way.1 {
                    Vec::new()
                } else {
                    vec![way]
                }
            }
        };
        self.hit_ways[number].clone_from(&all);
        all
    }

    fn crash(&mut self, number: usize, target: Target, telling: bool) {
        let host = self.aim(target);
        self.hit[number].push(host);
        self.hosts[host].down += 1;
        self.kill(host, telling);
    }

    /// The process is killed, also one that was about to leave.
    pub(crate) fn kill(&mut self, host: usize, telling: bool) {
        self.lose(host, telling, false);
    }

    /// The process ends by itself: it has handed on all it had.
    pub(crate) fn leave(&mut self, host: usize) {
        self.lose(host, true, true);
    }

    /// The process is gone, and with it all it knew; its machine tells the peers or cannot.
    fn lose(&mut self, host: usize, telling: bool, drained: bool) {
        let Some(process) = self.hosts[host].process.take() else {
            return;
        };
        self.trace
            .tell(self.now, Some(host), || "IS GONE".to_owned());
        let lit = process.leds.iter().map(Option::is_some).collect::<Vec<_>>();
        for number in 0..self.net.connections.len() {
            let connection = &self.net.connections[number];
            if connection.hosts.contains(&host) {
                self.close(number, connection.end_of(host), telling);
            }
        }
        self.reshaped = true;
        self.show(&Step::Gone {
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
        self.reshaped = true;
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
            life: process.life,
        }];
        for (connection, wire) in self.net.connections.iter().enumerate() {
            if wire.hosts.contains(&host) && wire.open[wire.end_of(host)] {
                let end = wire.end_of(host);
                events.push(Event::Arrive { connection, end });
                events.push(Event::Silence { connection, end });
            }
        }
        self.random.shuffle(&mut events);
        for event in events {
            self.put(self.now, event);
        }
        for other in host + 1..self.hosts.len() {
            self.dial_soon(host, other);
        }
        self.reshaped = true;
    }

    /// The clock of a machine runs at another rate from now on.
    pub(crate) fn drift(&mut self, host: usize, drift: i64) {
        self.hosts[host].clock.set_drift(self.now, drift);
        if let Some(process) = &mut self.hosts[host].process {
            process.deadline = None;
        }
        self.set_timer(host);
    }

    /// SIGTERM.
    pub(crate) fn drain(&mut self, host: usize) {
        let Some(process) = self.hosts[host].awake_mut() else {
            return;
        };
        if process.draining {
            return;
        }
        process.draining = true;
        self.trace
            .tell(self.now, Some(host), || "is told to leave".to_owned());
        self.show(&Step::Drain { host });
        self.feed(host, Input::Drain);
    }

    /// Takes one cut away.
    pub(crate) fn mend(&mut self, from: usize, to: usize) {
        for (at, connection, end) in self.net.mend(self.now, from, to) {
            self.put(at, Event::Arrive { connection, end });
        }
        self.reshaped = true;
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
