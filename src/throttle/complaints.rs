//! One line about each trouble, then ever fewer while it lasts.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tracing::Level;

use crate::clock;
use crate::ring::Time;

/// The same sentence is logged again after this time at the soonest; then after twice that, and so on.
const FIRST_QUIET: Duration = Duration::from_secs(60);

/// The longest wait between two like lines about a trouble that lasts.
const LONGEST_QUIET: Duration = Duration::from_secs(3_600);

/// Remembers what was logged lately.
pub(crate) struct DedupLog(RefCell<Inner>);

struct Inner {
    recent: VecDeque<Sentence>,
    /// At most this many sentences are told apart; while so many are fresh, others are only counted.
    most: usize,
    untold: u64,
}

struct Sentence {
    text: String,
    told: Time,
    seen: Time,
    quiet: Duration,
    untold: u64,
}

impl DedupLog {
    /// Tells up to `most` sentences apart.
    pub(crate) fn new(most: usize) -> Self {
        Self(RefCell::new(Inner {
            recent: VecDeque::new(),
            most,
            untold: 0,
        }))
    }

    /// Logs a trouble, unless the same was logged lately.
    pub(crate) fn warn(&self, text: &str) {
        self.tell(Level::WARN, text);
    }

    /// Logs good news, unless the same was logged lately.
    pub(crate) fn info(&self, text: &str) {
        self.tell(Level::INFO, text);
    }

    fn tell(&self, level: Level, text: &str) {
        let Some(untold) = self.0.borrow_mut().admit(clock::now(), text) else {
            return;
        };
        let more = match untold {
            0 => String::new(),
            count => format!(" (and {count} such lines kept back)"),
        };
        if level == Level::WARN {
            tracing::warn!("{text}{more}");
        } else {
            tracing::info!("{text}{more}");
        }
    }
}

impl Inner {
    /// Whether to log now; with the number of lines that were kept back.
    fn admit(&mut self, now: Time, text: &str) -> Option<u64> {
        if let Some(known) = self.recent.iter_mut().find(|known| known.text == text) {
            let calm = now.since(known.seen) >= FIRST_QUIET;
            known.seen = now;
            if now.since(known.told) < known.quiet && !calm {
                known.untold += 1;
                return None;
            }
            known.quiet = if calm {
                FIRST_QUIET
            } else {
                (known.quiet * 2).min(LONGEST_QUIET)
            };
            known.told = now;
            return Some(std::mem::take(&mut known.untold));
        }
        if self.recent.len() >= self.most {
            let stale = self
                .recent
                .iter()
                .position(|known| now.since(known.seen) >= FIRST_QUIET);
            let Some(stale) = stale else {
                self.untold += 1;
                return None;
            };
            self.recent.remove(stale);
        }
        let quiet = FIRST_QUIET;
        self.recent.push_back(Sentence {
            text: text.to_owned(),
            told: now,
            seen: now,
            quiet,
            untold: 0,
        });
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64) -> Time {
        Time::from_micros(number * 1_000_000)
    }

    fn inner(most: usize) -> Inner {
        Inner {
            recent: VecDeque::new(),
            most,
            untold: 0,
        }
    }

    #[test]
    fn a_lasting_trouble_is_told_ever_more_rarely_with_the_count_of_the_rest() {
        let mut inner = inner(4);
        let told: Vec<(u64, u64)> = (0..600)
            .filter_map(|number| {
                inner
                    .admit(second(number), "x")
                    .map(|untold| (number, untold))
            })
            .collect();
        assert_eq!(told, [(0, 0), (60, 59), (180, 119), (420, 239)]);
        assert_eq!(inner.admit(second(600), "y"), Some(0));
    }

    #[test]
    fn in_a_month_one_missing_peer_costs_under_a_thousand_lines() {
        let mut inner = inner(4);
        let attempts = (0..30 * 24 * 3_600).step_by(2);
        let told = attempts
            .filter(|&number| inner.admit(second(number), "x").is_some())
            .count();
        assert!(told < 1_000, "{told}");
    }

    #[test]
    fn a_trouble_that_comes_back_after_a_calm_is_told_at_once() {
        let mut inner = inner(4);
        assert_eq!(inner.admit(second(0), "x"), Some(0));
        assert_eq!(inner.admit(second(1), "x"), None);
        assert_eq!(inner.admit(second(61), "x"), Some(1));
        assert_eq!(inner.admit(second(121), "x"), Some(0));
    }

    #[test]
    fn a_crowd_is_counted_and_takes_no_memory() {
        let mut inner = inner(16);
        let told = (0..10_000)
            .filter(|number: &u64| inner.admit(second(1), &number.to_string()).is_some())
            .count();
        assert_eq!((told, inner.recent.len()), (16, 16));
        assert_eq!(inner.admit(second(70), "new"), Some(10_000 - 16));
    }
}
