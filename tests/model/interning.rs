//! Interning: states share equal nodes, so that a state in the queue is small.

use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use carom::ring::digest::StateDigest;
use carom::ring::{Generation, Incarnation, Node, NodeId, Stamp, Time};

use crate::hasher::Mix;

const SHARDS: usize = 64;

/// The nodes in use, by a hash of their whole state with absolute times.
pub(crate) struct SharedNodes {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    nodes: HashMap<u64, Weak<Node>>,
    /// When there are more entries than this, those that are no longer in use are removed.
    limit: usize,
}

impl Default for SharedNodes {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl SharedNodes {
    /// Replaces the node by an equal one that is already in use, if there is one.
    pub(crate) fn share(&self, node: &mut Arc<Node>, index: usize) {
        if Arc::strong_count(node) > 1 {
            return;
        }
        let mut absolute = Absolute(Mix::default());
        absolute.number(index as u64);
        node.digest(&mut absolute);
        let key = absolute.0.finish();
        let shard = &self.shards[key as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(equal) = shard.nodes.get(&key).and_then(Weak::upgrade) {
            *node = equal;
            return;
        }
        shard.nodes.insert(key, Arc::downgrade(node));
        if shard.nodes.len() > shard.limit {
            shard.nodes.retain(|_, node| node.strong_count() > 0);
            shard.limit = shard.nodes.len() * 2 + 1000;
        }
    }
}

/// Hashes every value as it is.
struct Absolute(Mix);

impl StateDigest for Absolute {
    fn number(&mut self, number: u64) {
        self.0.write_u64(number);
    }

    fn moment(&mut self, _: NodeId, moment: Time, _: Duration) {
        self.number(moment.as_micros());
    }

    fn random(&mut self, seed: u64) {
        self.number(seed);
    }

    fn incarnation(&mut self, _: NodeId, incarnation: Incarnation) {
        self.number(incarnation.0);
    }

    fn round(&mut self, round: u64) {
        self.number(round);
    }

    fn generation(&mut self, generation: Generation) {
        self.number(generation.round);
        self.number(generation.nonce);
    }

    fn stamp(&mut self, stamp: Stamp) {
        self.generation(stamp.generation);
        self.number(stamp.hop);
    }

    fn request(&mut self, seq: u64) {
        self.number(seq);
    }

    fn awaits(&self, _: u64) -> bool {
        true
    }

    fn awaits_obituaries(&self) -> bool {
        true
    }
}
