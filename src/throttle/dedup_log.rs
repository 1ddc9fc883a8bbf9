//! Each text once, then ever more rarely while its cause lasts.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tracing::Level;

use super::rate_limited_log::suffix;
use crate::clock;
use crate::ring::Time;

/// The same text is repeated after this time at the earliest; then after twice that, and so on.
const FIRST_INTERVAL: Duration = Duration::from_secs(60);

/// The longest time between two repetitions of a text whose cause lasts.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3_600);

/// Logs a text unless the same was logged recently; the next line says how many were suppressed.
pub(crate) struct DedupLog(RefCell<Recent>);

/// The texts that were logged recently.
struct Recent {
    entries: VecDeque<Entry>,
    /// So many texts are told apart. While all of them are recent, further ones are only counted.
    capacity: usize,
    /// Lines that were suppressed because there was no room for their text.
    suppressed: u64,
}

struct Entry {
    text: String,
    last_logged: Time,
    last_seen: Time,
    min_interval: Duration,
    suppressed: u64,
}

impl DedupLog {
    /// Tells up to `capacity` texts apart.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(RefCell::new(Recent::new(capacity)))
    }

    /// Logs a warning, unless the same text was logged recently.
    pub(crate) fn warn(&self, text: &str) {
        self.log(Level::WARN, text);
    }

    /// Logs an ordinary event, unless the same text was logged recently.
    pub(crate) fn info(&self, text: &str) {
        self.log(Level::INFO, text);
    }

    fn log(&self, level: Level, text: &str) {
        let Some(suppressed) = self.0.borrow_mut().admit(clock::now(), text) else {
            return;
        };
        let suffix = suffix(suppressed);
        if level == Level::WARN {
            tracing::warn!("{text}{suffix}");
        } else {
            tracing::info!("{text}{suffix}");
        }
    }
}

impl Recent {
    fn new(capacity: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            capacity,
            suppressed: 0,
        }
    }

    /// Whether to log the text now; with the number of lines suppressed before it.
    fn admit(&mut self, now: Time, text: &str) -> Option<u64> {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.text == text) {
            return entry.admit(now);
        }
        if self.entries.len() >= self.capacity {
            let stale = |entry: &Entry| now.since(entry.last_seen) >= FIRST_INTERVAL;
            let Some(stale) = self.entries.iter().position(stale) else {
                self.suppressed += 1;
                return None;
            };
            self.entries.remove(stale);
        }
        self.entries.push_back(Entry {
            text: text.to_owned(),
            last_logged: now,
            last_seen: now,
            min_interval: FIRST_INTERVAL,
            suppressed: 0,
        });
        Some(std::mem::take(&mut self.suppressed))
    }
}

impl Entry {
    fn admit(&mut self, now: Time) -> Option<u64> {
        // After a pause, the cause is a new one: it is logged at once.
        let is_new = now.since(self.last_seen) >= FIRST_INTERVAL;
        self.last_seen = now;
        if now.since(self.last_logged) < self.min_interval && !is_new {
            self.suppressed += 1;
            return None;
        }
        self.min_interval = if is_new {
            FIRST_INTERVAL
        } else {
            (self.min_interval * 2).min(LONGEST_INTERVAL)
        };
        self.last_logged = now;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64) -> Time {
        Time::from_micros(number * 1_000_000)
    }

    #[test]
    fn a_lasting_cause_is_logged_ever_more_rarely_with_the_count_of_the_rest() {
        let mut recent = Recent::new(4);
        let logged: Vec<(u64, u64)> = (0..600)
            .filter_map(|number| {
                recent
                    .admit(second(number), "x")
                    .map(|suppressed| (number, suppressed))
            })
            .collect();
        assert_eq!(logged, [(0, 0), (60, 59), (180, 119), (420, 239)]);
        assert_eq!(recent.admit(second(600), "y"), Some(0));
    }

    #[test]
    fn in_a_month_one_missing_peer_costs_under_a_thousand_lines() {
        let mut recent = Recent::new(4);
        let attempts = (0..30 * 24 * 3_600).step_by(2);
        let logged = attempts
            .filter(|&number| recent.admit(second(number), "x").is_some())
            .count();
        assert!(logged < 1_000, "{logged}");
    }

    #[test]
    fn a_text_that_comes_back_after_a_pause_is_logged_at_once() {
        let mut recent = Recent::new(4);
        assert_eq!(recent.admit(second(0), "x"), Some(0));
        assert_eq!(recent.admit(second(1), "x"), None);
        assert_eq!(recent.admit(second(61), "x"), Some(1));
        assert_eq!(recent.admit(second(121), "x"), Some(0));
    }

    #[test]
    fn a_flood_of_different_texts_is_counted_and_takes_no_memory() {
        let mut recent = Recent::new(16);
        let logged = (0..10_000)
            .filter(|number: &u64| recent.admit(second(1), &number.to_string()).is_some())
            .count();
        assert_eq!((logged, recent.entries.len()), (16, 16));
        assert_eq!(recent.admit(second(70), "new"), Some(10_000 - 16));
    }
}
