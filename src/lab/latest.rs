//! The list of the latest messages or runs, as HTTP shows it.

use std::collections::VecDeque;

use serde::Serialize;

use super::time::{Nanos, seconds};

/// The latest items, numbered from 1; the oldest are forgotten.
#[derive(Debug)]
pub(super) struct Latest<T> {
    most: usize,
    /// How many items there have been.
    count: u64,
    /// Each with its number and when it came, the newest last.
    items: VecDeque<(u64, Nanos, T)>,
}

/// One item, to be written as JSON.
#[derive(Serialize)]
struct Entry<'a, T> {
    number: u64,
    age_seconds: f64,
    #[serde(flatten)]
    item: &'a T,
}

/// The whole list, to be written as JSON.
#[derive(Serialize)]
struct Document<'a, T> {
    version: u32,
    /// How many items there have been.
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
    pub(super) fn to_json(&self, now: Nanos) -> Vec<u8> {
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
        // Numbers and text can always be written as JSON.
        let mut bytes = serde_json::to_vec(&document).unwrap_or_default();
        bytes.push(b'\n');
        bytes
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
        let json: serde_json::Value = serde_json::from_slice(&list.to_json(500_000_000)).unwrap();
        assert_eq!(json["count"], 5);
        assert_eq!(json["latest"].as_array().unwrap().len(), 2);
        assert_eq!(json["latest"][0]["number"], 5);
        assert_eq!(json["latest"][1]["text"], "no. 4");
        assert_eq!(json["latest"][0]["age_seconds"], 0.5);
    }
}
