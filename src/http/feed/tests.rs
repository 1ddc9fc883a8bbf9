//! The feed on a ring of one, with a clock of its own.

use std::rc::Rc;
use std::sync::Arc;

use smol::channel::{Receiver, bounded};

use super::*;
use crate::http::status::Surroundings;
use crate::ring::{BallState, Incarnation, InitialBall, Input, Node, NodeId, Topology};

/// A ring of one, whose ball flies from wall to wall: it bounces a second after the start.
fn topology() -> Arc<Topology> {
    let state = BallState {
        position: [0.0, 300.0],
        velocity: [800.0, 130.0],
        radius: 30.0,
        color: [255, 64, 0],
    };
    let start = NodeId(0);
    Arc::new(Topology {
        ring: "one".to_owned(),
        nodes: vec!["n1".to_owned()],
        balls: vec![InitialBall { start, state }],
        ..Topology::default()
    })
}

struct Stage {
    topology: Arc<Topology>,
    node: Node,
    feed: Feed,
    now: Time,
}

fn millis(millis: u64) -> Time {
    Time::from_micros(millis * 1000)
}

impl Stage {
    /// Its ball is up and flying.
    fn set() -> Self {
        let topology = topology();
        let start = millis(0);
        let node = Node::new(Arc::clone(&topology), NodeId(0), Incarnation(7), start);
        let feed = Feed::new("7".to_owned(), start);
        let mut stage = Self {
            topology,
            node,
            feed,
            now: start,
        };
        stage.run(millis(1_000));
        stage
    }

    fn status(&self) -> Status {
        let surroundings = Surroundings {
            http_endpoints: Rc::new([]),
            ..Surroundings::default()
        };
        Status::new(&self.topology, &self.node.view(), surroundings)
    }

    /// As the daemon's loop does it.
    fn run(&mut self, until: Time) {
        loop {
            let deadlines = self.node.next_deadline().into_iter().chain(self.feed.due());
            let Some(next) = deadlines.min().filter(|next| *next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            self.node.handle(self.now, Input::Tick);
            if self.feed.wants(self.now, false) {
                self.feed.tell(self.now, self.status());
            }
        }
        self.now = until;
    }

    fn follow(&mut self, last: Option<&str>, room: usize) -> (Receiver<Bytes>, Receiver<()>) {
        let (pieces, told) = bounded(room);
        let (cut, cut_off) = bounded(1);
        let last = last.and_then(EventId::parse);
        let follower = Follower { last, pieces, cut };
        self.node.handle(self.now, Input::Tick);
        self.feed.admit(self.now, follower, self.status());
        (told, cut_off)
    }
}

/// All that was told, as text.
fn text(told: &Receiver<Bytes>) -> String {
    let mut text = String::new();
    while let Ok(piece) = told.try_recv() {
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
fn nothing_is_reckoned_or_due_while_nobody_follows() {
    let mut stage = Stage::set();
    assert_eq!(stage.feed.due(), None);
    assert!(!stage.feed.wants(stage.now, true));
    let (told, _cut) = stage.follow(None, 8);
    assert!(stage.feed.due().is_some());
    drop(told);
    // The next sign of life finds nobody; ten seconds later nobody has come back.
    stage.run(stage.now + Duration::from_secs(3));
    assert_eq!(stage.feed.due(), None);
    stage.run(stage.now + Duration::from_secs(11));
    assert!(!stage.feed.wants(stage.now, true));
    assert!(stage.feed.told.is_none() && stage.feed.remembered.is_empty());
}

#[test]
fn a_flight_is_told_once_and_a_bounce_when_it_happens() {
    let mut stage = Stage::set();
    let (told, _cut) = stage.follow(None, 64);
    let first = text(&told);
    assert!(
        first.starts_with("retry: 1000\nid: 7-0\nevent: state\ndata: {"),
        "{first}"
    );
    stage.run(stage.now + Duration::from_millis(3_900));
    let later = text(&told);
    let balls = later.matches("event: ball").count();
    // It crosses in a second: three or four bounces, and not a word in between.
    assert!((3..=4).contains(&balls), "{later}");
    assert_eq!(later.matches("event: beat").count(), 1, "{later}");
    assert_eq!(ids(&later).len(), balls);
}

#[test]
fn who_comes_back_is_told_what_it_missed_and_how_old_that_is() {
    let mut stage = Stage::set();
    let (told, _cut) = stage.follow(None, 64);
    stage.run(stage.now + Duration::from_millis(1_500));
    let before = text(&told);
    let last = *ids(&before).last().unwrap();
    drop(told);
    stage.run(stage.now + Duration::from_millis(2_300));
    let (told, _cut) = stage.follow(Some(last), 64);
    let missed = text(&told);
    assert!(!missed.contains("event: state"), "{missed}");
    let number = |id: &str| id.strip_prefix("7-").unwrap().parse::<u64>().unwrap();
    let next = number(last) + 1;
    let told_ids: Vec<u64> = ids(&missed).into_iter().map(number).collect();
    assert_eq!(
        told_ids,
        (next..next + told_ids.len() as u64).collect::<Vec<_>>()
    );
    assert!(told_ids.len() >= 2, "{missed}");
    let ages = missed.lines().filter_map(|line| {
        let data: serde_json::Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        data["age_seconds"].as_f64()
    });
    let ages: Vec<f64> = ages.collect();
    assert!(ages.windows(2).all(|pair| pair[0] > pair[1]), "{ages:?}");
    assert!(ages[0] > 1.0 && ages[0] < 2.4, "{ages:?}");
}

#[test]
fn what_cannot_be_resumed_begins_anew() {
    for last in ["8-0", "7-99", "7", "", "-", "7-x", "7-18446744073709551615"] {
        let mut stage = Stage::set();
        let (_told, _cut) = stage.follow(None, 64);
        let (told, _cut) = stage.follow(Some(last), 64);
        assert!(text(&told).contains("event: state"), "{last}");
    }
    // After everyone was gone for long, the same numbers would hide what happened meanwhile.
    let mut stage = Stage::set();
    let (told, _cut) = stage.follow(None, 64);
    drop(told);
    stage.run(stage.now + Duration::from_secs(30));
    stage.feed.wants(stage.now, false);
    let (told, _cut) = stage.follow(Some("7-0"), 64);
    assert!(text(&told).contains("event: state"));
}

#[test]
fn who_does_not_read_is_cut_off_and_nobody_else_notices() {
    let mut stage = Stage::set();
    let (slow, cut_off) = stage.follow(None, 2);
    let (quick, not_cut) = stage.follow(None, 64);
    stage.run(stage.now + Duration::from_secs(6));
    assert!(cut_off.try_recv().is_ok() && not_cut.try_recv().is_err());
    assert_eq!(slow.len(), 2);
    assert_eq!(stage.feed.followers.len(), 1);
    assert!(text(&quick).matches("event: ball").count() >= 5);
}

#[test]
fn there_is_an_end_to_followers_and_to_memory() {
    let mut stage = Stage::set();
    let all: Vec<_> = (0..MOST_FOLLOWERS + 5)
        .map(|_| stage.follow(None, 4_096))
        .collect();
    assert_eq!(stage.feed.followers.len(), MOST_FOLLOWERS);
    stage.run(stage.now + Duration::from_secs(400));
    assert_eq!(stage.feed.remembered.len(), MOST_REMEMBERED);
    drop(all);
}
