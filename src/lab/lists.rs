//! What is remembered, and what is logged: both bounded.

use std::collections::VecDeque;

use serde::Serialize;

use super::limits::Nanos;

/// The latest of something, numbered from 1.
#[derive(Debug)]
pub(super) struct Latest<T> {
    most: usize,
    count: u64,
    items: VecDeque<(u64, Nanos, T)>,
}

/// One item as JSON.
#[derive(Serialize)]
struct Entry<'a, T> {
    number: u64,
    age_seconds: f64,
    #[serde(flatten)]
    item: &'a T,
}

/// The whole list as JSON.
#[derive(Serialize)]
struct Document<'a, T> {
    version: u32,
    /// How many there have been.
    count: u64,
    /// The newest first.
    latest: Vec<Entry<'a, T>>,
}

impl<T: Serialize> Latest<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            count: 0,
            items: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, item: T, now: Nanos) {
        self.count += 1;
        if self.items.len() >= self.most {
            self.items.pop_front();
        }
        self.items.push_back((self.count, now, item));
    }

    /// The list as one line of JSON.
    pub(super) fn document(&self, now: Nanos) -> Vec<u8> {
        let newest_first = self.items.iter().rev();
        let document = Document {
            version: 1,
            count: self.count,
            latest: newest_first
                .map(|(number, at, item)| Entry {
                    number: *number,
                    age_seconds: seconds(now.saturating_sub(*at)),
                    item,
                })
                .collect(),
        };
        // Plain numbers and text always are JSON.
        let mut bytes = serde_json::to_vec(&document).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// Nanoseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a span of years is exact to the microsecond"
)]
pub(super) fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}

/// How many log lines there may be: some at once, then one each `every` nanoseconds.
#[derive(Debug)]
pub(super) struct Budget {
    burst: u64,
    every: Nanos,
    /// Spent lines, in nanoseconds that it takes to earn them back.
    debt: Nanos,
    last: Nanos,
    kept_back: u64,
}

impl Budget {
    pub(super) fn new(burst: u64, every: Nanos) -> Self {
        Self {
            burst,
            every,
            debt: 0,
            last: 0,
            kept_back: 0,
        }
    }

    /// Whether one more line may be logged; how many were kept back since the last one.
    pub(super) fn take(&mut self, now: Nanos) -> Option<u64> {
        self.debt = self.debt.saturating_sub(now.saturating_sub(self.last));
        self.last = now;
        if self.debt > self.every.saturating_mul(self.burst.saturating_sub(1)) {
            self.kept_back += 1;
            return None;
        }
        self.debt += self.every;
        Some(std::mem::take(&mut self.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Item {
        text: String,
    }

    #[test]
    fn the_list_forgets_the_oldest_and_counts_all() {
        let mut list = Latest::new(2);
        for number in 1..=5_u32 {
            let text = format!("no. {number}");
            list.push(Item { text }, 0);
        }
        let told: serde_json::Value = serde_json::from_slice(&list.document(500_000_000)).unwrap();
        assert_eq!(told["count"], 5);
        assert_eq!(told["latest"].as_array().unwrap().len(), 2);
        assert_eq!(told["latest"][0]["number"], 5);
        assert_eq!(told["latest"][1]["text"], "no. 4");
        assert_eq!(told["latest"][0]["age_seconds"], 0.5);
    }

    #[test]
    fn a_flood_is_logged_in_part_and_the_rest_is_counted() {
        let second = 1_000_000_000;
        let mut budget = Budget::new(60, 10 * second);
        let told = (0..10_000)
            .filter(|number| budget.take(number * 1_000).is_some())
            .count();
        assert_eq!(told, 60);
        assert_eq!(budget.take(11 * second), Some(10_000 - 60));
        assert_eq!(budget.take(11 * second), None);
        let day = (0..86_400)
            .filter(|number| budget.take((12 + number) * second).is_some())
            .count();
        assert!(day <= 8_641, "{day} lines a day");
    }
}
