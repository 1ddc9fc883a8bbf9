//! What the node reports about itself: over HTTP, to those who follow its events, and to the
//! service manager.

use std::rc::Rc;
use std::time::Duration;

use super::Daemon;
use crate::clock;
use crate::http::{DaemonStatus, Query, ReturnStatus, Status};
use crate::ring::{BallId, NodeId, Time};

impl Daemon {
    /// Records that this node took a ball over: `from` had it before, and was last heard of `away` ago.
    pub(super) fn record_return(&mut self, ball: BallId, from: NodeId, away: Duration) {
        self.metrics.observe_return(away);
        let name = |node| self.topology.name(node).to_owned();
        let last_return = ReturnStatus {
            ball: ball.0,
            from: name(from),
            to: name(self.me),
            away_ms: away.as_secs_f64() * 1e3,
            age_seconds: 0.0,
        };
        self.last_return = Some((clock::now(), last_return));
    }

    /// What this node knows now.
    pub(super) fn status(&self, now: Time) -> Status {
        let counters = self.links.counters();
        let last_return = self.last_return.clone().map(|(at, last)| ReturnStatus {
            age_seconds: now.since(at).as_secs_f64(),
            ..last
        });
        let daemon = DaemonStatus {
            http_endpoints: Rc::clone(&self.http_endpoints),
            last_return,
            key: self.key.map(|key| key.status(&self.links)),
            led: self.leds.status(),
            reconnects: counters.reconnects,
            bad_lines: counters.bad_lines,
            refused_balls: self.windows.refused(),
            stalls: self.delay.count(),
            longest_stall: self.delay.longest(),
        };
        Status::new(&self.topology, &self.node.view(), daemon)
    }

    /// Sends what has changed to those who follow the events, if any do and it is time.
    pub(super) fn publish_changes(&mut self, now: Time) {
        let led_changed = std::mem::take(&mut self.led_changed);
        if self.feed.is_due(now, led_changed) {
            self.feed.publish(now, self.status(now));
        }
    }

    /// Pings the service manager's watchdog and sends it the status text, when they are due.
    pub(super) fn report_to_service_manager(&mut self, now: Time) {
        self.service.on_loop_turn(now);
        if self.service.is_status_due(now) {
            let balls: Vec<_> = self.node.ball_views().collect();
            self.service.send_status(now, &self.topology, &balls);
        }
    }

    /// Answers a request of the HTTP server.
    pub(super) fn answer_http(&mut self, now: Time, query: Query) {
        let status = self.status(now);
        match query {
            Query::Subscribe(subscriber) => self.feed.subscribe(now, subscriber, status),
            Query::Status(requester) => {
                // Fails only if the client has gone.
                let _ = requester.try_send(status);
            }
        }
    }
}
