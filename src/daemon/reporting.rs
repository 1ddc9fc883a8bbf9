//! What the node reports about itself over HTTP, to those who follow its events, and at the control socket.

use std::rc::Rc;
use std::time::Duration;

use super::Daemon;
use super::control_request;
use super::ring_thread::{Answer, Snapshot, Wanted};
use super::waiting::Waiter;
use crate::clock;
use crate::http::{DaemonStatus, DuplicateStatus, Query, ReturnStatus, ReturnedBy, Status};
use crate::net::Duplicate;
use crate::ring::{BallId, NodeId};

fn duplicate_status(duplicate: Duplicate) -> DuplicateStatus {
    match duplicate {
        Duplicate::Told(sentence) => DuplicateStatus {
            told: Some(sentence),
            ..DuplicateStatus::default()
        },
        Duplicate::Refused { connected, refused } => DuplicateStatus {
            connected: Some(connected.to_string()),
            refused: Some(refused.to_string()),
            told: None,
        },
    }
}

impl Daemon {
    /// Records that this node took a ball over: `from` had it before, and was last heard of `away` ago. The end of its
    /// process has been known for `death`, if that freed the ball.
    pub(super) fn record_return(
        &mut self,
        ball: BallId,
        from: NodeId,
        away: Duration,
        death: Option<Duration>,
    ) {
        self.metrics.observe_return(away);
        let name = |node| self.topology.name(node).to_owned();
        let last_return = ReturnStatus {
            ball: ball.0,
            from: name(from),
            to: name(self.me),
            away_ms: away.as_secs_f64() * 1e3,
            age_seconds: 0.0,
            by: death.map_or(ReturnedBy::Lease, |_| ReturnedBy::Obituary),
            after_ms: death.unwrap_or(away).as_secs_f64() * 1e3,
        };
        self.last_return = Some((clock::now(), last_return));
    }

    /// What this node knew at the moment of the snapshot.
    fn status(&self, snapshot: &Snapshot) -> Status {
        let counters = self.links.counters();
        let last_return = self.last_return.clone().map(|(at, last)| ReturnStatus {
            age_seconds: snapshot.now.since(at).as_secs_f64(),
            ..last
        });
        let duplicates = self.topology.node_ids();
        let duplicates = duplicates.map(|node| self.links.duplicate(node).map(duplicate_status));
        let daemon = DaemonStatus {
            duplicates: duplicates.collect(),
            http_endpoints: Rc::clone(&self.http_endpoints),
            last_return,
            key: self.key.map(|key| key.status(&self.links)),
            led: snapshot.led.clone(),
            reconnects: counters.reconnects,
            bad_lines: counters.bad_lines,
            obituaries: counters.obituaries,
            refused_balls: self.windows.refused(),
            stalls: snapshot.stalls,
            longest_stall: snapshot.longest_stall,
        };
        Status::new(&self.topology, &snapshot.view, daemon)
    }

    /// Asks for what has changed, if anybody follows the events and it is time.
    pub(super) fn publish_changes(&mut self) {
        if !self.feed.is_followed() {
            self.ball_moved = false;
            return;
        }
        if self.waiting.has_feed() {
            return;
        }
        let now = clock::now();
        let (changed, ball_moved) = self.ring.take_changes();
        let awaited = self.feed.next_deadline().is_some_and(|due| due <= now);
        if !changed && !awaited {
            return;
        }
        self.ball_moved |= ball_moved;
        if self.feed.is_due(now, ball_moved) {
            self.ball_moved = false;
            self.ask(Waiter::Feed);
        }
    }

    /// The changes that the followers of the events want to know at once. So the services wake up a bounded number of
    /// times a second, however fast the balls fly.
    pub(super) fn wanted(&self) -> Wanted {
        if !self.feed.is_followed() {
            Wanted::Nothing
        } else if self.waiting.has_feed() || self.ball_moved {
            Wanted::Notes
        } else if self.feed.is_pending() {
            Wanted::BallMoves
        } else {
            Wanted::Everything
        }
    }

    /// Hands a snapshot to whoever waits for it.
    pub(super) fn on_snapshot(&mut self, number: u64, snapshot: &Snapshot) {
        let status = self.status(snapshot);
        match self.waiting.take(number) {
            Some(Waiter::Feed) => self.feed.publish(snapshot.now, status),
            Some(Waiter::Http(Query::Subscribe(subscriber))) => {
                self.feed.subscribe(snapshot.now, subscriber, status);
            }
            Some(Waiter::Http(Query::Status(requester))) => {
                // Fails only if the client has gone.
                let _ = requester.try_send(status);
            }
            Some(Waiter::Control(_)) | None => {}
        }
    }

    /// Replies to a request at the control socket.
    pub(super) fn on_answer(&mut self, number: u64, answer: &Answer) {
        let Some(Waiter::Control(control)) = self.waiting.take(number) else {
            return;
        };
        let balls = || self.status(&answer.snapshot).balls;
        let reply = control_request::reply(answer, balls);
        // Fails only if the client has gone.
        let _ = control.reply.try_send(reply);
    }
}
