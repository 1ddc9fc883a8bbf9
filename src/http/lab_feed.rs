//! The publisher of the event `lab` in `/events?lab`: what came to this node's lab, for pages that watch it.
//!
//! While nobody watches, this waits for the first who does, and nothing else. While somebody does, it asks the lab a few
//! times a second, and sends what is new to all of them. A watcher that does not read is disconnected.

use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use hyper::body::Bytes;
use smol::channel::{Receiver, Sender, TrySendError, bounded};

use super::document::{Changes, Document, in_time};

/// The time between two samples: messages and runs that come within it are sent as one event.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

/// Watchers that wait for their first event.
pub(super) const MOST_NEW: usize = 64;

/// A client of `/events?lab`.
pub(super) struct Watcher {
    /// The queue of its connection.
    pub(super) pieces: Sender<Bytes>,
    /// A message here closes its connection.
    pub(super) close: Sender<()>,
}

/// Serves watchers, as they come, for as long as there may be any.
pub(super) async fn run(arrivals: Receiver<Watcher>, documents: Rc<Vec<Document>>) {
    while let Ok(first) = arrivals.recv().await {
        let mut feed = LabFeed::new(&documents);
        feed.arrived.push(first);
        while feed.has_watchers() {
            Timer::after(SAMPLE_INTERVAL).await;
            while let Ok(watcher) = arrivals.try_recv() {
                feed.arrived.push(watcher);
            }
            feed.sample().await;
        }
    }
}

/// All watchers, and what they have been sent.
struct LabFeed<'a> {
    documents: &'a [Document],
    /// They get all that is listed, and then what is new.
    arrived: Vec<Watcher>,
    watchers: Vec<Watcher>,
    /// For each document: how many items it had when the watchers got it last.
    known: Vec<u64>,
    /// What the watchers got last.
    sent: Vec<u8>,
}

impl<'a> LabFeed<'a> {
    fn new(documents: &'a [Document]) -> Self {
        Self {
            documents,
            arrived: Vec::new(),
            watchers: Vec::new(),
            known: vec![0; documents.len()],
            sent: Vec::new(),
        }
    }

    fn has_watchers(&self) -> bool {
        !self.arrived.is_empty() || !self.watchers.is_empty()
    }

    async fn sample(&mut self) {
        // A client that has left is found here, and not only when there is something to send.
        self.watchers.retain(|watcher| !watcher.pieces.is_closed());
        if !self.watchers.is_empty() {
            let (counts, event) = self.event(&self.known).await;
            if event != self.sent {
                self.watchers.retain(|watcher| send(watcher, &event));
                self.sent = event;
            }
            self.known = counts;
        }
        if !self.arrived.is_empty() {
            let (counts, event) = self.event(&vec![0; self.documents.len()]).await;
            if self.watchers.is_empty() {
                self.known = counts;
            }
            // If there were others before, the next event repeats some items, which have their numbers.
            let arrived = std::mem::take(&mut self.arrived);
            self.watchers
                .extend(arrived.into_iter().filter(|watcher| send(watcher, &event)));
        }
    }

    /// The event with all items after those numbers, and how many items there are. A part of the lab that does not
    /// answer is left out.
    async fn event(&self, known: &[u64]) -> (Vec<u64>, Vec<u8>) {
        let mut counts = Vec::with_capacity(known.len());
        let mut event = b"event: lab\ndata: {".to_vec();
        for (document, &since) in self.documents.iter().zip(known) {
            let (answer, answered) = bounded(1);
            (document.changes)(since, answer);
            let Some(Changes { count, json }) = in_time(async { answered.recv().await.ok() }).await
            else {
                counts.push(since);
                continue;
            };
            counts.push(count);
            if !event.ends_with(b"{") {
                event.push(b',');
            }
            event.extend_from_slice(format!("\"{}\":", document.name()).as_bytes());
            event.extend_from_slice(&json);
        }
        event.extend_from_slice(b"}\n\n");
        (counts, event)
    }
}

/// Whether the watcher can be sent more.
fn send(watcher: &Watcher, event: &[u8]) -> bool {
    match watcher.pieces.try_send(Bytes::copy_from_slice(event)) {
        Ok(()) => true,
        Err(TrySendError::Full(_)) => {
            tracing::debug!("a watcher of the lab was too slow and is cut off");
            // Fails only if it is being closed already.
            let _ = watcher.close.try_send(());
            false
        }
        Err(TrySendError::Closed(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use smol::future;

    /// A lab of one list that has as many items as the cell says; every request is noted.
    fn lab(count: &Rc<Cell<u64>>, asked: &Rc<RefCell<Vec<u64>>>) -> Vec<Document> {
        let (count, asked) = (Rc::clone(count), Rc::clone(asked));
        vec![Document {
            path: "/rates",
            request: Box::new(|_| {}),
            changes: Box::new(move |since, answer| {
                asked.borrow_mut().push(since);
                let count = count.get();
                let json = format!("[{since},{count}]").into_bytes();
                answer.try_send(Changes { count, json }).unwrap();
            }),
        }]
    }

    fn watcher(most: usize) -> (Watcher, Receiver<Bytes>, Receiver<()>) {
        let ((pieces, received), (close, closed)) = (bounded(most), bounded(1));
        (Watcher { pieces, close }, received, closed)
    }

    fn next(received: &Receiver<Bytes>) -> Option<String> {
        let piece = received.try_recv().ok()?;
        Some(String::from_utf8(piece.to_vec()).unwrap())
    }

    #[test]
    fn a_watcher_gets_all_then_what_is_new_and_nothing_while_nothing_happens() {
        let (count, asked) = (Rc::new(Cell::new(3)), Rc::default());
        let documents = lab(&count, &asked);
        let mut feed = LabFeed::new(&documents);
        let (one, received, _closed) = watcher(8);
        feed.arrived.push(one);
        future::block_on(feed.sample());
        assert_eq!(
            next(&received).unwrap(),
            "event: lab\ndata: {\"rates\":[0,3]}\n\n"
        );
        count.set(5);
        for _ in 0..5 {
            future::block_on(feed.sample());
        }
        assert!(next(&received).unwrap().contains("[3,5]"));
        assert!(next(&received).unwrap().contains("[5,5]"));
        assert_eq!(next(&received), None);
        drop(received);
        let before = asked.borrow().len();
        future::block_on(feed.sample());
        assert_eq!((asked.borrow().len(), feed.has_watchers()), (before, false));
    }

    #[test]
    fn a_watcher_that_does_not_read_is_closed() {
        let (count, asked) = (Rc::new(Cell::new(3)), Rc::default());
        let documents = lab(&count, &asked);
        let mut feed = LabFeed::new(&documents);
        let (slow, _received, closed) = watcher(1);
        feed.arrived.push(slow);
        future::block_on(feed.sample());
        count.set(4);
        future::block_on(feed.sample());
        assert!(closed.try_recv().is_ok() && !feed.has_watchers());
    }
}
