//! Which nodes answer, and what those tell that are asked only now and then.

use std::time::Duration;

use super::model::{Model, Told, Unreached};
use crate::cli::address;
use crate::config::defaults;
use crate::endpoint::Endpoint;
use crate::http::{NodeStatus, Status};
use crate::ring::Time;

/// After this time, an answer tells nothing any more.
const FADED: Duration = Duration::from_secs(120);

impl Model {
    /// A node has sent its state over a stream.
    pub(super) fn on_reached(&mut self, endpoint: &Endpoint, name: &str) {
        self.unreached.remove(&endpoint.to_string());
        self.reached.insert(name.to_owned(), endpoint.clone());
    }

    /// The stream from that address has ended, or is not needed any more.
    pub(super) fn on_closed(&mut self, address: &str, now: Time) {
        let mut reached = self.reached.iter();
        let found = reached.find(|(_, endpoint)| endpoint.to_string() == address);
        if let Some(name) = found.map(|(name, _)| name.clone()) {
            self.on_disconnected(&name, now);
        }
    }

    /// An address has not answered, or answers no more. Said once for each reason.
    pub(super) fn on_unreached(&mut self, address: &str, reason: String, now: Time) {
        let line = if reason.contains(address) {
            format!("{reason}; asking again")
        } else {
            format!("{address}: {reason}; asking again")
        };
        let new = Unreached {
            reason: reason.clone(),
            at: now,
        };
        let old = self.unreached.insert(address.to_owned(), new);
        if old.is_none_or(|old| old.reason != reason) {
            self.add_line(&line, now);
        }
    }

    /// Whether an address has failed within the last `span`, and has not answered since.
    pub(super) fn has_failed(&self, address: &str, now: Time, span: Duration) -> bool {
        let failed = self.unreached.get(address);
        failed.is_some_and(|failed| now.since(failed.at) < span)
    }

    /// Where a node serves HTTP: where it was reached, or else by the word of the first that answered.
    pub(super) fn endpoint(&self, name: &str) -> Option<Endpoint> {
        if let Some(reached) = self.reached.get(name) {
            return Some(reached.clone());
        }
        let first = self.first.as_ref()?;
        let text = self.report(first, name)?.http.as_deref()?;
        // Without a host where that is the one of the request.
        if let Some(port) = text.strip_prefix(':') {
            let host = self.home.as_ref()?.host.clone();
            let port = port.parse().ok()?;
            return Some(Endpoint { host, port });
        }
        let (host, port) = address::parse(text, defaults::PORTS.http).ok()?;
        Some(Endpoint { host, port })
    }

    /// A node that is not followed has answered a question.
    pub(super) fn on_told(&mut self, status: &Status, now: Time) {
        if self.first.as_ref().map(|first| &first.ring) != Some(&status.ring) {
            return;
        }
        let others = status.nodes.iter().filter(|node| node.name != status.node);
        let others = others.filter_map(|node| {
            let mut known = ["up", "down"].into_iter();
            Some((&node.name, known.find(|state| *state == node.state)?))
        });
        for (name, state) in others.chain([(&status.node, status.condition.label())]) {
            if self.index.contains_key(name) {
                self.told.insert(name.clone(), Told { state, at: now });
            }
        }
        self.log_changes(now);
    }

    /// What was answered about a node, unless that is too long ago.
    pub(super) fn told_state(&self, name: &str, now: Time) -> Option<&'static str> {
        let told = self.told.get(name)?;
        (now.since(told.at) < FADED).then_some(told.state)
    }

    /// Whether no stream tells of that node.
    fn is_silent(&self, name: &str) -> bool {
        let known = |status: &Status| {
            let report = self.report(status, name);
            report.is_some_and(|node| node.state != "unknown")
        };
        self.status_of(name).is_none() && !self.statuses.values().any(known)
    }

    /// The next node of a large ring that may tell something new. Every second one is asked, as a node tells of its
    /// neighbours, too. `last`: which was asked last.
    pub(super) fn next_to_ask(&self, last: &mut usize) -> Option<Endpoint> {
        let first = self.first.as_ref().filter(|_| self.is_large())?;
        let count = first.nodes.len();
        for _ in 0..count {
            // Of an even number, the others come in the next round.
            *last = if *last + 2 < count {
                *last + 2
            } else {
                (*last + 1) % 2
            };
            let near = [count - 1, 0, 1].map(|step| first.nodes.get((*last + step) % count));
            let is_silent = |node: &NodeStatus| self.is_silent(&node.name);
            if near.into_iter().flatten().any(is_silent) {
                return self.endpoint(&first.nodes.get(*last)?.name);
            }
        }
        None
    }
}
