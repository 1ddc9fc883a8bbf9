//! The lab beside the ring: two endpoints on threads of their own, and their lists for HTTP.

use std::io;
use std::net::TcpListener;

use crate::http::{Document, Metrics};
use crate::lab::{self, Limits, Priority, Serving, Sink};

/// Where the lab listens.
pub struct Listeners {
    /// For messages.
    pub receiver: TcpListener,
    /// For runs.
    pub rate: TcpListener,
}

/// Both endpoints; they end when this is dropped.
pub(super) struct Lab {
    receiver: Serving,
    rate: Serving,
}

impl Lab {
    /// Starts both.
    ///
    /// # Errors
    /// When the system has no descriptor or no thread left.
    pub(super) fn start(listeners: Listeners, meters: &Metrics) -> io::Result<Self> {
        let (limits, priority) = (Limits::default(), Priority::BehindTheRing);
        let messages = counted(lab::log::messages(), meters, |meters, message| {
            meters.count_message(message.bytes);
        });
        let runs = counted(lab::log::runs(), meters, |meters, run| {
            meters.count_run(run.bytes);
        });
        Ok(Self {
            receiver: lab::receive(listeners.receiver, limits, priority, messages)?,
            rate: lab::rate(listeners.rate, limits, priority, runs)?,
        })
    }

    /// What HTTP shows of it.
    pub(super) fn documents(&self) -> Vec<Document> {
        let of = |path, serving: &Serving| {
            let asker = serving.asker();
            Document {
                path,
                request: Box::new(move |answer| asker.ask(answer)),
            }
        };
        vec![of("/messages", &self.receiver), of("/rates", &self.rate)]
    }
}

/// What `sink` does, after it was counted.
fn counted<T: 'static>(
    mut sink: Sink<T>,
    meters: &Metrics,
    count: impl Fn(&Metrics, &T) + Send + 'static,
) -> Sink<T> {
    let meters = meters.clone();
    Box::new(move |item| {
        count(&meters, item);
        sink(item);
    })
}
