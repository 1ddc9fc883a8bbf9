//! The feed on a ring of one node, on a simulated clock.

use std::rc::Rc;
use std::sync::Arc;

use smol::channel::{Receiver, bounded};

use super::*;
use crate::http::status::DaemonStatus;
use crate::ring::test_topology::{BALL, ring_with_ball};
use crate::ring::{BallState, Incarnation, Input, Node, NodeId, Topology};

/// A ring of one node, whose ball crosses the screen in a second and bounces off both walls.
fn topology() -> Arc<Topology> {
    let velocity = [800.0, 130.0];
    Arc::new(ring_with_ball(1, BallState { velocity, ..BALL }))
}

struct Fixture {
    topology: Arc<Topology>,
    node: Node,
    feed: Feed,
    now: Time,
}

fn millis(millis: u64) -> Time {
    Time::from_micros(millis * 1000)
}

impl Fixture {
    /// A second after the start, with the ball moving.
    fn new() -> Self {
        let topology = topology();
        let start = millis(0);
        let node = Node::new(Arc::clone(&topology), NodeId(0), Incarnation(7), start);
        let feed = Feed::new("7".to_owned(), start);
        let mut fixture = Self {
            topology,
            node,
            feed,
            now: start,
        };
        fixture.run(millis(1_000));
        fixture
    }

    fn status(&self) -> Status {
        let daemon = DaemonStatus {
            http_endpoints: Rc::new([]),
            ..DaemonStatus::default()
        };
        Status::new(&self.topology, &self.node.view(), daemon)
    }

    /// As the daemon's loop does it.
    fn run(&mut self, until: Time) {
        loop {
            let deadlines = self
                .node
                .next_deadline()
                .into_iter()
                .chain(self.feed.next_deadline());
            let Some(next) = deadlines.min().filter(|next| *next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            self.node.handle(self.now, Input::Tick);
            if self.feed.is_due(self.now, false) {
                self.feed.publish(self.now, self.status());
            }
        }
        self.now = until;
    }

    fn subscribe(&mut self, last: Option<&str>, room: usize) -> (Receiver<Bytes>, Receiver<()>) {
        let (pieces, received) = bounded(room);
        let (close, closed) = bounded(1);
        let last = last.and_then(EventId::parse);
        let subscriber = Subscriber {
            last,
            pieces,
            close,
        };
        self.node.handle(self.now, Input::Tick);
        self.feed.subscribe(self.now, subscriber, self.status());
        (received, closed)
    }
}

/// All that was received, as text.
fn text(received: &Receiver<Bytes>) -> String {
    let mut text = String::new();
    while let Ok(piece) = received.try_recv() {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    text
}

fn ids(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect()
}

#[test]
fn nothing_is_computed_or_due_without_subscribers() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.feed.next_deadline(), None);
    assert!(!fixture.feed.is_due(fixture.now, true));
    let (received, _closed) = fixture.subscribe(None, 8);
    assert!(fixture.feed.next_deadline().is_some());
    drop(received);
    // The next heartbeat finds no subscriber; ten seconds later none has reconnected.
    fixture.run(fixture.now + Duration::from_secs(3));
    let end = fixture.feed.next_deadline().unwrap();
    assert!(end > fixture.now + Duration::from_secs(5), "to be resumed");
    fixture.run(fixture.now + Duration::from_secs(11));
    assert!(!fixture.feed.is_due(fixture.now, true));
    assert_eq!(fixture.feed.next_deadline(), None);
    assert!(fixture.feed.published.is_none() && fixture.feed.remembered.is_empty());
}

#[test]
fn a_flight_is_published_once_and_a_bounce_when_it_happens() {
    let mut fixture = Fixture::new();
    let (received, _closed) = fixture.subscribe(None, 64);
    let first = text(&received);
    assert!(
        first.starts_with("retry: 1000\nid: 7-0\nevent: state\ndata: {"),
        "{first}"
    );
    fixture.run(fixture.now + Duration::from_millis(3_900));
    let later = text(&received);
    let balls = later.matches("event: ball").count();
    // It crosses in a second: three or four bounces, and no event in between.
    assert!((3..=4).contains(&balls), "{later}");
    assert_eq!(later.matches("event: beat").count(), 1, "{later}");
    assert_eq!(ids(&later).len(), balls);
}

#[test]
fn a_subscriber_that_reconnects_gets_the_events_it_missed_and_their_ages() {
    let mut fixture = Fixture::new();
    let (received, _closed) = fixture.subscribe(None, 64);
    fixture.run(fixture.now + Duration::from_millis(1_500));
    let before = text(&received);
    let last = *ids(&before).last().unwrap();
    drop(received);
    fixture.run(fixture.now + Duration::from_millis(2_300));
    let (received, _closed) = fixture.subscribe(Some(last), 64);
    let missed = text(&received);
    assert!(!missed.contains("event: state"), "{missed}");
    let number = |id: &str| id.strip_prefix("7-").unwrap().parse::<u64>().unwrap();
    let next = number(last) + 1;
    let received_ids: Vec<u64> = ids(&missed).into_iter().map(number).collect();
    assert_eq!(
        received_ids,
        (next..next + received_ids.len() as u64).collect::<Vec<_>>()
    );
    assert!(received_ids.len() >= 2, "{missed}");
    let ages = missed.lines().filter_map(|line| {
        let data: serde_json::Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        data["age_seconds"].as_f64()
    });
    let ages: Vec<f64> = ages.collect();
    assert!(ages.windows(2).all(|pair| pair[0] > pair[1]), "{ages:?}");
    assert!(ages[0] > 1.0 && ages[0] < 2.4, "{ages:?}");
}

#[test]
fn a_stream_that_cannot_be_resumed_begins_with_the_state() {
    for last in ["8-0", "7-99", "7", "", "-", "7-x", "7-18446744073709551615"] {
        let mut fixture = Fixture::new();
        let (_received, _closed) = fixture.subscribe(None, 64);
        let (received, _closed) = fixture.subscribe(Some(last), 64);
        assert!(text(&received).contains("event: state"), "{last}");
    }
    // After a long time without subscribers, a continued number would hide what happened meanwhile.
    let mut fixture = Fixture::new();
    let (received, _closed) = fixture.subscribe(None, 64);
    drop(received);
    fixture.run(fixture.now + Duration::from_secs(30));
    fixture.feed.is_due(fixture.now, false);
    let (received, _closed) = fixture.subscribe(Some("7-0"), 64);
    assert!(text(&received).contains("event: state"));
}

#[test]
fn a_subscriber_that_does_not_read_is_closed_and_no_other_is_affected() {
    let mut fixture = Fixture::new();
    let (slow, closed) = fixture.subscribe(None, 2);
    let (quick, not_closed) = fixture.subscribe(None, 64);
    fixture.run(fixture.now + Duration::from_secs(6));
    assert!(closed.try_recv().is_ok() && not_closed.try_recv().is_err());
    assert_eq!(slow.len(), 2);
    assert_eq!(fixture.feed.subscribers.len(), 1);
    assert!(text(&quick).matches("event: ball").count() >= 5);
}

#[test]
fn subscribers_and_remembered_events_are_bounded() {
    let mut fixture = Fixture::new();
    let all: Vec<_> = (0..MOST_SUBSCRIBERS + 5)
        .map(|_| fixture.subscribe(None, 4_096))
        .collect();
    assert_eq!(fixture.feed.subscribers.len(), MOST_SUBSCRIBERS);
    fixture.run(fixture.now + Duration::from_secs(400));
    assert_eq!(fixture.feed.remembered.len(), MOST_REMEMBERED);
    drop(all);
}

/// A deadline in the past would keep the services from waiting.
#[test]
fn the_deadline_is_ahead_after_every_check() {
    let mut fixture = Fixture::new();
    let _follower = fixture.subscribe(None, 8);
    // Published just before the heartbeat is due.
    fixture.now = fixture.now + (HEARTBEAT_INTERVAL - CHECK_INTERVAL / 2);
    fixture.feed.publish(fixture.now, fixture.status());
    let heartbeat = fixture.now + CHECK_INTERVAL / 2;
    assert!(!fixture.feed.is_due(heartbeat, false));
    let next = fixture.feed.next_deadline().unwrap();
    assert!(next > heartbeat && fixture.feed.is_due(next, false));
}
