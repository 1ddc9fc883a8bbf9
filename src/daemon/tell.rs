//! What a node tells of itself: the answer to a question, and what has changed to those who follow.

use std::rc::Rc;
use std::time::Duration;

use super::Daemon;
use crate::clock;
use crate::http::{DaemonStatus, Query, ReturnStatus, Status};
use crate::ring::{BallId, NodeId, Time};

impl Daemon {
    pub(super) fn note_return(&mut self, ball: BallId, from: NodeId, away: Duration) {
        self.meters.observe_return(away);
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
        let surroundings = DaemonStatus {
            http_endpoints: Rc::clone(&self.http_endpoints),
            last_return,
            led: self.lights.status(),
            reconnects: counters.reconnects,
            bad_lines: counters.bad_lines,
            refused_balls: self.windows.refused(),
            stalls: self.stalls.count(),
            longest_stall: self.stalls.longest(),
        };
        Status::new(&self.topology, &self.node.view(), surroundings)
    }

    /// Tells what has changed to those who follow, if any do and it is time.
    pub(super) fn tell(&mut self, now: Time) {
        let urgent = std::mem::take(&mut self.urgent);
        if self.feed.is_due(now, urgent) {
            self.feed.publish(now, self.status(now));
        }
    }

    /// Tells the service manager what it is to know after this turn.
    pub(super) fn report(&mut self, now: Time) {
        self.service.progress(now);
        if self.service.wants_status(now) {
            let balls: Vec<_> = self.node.ball_views().collect();
            self.service.status(now, &self.topology, &balls);
        }
    }

    pub(super) fn answer(&mut self, now: Time, query: Query) {
        let status = self.status(now);
        match query {
            Query::Subscribe(subscriber) => self.feed.subscribe(now, subscriber, status),
            Query::Status(asker) => {
                // Fails only if the asker has gone.
                let _ = asker.try_send(status);
            }
        }
    }
}
