//! Links that have been silent for too long are closed, as the real links close them.

use carom::ring::peers::SILENT_HEARTBEATS;

use crate::clock::Nanos;
use crate::event_queue::Event;
use crate::world::World;

impl World {
    /// How long a link may be silent before it is closed.
    pub(crate) fn silence_span(&self) -> Nanos {
        self.heartbeat() * u64::from(SILENT_HEARTBEATS)
    }

    pub(crate) fn watch(&mut self, connection: usize, end: usize) {
        let has_wire = self.net.connections[connection].wire.is_some();
        let at = if has_wire {
            self.now + self.heartbeat()
        } else {
            self.now + self.silence_span()
        };
        self.schedule(at, Event::CheckSilence { connection, end });
    }

    pub(crate) fn check_silence(&mut self, connection: usize, end: usize) {
        let wire = &self.net.connections[connection];
        let awake = self.hosts[wire.hosts[end]].awake().is_some();
        if !wire.open[end] || !awake {
            return;
        }
        if wire.wire.is_some() {
            self.count_heartbeat(connection, end);
            return;
        }
        let until = wire.heard[end] + self.silence_span();
        if self.is_silent(connection, end) {
            self.close(connection, end, true);
        } else if self.all_near(connection, end) {
            self.schedule(until, Event::CheckSilence { connection, end });
        }
        // A far peer that was asked nothing may be silent: its link is looked at when enough heartbeats were sent in vain.
    }

    /// This end sends a heartbeat.
    pub(crate) fn on_heartbeat_sent(&mut self, connection: usize, end: usize) {
        let (now, interval) = (self.now, self.plan.lease() / 5);
        let wire = &mut self.net.connections[connection];
        wire.count_heartbeat(end, now, interval);
        let is_in_vain = wire.wire.is_none() && wire.unanswered[end] >= SILENT_HEARTBEATS;
        let heard = wire.heard[end];
        if is_in_vain && !self.all_near(connection, end) {
            let until = heard + self.silence_span();
            let at = until.max(now + self.heartbeat());
            self.schedule(at, Event::CheckSilence { connection, end });
        }
    }

    /// Whether every heartbeat interval counts: those before the hello is answered do.
    fn all_near(&self, connection: usize, end: usize) -> bool {
        !self.plan.topology.has_far_peers() || !self.net.connections[connection].linked[end]
    }

    /// Whether the peer at the other end has been silent for as long as a link is kept.
    pub(crate) fn is_silent(&self, connection: usize, end: usize) -> bool {
        let wire = &self.net.connections[connection];
        if let Some(wire) = &wire.wire {
            return !wire.is_alive(end);
        }
        let all_near = self.all_near(connection, end);
        self.now >= wire.heard[end] + self.silence_span()
            && (all_near || wire.unanswered[end] >= SILENT_HEARTBEATS)
    }

    /// The daemon counts silence in its own heartbeats.
    fn count_heartbeat(&mut self, connection: usize, end: usize) {
        let (now, interval) = (self.now, self.heartbeat());
        let all_near = self.all_near(connection, end);
        let wire = self.net.connections[connection].wire.as_mut();
        match wire.and_then(|wire| wire.heartbeat(end, now, interval, all_near)) {
            Some(true) => self.close(connection, end, true),
            Some(false) => self.schedule(now + interval, Event::CheckSilence { connection, end }),
            // Another event is under way for it.
            None => {}
        }
    }

    fn heartbeat(&self) -> Nanos {
        self.plan.lease() / 4
    }
}
