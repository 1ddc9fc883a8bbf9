//! What a node tells of itself: the answer to a question, and what has changed to those who follow.

use std::rc::Rc;
use std::time::Duration;

use super::Daemon;
use crate::clock;
use crate::http::{Ask, ReturnStatus, Status, Surroundings};
use crate::ring::{BallId, NodeId, Time};

impl Daemon {
    pub(super) fn record_return(&mut self, ball: BallId, from: NodeId, away: Duration) {
        self.metrics.relit(away);
        let name = |node| self.topology.name(node).to_owned();
        let back = ReturnStatus {
            ball: ball.0,
            from: name(from),
            to: name(self.me),
            away_ms: away.as_secs_f64() * 1e3,
            age_seconds: 0.0,
        };
        self.returned = Some((clock::now(), back));
    }

    /// What this node knows now.
    pub(super) fn status(&self, now: Time) -> Status {
        let counters = self.links.counters();
        let last_return = self.returned.clone().map(|(at, back)| ReturnStatus {
            age_seconds: now.since(at).as_secs_f64(),
            ..back
        });
        let surroundings = Surroundings {
            http_endpoints: Rc::clone(&self.http_endpoints),
            last_return,
            led: self.leds.status(),
            reconnects: counters.reconnects,
            bad_lines: counters.bad_lines,
            refused_balls: self.windows.refused(),
            stalls: self.delays.count(),
            longest_stall: self.delays.longest(),
        };
        Status::new(&self.topology, &self.node.view(), surroundings)
    }

    /// Tells what has changed to those who follow, if any do and it is time.
    pub(super) fn publish_changes(&mut self, now: Time) {
        let urgent = std::mem::take(&mut self.urgent);
        if self.feed.wants(now, urgent) {
            self.feed.tell(now, self.status(now));
        }
    }

    /// Tells the service manager what it is to know after this turn.
    pub(super) fn report_to_service_manager(&mut self, now: Time) {
        self.service.on_loop_turn(now);
        if self.service.is_status_due(now) {
            let balls: Vec<_> = self.node.ball_views().collect();
            self.service.send_status(now, &self.topology, &balls);
        }
    }

    pub(super) fn answer_http(&mut self, now: Time, request: Ask) {
        let status = self.status(now);
        match request {
            Ask::Follow(follower) => self.feed.admit(now, follower, status),
            Ask::Status(asker) => {
                // Fails only if the asker has gone.
                let _ = asker.try_send(status);
            }
        }
    }
}
