//! The list of the latest messages or runs, as HTTP shows it.

use std::collections::VecDeque;

use serde::Serialize;

use super::open::OpenConnections;
use super::time::{Nanos, seconds};

/// Changes are cut to this many bytes of new items: the newest, if more came.
const MOST_CHANGES: usize = 16 * 1024;

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

/// What is new in the list, and the connections that are open now, to be written as JSON.
#[derive(Serialize)]
struct Changes<'a, T> {
    count: u64,
    /// The newest first.
    latest: Vec<Entry<'a, T>>,
    open: OpenConnections,
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
        let document = Document {
            version: 1,
            count: self.count,
            latest: self.newest_first(now).collect(),
        };
        // Numbers and text can always be written as JSON.
        let mut bytes = serde_json::to_vec(&document).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// How many items there have been; and, as JSON, those after number `since` with the open connections.
    pub(super) fn changes(&self, since: u64, open: OpenConnections, now: Nanos) -> (u64, Vec<u8>) {
        let mut room = MOST_CHANGES;
        let fits = |entry: &Entry<'_, T>| {
            // Who has nothing yet gets the whole list, which is bounded by itself.
            let length = serde_json::to_vec(entry).map_or(0, |json| json.len());
            let left = room.checked_sub(length);
            room = left.unwrap_or(0);
            since == 0 || left.is_some()
        };
        let new = self.newest_first(now);
        let changes = Changes {
            count: self.count,
            latest: new
                .take_while(|entry| entry.number > since)
                .take_while(fits)
                .collect(),
            open,
        };
        (self.count, serde_json::to_vec(&changes).unwrap_or_default())
    }

    fn newest_first(&self, now: Nanos) -> impl Iterator<Item = Entry<'_, T>> {
        self.items
            .iter()
            .rev()
            .map(move |(number, at, item)| Entry {
                number: *number,
                age_seconds: seconds(now.saturating_sub(*at)),
                item,
            })
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

    #[test]
    fn changes_are_the_items_that_are_new_and_no_more_than_their_room() {
        let mut list = Latest::new(40);
        for number in 1..=40_u32 {
            let text = format!("{number:01000}");
            list.push(Item { text }, 0);
        }
        let numbers = |since| {
            let (count, json) = list.changes(since, OpenConnections::default(), 0);
            assert_eq!(count, 40);
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            let latest = json["latest"].as_array().unwrap().clone();
            latest
                .iter()
                .map(|entry| entry["number"].as_u64().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(38), [40, 39]);
        assert_eq!(numbers(40), [0; 0]);
        assert_eq!(numbers(0).len(), 40);
        let cut = numbers(1);
        assert!((10..=16).contains(&cut.len()) && cut[0] == 40, "{cut:?}");
    }
}
