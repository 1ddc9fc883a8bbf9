//! Connections as the real links handle them: dial, hello, silence, reset, close.

use carom::ring::{Hello, Incarnation, Input, Message, NodeId};

use crate::clock::Nanos;
use crate::event_queue::Event;
use crate::network::{Connection, Item};
use crate::wire::Wire;
use crate::world::World;

/// The dialling state of one pair; the host with the lower number dials.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pair {
    due: Option<Nanos>,
    failures: u32,
    latest: Option<usize>,
}

impl World {
    /// Starts dialling between a process that has just started and all others.
    pub(crate) fn dial_everyone(&mut self, host: usize) {
        self.reset_leftovers(host);
        for other in 0..self.hosts.len() {
            if other != host {
                self.dial_soon(host.min(other), host.max(other));
            }
        }
    }

    /// The restarted machine may answer packets of its old connections with a reset.
    fn reset_leftovers(&mut self, host: usize) {
        for number in 0..self.net.connections.len() {
            let connection = &self.net.connections[number];
            if !connection.hosts.contains(&host) {
                continue;
            }
            let end = connection.end_of(host);
            if !connection.open[end] && connection.open[1 - end] && self.random.bool() {
                self.post(number, 1 - end, Item::Closed);
            }
        }
    }

    pub(crate) fn dial_soon(&mut self, from: usize, to: usize) {
        let delay = self.net.delay(from, to);
        self.pair(from, to).failures = 0;
        self.dial_after(from, to, delay);
    }

    fn dial_again(&mut self, from: usize, to: usize) {
        let (lease, max_dial_delay) = (self.plan.lease(), self.plan.profile.max_dial_delay);
        let failures = self.pair(from, to).failures.min(16);
        self.pair(from, to).failures += 1;
        let wait = ((lease / 10) << failures).min(max_dial_delay);
        let wait = self.random.u64(wait / 2..=wait.max(1));
        self.dial_after(from, to, wait);
    }

    fn dial_after(&mut self, from: usize, to: usize, wait: Nanos) {
        let at = self.now + wait;
        let pair = self.pair(from, to);
        if pair.due.is_none_or(|due| at < due) {
            pair.due = Some(at);
            self.schedule(at, Event::Dial { from, to });
        }
    }

    fn pair(&mut self, from: usize, to: usize) -> &mut Pair {
        let hosts = self.hosts.len();
        &mut self.pairs[from * hosts + to]
    }

    pub(crate) fn dial(&mut self, from: usize, to: usize) {
        let now = self.now;
        if self.pair(from, to).due != Some(now) {
            return;
        }
        self.pair(from, to).due = None;
        let Some(process) = self.hosts[from].awake() else {
            return;
        };
        let (lifetime, linked) = (process.lifetime, process.links[to].is_some());
        let hello = self.hello(from);
        let latest = self.pair(from, to).latest;
        let trying = latest.is_some_and(|latest| {
            let connection = &self.net.connections[latest];
            connection.open[0] && connection.lifetimes[0] == lifetime
        });
        if linked || trying {
            if !self.plan.topology.has_far_peers() {
                return;
            }
            if linked {
                self.dial_back(from, to);
            } else {
                // The hello that comes may be that of a process which has ended.
                self.dial_again(from, to);
            }
            return;
        }
        let Some(other) = self.hosts[to]
            .process
            .as_ref()
            .map(|process| process.lifetime)
        else {
            self.dial_again(from, to);
            return;
        };
        if !self.net.is_whole(from, to) {
            self.dial_again(from, to);
            return;
        }
        let number = self.net.connections.len();
        self.net.connections.push(Connection {
            hosts: [from, to],
            lifetimes: [lifetime, other],
            open: [true; 2],
            linked: [false; 2],
            heard: [now; 2],
            unanswered: [0; 2],
            asked_at: [0; 2],
            wire: Wire::new(self.plan.seed, number),
            towards: Default::default(),
        });
        self.pair(from, to).latest = Some(number);
        let shake = self.net.delay(from, to) + self.net.delay(to, from);
        if let Some(hello) = hello
            && let Some(at) = self.net.send(now + shake, number, 1, Item::Hello(hello))
        {
            self.schedule(
                at,
                Event::Arrive {
                    connection: number,
                    end: 1,
                },
            );
        }
        self.watch(number, 0);
    }

    /// The host with the higher number dials, too, if it is not connected and the other one thinks it is. Only in a ring with
    /// far peers that can last for long.
    fn dial_back(&mut self, host: usize, dials: usize) {
        let linked = |host: usize, peer: usize| {
            let process = self.hosts[host].process.as_ref();
            process.map(|process| process.links[peer])
        };
        let (Some(Some(old)), Some(None)) = (linked(host, dials), linked(dials, host)) else {
            return;
        };
        let is_reached = self.hosts[dials].awake().is_some() && self.net.is_whole(host, dials);
        let end = self.net.connections[old].end_of(host);
        if is_reached && self.is_silent(old, end) {
            self.close(old, end, true);
            return;
        }
        if is_reached {
            let peer = NodeId(dials as u16);
            self.handle(host, Input::Contested { peer });
            let lifetime = self.hosts[dials].awake().map(|process| process.lifetime);
            if lifetime != Some(self.net.connections[old].lifetimes[1 - end]) {
                self.handle(dials, Input::Duplicate);
            }
        }
        self.dial_again(host, dials);
    }

    fn hello(&self, host: usize) -> Option<Hello> {
        let process = self.hosts[host].process.as_ref()?;
        Some(Hello {
            version: carom::ring::message::VERSION,
            ring: process.topology.ring.clone(),
            node: process.topology.name(NodeId(host as u16)).to_owned(),
            incarnation: process.incarnation,
            topology: process.fingerprint.to_string(),
            continues: false,
            obituary: None,
        })
    }

    /// Sends an item to this end of the connection.
    pub(crate) fn post(&mut self, connection: usize, end: usize, item: Item) {
        if let Some(at) = self.net.send(self.now, connection, end, item) {
            self.schedule(at, Event::Arrive { connection, end });
        }
    }

    pub(crate) fn arrive(&mut self, connection: usize, end: usize) {
        let host = self.net.connections[connection].hosts[end];
        // One at a time, so that checkers see every step; a stopped process reads when it is resumed.
        while self.hosts[host].awake().is_some() && self.net.connections[connection].open[end] {
            let Some(item) = self.net.receive(self.now, connection, end) else {
                return;
            };
            self.net.connections[connection].heard[end] = self.now;
            self.net.connections[connection].unanswered[end] = 0;
            let peer = self.net.connections[connection].hosts[1 - end];
            match item {
                Item::Hello(hello) => self.introduce(connection, end, &hello),
                Item::Refused { duplicate } => {
                    if duplicate {
                        self.trace.add(self.now, Some(host), || {
                            format!("is a duplicate to pi{}", peer + 1)
                        });
                        self.handle(host, Input::Duplicate);
                    }
                }
                Item::Line(message, bytes) => {
                    let message = self.net.connections[connection].read(end, message, &bytes);
                    self.receive_message(host, peer, message);
                }
                Item::Closed => self.close(connection, end, false),
            }
        }
    }

    fn introduce(&mut self, connection: usize, end: usize, hello: &Hello) {
        let host = self.net.connections[connection].hosts[end];
        let peer = self.net.connections[connection].hosts[1 - end];
        let Some(process) = self.hosts[host].awake() else {
            return;
        };
        let own = self.hello(host);
        let introduced = own.map(|own| hello.introduce(&own, &process.topology));
        if !matches!(introduced, Some(Ok(_))) {
            self.post(connection, 1 - end, Item::Refused { duplicate: false });
            self.close(connection, end, true);
            return;
        }
        if let Some(old) = process.links[peer].filter(|&old| old != connection) {
            let wire = &self.net.connections[old];
            let old_end = wire.end_of(host);
            let alive = !self.is_silent(old, old_end);
            let same =
                wire.lifetimes[1 - old_end] == self.net.connections[connection].lifetimes[1 - end];
            if alive && !same {
                // Another process of that name was heard a moment ago, so one of them is a duplicate.
                self.post(connection, 1 - end, Item::Refused { duplicate: true });
                self.close(connection, end, true);
                let peer = NodeId(peer as u16);
                self.handle(host, Input::Contested { peer });
                return;
            }
            self.close(old, old_end, true);
        }
        self.link(connection, end, hello.incarnation);
    }

    fn link(&mut self, connection: usize, end: usize, incarnation: Incarnation) {
        let host = self.net.connections[connection].hosts[end];
        let peer = self.net.connections[connection].hosts[1 - end];
        if end == 1
            && let Some(hello) = self.hello(host)
        {
            self.post(connection, 0, Item::Hello(hello));
            self.watch(connection, 1);
        } else {
            self.pair(host, peer).failures = 0;
        }
        self.net.connections[connection].linked[end] = true;
        if let Some(process) = self.hosts[host].awake_mut() {
            process.links[peer] = Some(connection);
        }
        self.links_changed = true;
        self.trace.add(self.now, Some(host), || {
            format!("link to pi{} up", peer + 1)
        });
        let peer = NodeId(peer as u16);
        self.handle(host, Input::LinkUp { peer, incarnation });
    }

    /// One end closes the connection; the other end is notified unless the machine has died.
    pub(crate) fn close(&mut self, connection: usize, end: usize, notify_peer: bool) {
        let wire = &mut self.net.connections[connection];
        if !wire.open[end] {
            return;
        }
        wire.open[end] = false;
        let (host, peer, lifetime) = (wire.hosts[end], wire.hosts[1 - end], wire.lifetimes[end]);
        let unread = std::mem::take(&mut wire.towards[end]);
        self.deliver_strays(connection, end, unread);
        if self.net.connections[connection].open[1 - end] {
            // A reset may discard what the other end has not read yet; an orderly close does not.
            let travelling = self.net.connections[connection].towards[1 - end].len();
            let kept = if self.random.bool() {
                travelling
            } else {
                self.random.usize(0..=travelling)
            };
            let lost = self.net.connections[connection].towards[1 - end].split_off(kept);
            self.deliver_strays(connection, 1 - end, lost);
            if notify_peer {
                self.post(connection, 1 - end, Item::Closed);
            }
        }
        self.links_changed = true;
        let Some(process) = self.hosts[host]
            .process
            .as_mut()
            .filter(|process| process.lifetime == lifetime)
        else {
            return;
        };
        if process.links[peer] == Some(connection) {
            process.links[peer] = None;
            self.trace.add(self.now, Some(host), || {
                format!("link to pi{} down", peer + 1)
            });
            let peer = NodeId(peer as u16);
            self.handle(host, Input::LinkDown { peer });
        }
        if end == 0 {
            self.dial_again(host, peer);
        } else if self.plan.topology.has_far_peers() {
            self.dial_again(peer, host);
        }
    }

    /// Some messages that are lost with a connection arrive after all, perhaps after a reconnect.
    fn deliver_strays(
        &mut self,
        connection: usize,
        end: usize,
        lost: impl IntoIterator<Item = (Nanos, Item)>,
    ) {
        let permille = self.plan.profile.stray_permille;
        for (_, item) in lost {
            if let Item::Line(message, _) = item
                && permille > 0
                && self.random.u32(0..1_000) < permille
            {
                self.schedule_stray(connection, end, &message);
            }
        }
    }

    /// Some messages arrive twice.
    pub(crate) fn repeat(&mut self, connection: usize, end: usize, message: &Message) {
        let permille = self.plan.profile.duplicate_permille;
        if permille > 0 && self.random.u32(0..1_000) < permille {
            self.schedule_stray(connection, end, message);
        }
    }

    fn schedule_stray(&mut self, connection: usize, end: usize, message: &Message) {
        let ordered = matches!(message, Message::Leaving | Message::LeaveAck);
        let wire = &self.net.connections[connection];
        let (host, from) = (wire.hosts[end], wire.hosts[1 - end]);
        // A line reaches only the process to whose connection it was written.
        let (lifetime, sender) = (wire.lifetimes[end], wire.lifetimes[1 - end]);
        if self.hosts[host].process.is_none() {
            return;
        }
        // The meaning of these two depends on the order of messages within one connection.
        if !ordered && !self.net.faults_ended {
            let later = crate::plan::log_uniform(&mut self.random, 1_000, self.plan.lease() * 2);
            let due = self.now + later;
            self.net.disturbed_until = self.net.disturbed_until.max(due);
            let message = Box::new(message.clone());
            self.schedule(
                due,
                Event::Stray {
                    host,
                    lifetime,
                    from,
                    sender,
                    message,
                },
            );
        }
    }

    /// Whether the line still reaches that process: it does not read a line of a peer's process once it is connected
    /// to a later one (`src/net/link_set.rs`).
    pub(crate) fn reads_stray(&self, host: usize, lifetime: u64, from: usize, sender: u64) -> bool {
        self.hosts[host].awake().is_some_and(|process| {
            let current = process.links[from].map(|link| &self.net.connections[link]);
            process.lifetime == lifetime
                && current.is_none_or(|link| link.lifetimes[1 - link.end_of(host)] == sender)
        })
    }
}
