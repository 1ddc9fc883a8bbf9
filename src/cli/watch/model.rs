//! What is known of the ring: the words of every node that is heard, put together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::escape::Escaped;
use crate::http::{BallStatus, Condition, ReturnStatus, Status, Update};
use crate::ring::{BallState, Generation, Screen, Time, motion};

/// Lines of what happened that are kept.
const MOST_LINES: usize = 200;

/// A pass is on its way for less than this.
const HANDOVER_MICROS: u64 = 400_000;

/// One node's word on one ball.
#[derive(Clone)]
struct Word {
    ball: BallStatus,
    /// When it was as told.
    at: Time,
    heard: Time,
}

/// Where a ball is, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its holder says so, or the others do while their holder is not heard.
    On,
    /// It stands still.
    Frozen,
    /// A window has it, and its holder's word is that it will come back.
    Lent,
    /// Nobody has it.
    Away,
}

/// One ball as it is shown.
pub(super) struct Shown {
    pub(super) ball: BallStatus,
    pub(super) phase: Phase,
    /// Across the screen, from 0 to 1.
    pub(super) share: f64,
}

/// The ring as it is known.
pub(super) struct Model {
    /// What the first node that spoke said: names, screen.
    pub(super) first: Option<Status>,
    /// By name, while they are heard.
    speakers: BTreeMap<String, Status>,
    words: BTreeMap<u32, BTreeMap<String, Word>>,
    states: BTreeMap<String, String>,
    generations: BTreeMap<u32, String>,
    holders: BTreeMap<u32, String>,
    phases: BTreeMap<u32, Phase>,
    pub(super) returned: Option<ReturnStatus>,
    pub(super) log: VecDeque<String>,
    begun: Time,
}

/// The window that has a lent ball.
pub(super) fn window(ball: &BallStatus) -> &str {
    ball.loan.as_ref().map_or("", |loan| &loan.window)
}

impl Model {
    pub(super) fn new(begun: Time) -> Self {
        Self {
            first: None,
            speakers: BTreeMap::new(),
            words: BTreeMap::new(),
            states: BTreeMap::new(),
            generations: BTreeMap::new(),
            holders: BTreeMap::new(),
            phases: BTreeMap::new(),
            returned: None,
            log: VecDeque::new(),
            begun,
        }
    }

    /// A node told something.
    pub(super) fn hear(&mut self, speaker: &str, news: Update, now: Time) {
        match news {
            Update::State(status) => {
                self.words.values_mut().for_each(|words| {
                    words.remove(speaker);
                });
                for ball in &status.balls {
                    self.note(speaker, ball.clone(), now);
                }
                if let Some(back) = &status.last_return {
                    self.returned.get_or_insert_with(|| back.clone());
                }
                if self.first.is_none() {
                    let line = format!("listening to the ring {} by {speaker}", status.ring);
                    self.tell(&line, now);
                    self.first = Some((*status).clone());
                }
                self.speakers.insert(speaker.to_owned(), *status);
            }
            Update::Ball(ball) => self.note(speaker, ball, now),
            Update::BallRemoved(gone) => self.forget(speaker, gone.ball, now),
            Update::Node(node) => {
                let known = self.speakers.get_mut(speaker);
                let known = known.and_then(|status| {
                    let mut nodes = status.nodes.iter_mut();
                    nodes.find(|known| known.name == node.name)
                });
                if let Some(known) = known {
                    *known = node;
                }
            }
            Update::Heartbeat(beat) => {
                if let Some(status) = self.speakers.get_mut(speaker) {
                    for (node, span) in status.nodes.iter_mut().zip(beat.round_trips_ms) {
                        node.round_trip_ms = span;
                    }
                    status.condition = beat.condition;
                    status.led = beat.led;
                }
            }
            Update::Return(back) => {
                let ReturnStatus {
                    ball,
                    from,
                    to,
                    away_ms,
                    ..
                } = &back;
                let line = format!(
                    "{to} took ball {ball} back, last heard of on {from}: away for {away_ms:.0} ms"
                );
                self.tell(&line, now);
                self.returned = Some(back);
            }
        }
        self.notice(now);
    }

    /// A node is no longer heard.
    pub(super) fn lose(&mut self, speaker: &str, now: Time) {
        self.speakers.remove(speaker);
        for words in self.words.values_mut() {
            words.remove(speaker);
        }
        self.notice(now);
    }

    /// A node knows a guest no more; when none does, it has left.
    fn forget(&mut self, speaker: &str, ball: u32, now: Time) {
        let Some(words) = self.words.get_mut(&ball) else {
            return;
        };
        words.remove(speaker);
        if words.is_empty() {
            self.words.remove(&ball);
            self.phases.remove(&ball);
            self.holders.remove(&ball);
            self.generations.remove(&ball);
            self.tell(&format!("ball {ball} has left"), now);
        }
    }

    fn note(&mut self, speaker: &str, mut ball: BallStatus, now: Time) {
        let age = (ball.age_seconds.max(0.0) * 1e6).min(1e15) as u64;
        let at = Time::from_micros(now.as_micros().saturating_sub(age));
        let words = self.words.entry(ball.ball).or_default();
        let had = words.get(speaker).is_some_and(|before| before.ball.here);
        let gone = had && !ball.here && ball.holder.as_deref() != Some(speaker);
        if let (true, Some(first), Some([_, y]), Some([across, _])) =
            (gone, &self.first, ball.position, ball.velocity)
        {
            // Who passes a ball says where it left; it comes in at the other side.
            let [width, _] = first.screen;
            ball.position = Some([if across > 0.0 { 0.0 } else { width }, y]);
        }
        let heard = now;
        words.insert(speaker.to_owned(), Word { ball, at, heard });
    }

    /// Puts what has changed into lines.
    pub(super) fn notice(&mut self, now: Time) {
        for name in self.names() {
            let state = self.state(&name).to_owned();
            let was = self.states.insert(name.clone(), state.clone());
            if was.is_some_and(|was| was != state) {
                self.tell(&format!("{name} is {state}"), now);
            }
        }
        for Shown { ball, phase, .. } in self.balls(now) {
            let number = ball.ball;
            let was = self.phases.insert(number, phase);
            let holder = ball.holder.clone().unwrap_or_default();
            match (was, phase) {
                (Some(Phase::On), Phase::Away) => self.tell(&format!("ball {number} is away"), now),
                (Some(Phase::On | Phase::Away), Phase::Frozen) => self.tell(
                    &format!("ball {number} stands still on {holder}: no majority answers"),
                    now,
                ),
                (Some(_), Phase::Lent) if was != Some(Phase::Lent) => {
                    let window = window(&ball);
                    self.tell(&format!("ball {number}: {holder} lent it to {window}"), now);
                }
                (Some(Phase::Frozen), Phase::On) => {
                    self.tell(&format!("ball {number} moves again on {holder}"), now);
                }
                _ => {}
            }
            if phase == Phase::On && !holder.is_empty() {
                let was = self.holders.insert(number, holder.clone());
                if let Some(was) = was.filter(|was| *was != holder) {
                    let hop = ball.hop.unwrap_or(0);
                    self.tell(&format!("ball {number}: {was} to {holder}, hop {hop}"), now);
                }
            }
            if let Some(generation) = ball.generation {
                let was = self.generations.insert(number, generation.clone());
                if was.is_some_and(|was| was != generation) {
                    let line = format!("ball {number} begins generation {generation} on {holder}");
                    self.tell(&line, now);
                }
            }
        }
    }

    /// What the network said stands in there, so it is escaped once, here.
    fn tell(&mut self, line: &str, now: Time) {
        if self.log.len() >= MOST_LINES {
            self.log.pop_front();
        }
        let seconds = now.since(self.begun).as_secs_f64();
        self.log
            .push_back(format!("{seconds:9.3} s  {}", Escaped(line)));
    }

    /// All nodes, in ring order.
    pub(super) fn names(&self) -> Vec<String> {
        let nodes = self.first.iter().flat_map(|first| &first.nodes);
        nodes.map(|node| node.name.clone()).collect()
    }

    /// By its own word, unless the others miss it; else by theirs.
    pub(super) fn state(&self, name: &str) -> &'static str {
        let own = self.speaker(name).map(|status| status.condition);
        let others = self.speakers.values().filter(|status| status.node != name);
        let said: BTreeSet<&str> = others
            .flat_map(|status| &status.nodes)
            .filter(|node| node.name == name)
            .map(|node| node.state.as_str())
            .collect();
        let by_others = ["up", "down"]
            .into_iter()
            .find(|state| said.contains(state));
        match (own, by_others) {
            // It knows best that it hears nobody; those it does not hear may know nothing of it.
            (Some(Condition::CutOff), _) => Condition::CutOff.label(),
            (_, Some("down")) => "down",
            (Some(own), _) => own.label(),
            (None, by_others) => by_others.unwrap_or("unknown"),
        }
    }

    fn speaker(&self, name: &str) -> Option<&Status> {
        self.speakers.values().find(|status| status.node == name)
    }

    /// Whether a node says that it cannot set its LED.
    pub(super) fn has_led_fault(&self, name: &str) -> bool {
        self.speaker(name)
            .is_some_and(|status| status.led.fault.is_some())
    }

    /// The quickest and the slowest link of a node, in milliseconds.
    pub(super) fn round_trips(&self, name: &str) -> Option<(f64, f64)> {
        let own = self.speakers.values().filter(|status| status.node == name);
        let own = own.flat_map(|status| status.nodes.iter().filter_map(|node| node.round_trip_ms));
        let others = self.speakers.values().flat_map(|status| &status.nodes);
        let others = others
            .filter(|node| node.name == name)
            .filter_map(|node| node.round_trip_ms);
        own.chain(others).fold(None, |most, span| {
            let (low, high) = most.unwrap_or((span, span));
            Some((span.min(low), span.max(high)))
        })
    }

    /// Every ball, where it is now.
    pub(super) fn balls(&self, now: Time) -> Vec<Shown> {
        self.words
            .values()
            .filter_map(|words| self.judge(words, now))
            .collect()
    }

    fn judge(&self, words: &BTreeMap<String, Word>, now: Time) -> Option<Shown> {
        let order = |word: &&Word| {
            let generation = word.ball.generation.as_deref();
            let generation = generation.and_then(|text| text.parse::<Generation>().ok());
            (
                generation,
                word.ball.hop,
                word.ball.here,
                word.ball.frozen,
                word.ball.loan.is_some(),
                word.at,
            )
        };
        let here = words
            .values()
            .filter(|word| word.ball.here)
            .max_by_key(order);
        let word = here.or_else(|| words.values().max_by_key(order))?;
        let holder = word.ball.holder.as_deref().unwrap_or_default();
        let heard = self.speaker(holder).is_some();
        let fresh = now.since(word.heard).as_micros() < u128::from(HANDOVER_MICROS);
        let phase = if word.ball.here {
            Phase::On
        } else if word.ball.frozen {
            Phase::Frozen
        } else if word.ball.loan.is_some() {
            Phase::Lent
        } else if (fresh || !heard) && self.state(holder) == "up" {
            Phase::On
        } else {
            Phase::Away
        };
        let share = self.share(word, now);
        let ball = word.ball.clone();
        Some(Shown { ball, phase, share })
    }

    fn share(&self, word: &Word, now: Time) -> f64 {
        let Some(first) = &self.first else { return 0.0 };
        let [width, height] = first.screen;
        let (Some(position), Some(velocity)) = (word.ball.position, word.ball.velocity) else {
            return 0.0;
        };
        let state = BallState {
            position,
            velocity,
            radius: word.ball.radius,
            color: word.ball.color,
        };
        let elapsed = now.since(word.at);
        let state = if word.ball.frozen {
            state
        } else {
            motion::at(&state, Screen { width, height }, elapsed)
        };
        let [x, _] = state.position;
        (x / width).clamp(0.0, 1.0)
    }

    /// Whether anything moves, so that it must be drawn again soon.
    pub(super) fn moves(&self, now: Time) -> bool {
        self.balls(now).iter().any(|shown| shown.phase == Phase::On)
    }
}
