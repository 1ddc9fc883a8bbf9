//! The lab beside the ring: two endpoints on threads of their own, and their lists for HTTP.

use std::io;
use std::net::TcpListener;

use crate::http::{Changes, Document, Metrics};
use crate::lab::{self, Limits, Observer, Priority, ServiceHandle};

/// The listeners of the lab.
pub struct LabListeners {
    /// For the receiver, which takes messages.
    pub receiver: TcpListener,
    /// For the rate endpoint, which measures runs.
    pub rate: TcpListener,
}

/// Both endpoints of the lab; they end when this is dropped.
pub(super) struct Lab {
    receiver: ServiceHandle,
    rate: ServiceHandle,
}

impl Lab {
    /// Starts both endpoints; what they receive is logged and counted.
    ///
    /// # Errors
    /// When the system has no descriptor or no thread left.
    pub(super) fn start(listeners: LabListeners, metrics: &Metrics) -> io::Result<Self> {
        let (limits, priority) = (Limits::default(), Priority::BehindTheRing);
        let messages = counted(
            lab::observer::log_messages(),
            metrics,
            |metrics, message| {
                metrics.count_message(message.bytes);
            },
        );
        let runs = counted(lab::observer::log_runs(), metrics, |metrics, run| {
            metrics.count_run(run.bytes);
        });
        Ok(Self {
            receiver: lab::start_receiver(listeners.receiver, limits, priority, messages)?,
            rate: lab::start_rate(listeners.rate, limits, priority, runs)?,
        })
    }

    /// The lists that HTTP shows.
    pub(super) fn documents(&self) -> Vec<Document> {
        let of = |path, serving: &ServiceHandle| {
            let (lists, changes) = (serving.list_requester(), serving.list_requester());
            Document {
                path,
                request: Box::new(move |answer| lists.request(answer)),
                changes: Box::new(move |since, answer| {
                    changes.request_changes(since, move |count, json| {
                        // Fails only if the requester is gone.
                        let _ = answer.try_send(Changes { count, json });
                    });
                }),
            }
        };
        vec![of("/messages", &self.receiver), of("/rates", &self.rate)]
    }
}

/// Counts each item, then calls `observer`.
fn counted<T: 'static>(
    mut observer: Observer<T>,
    metrics: &Metrics,
    count: impl Fn(&Metrics, &T) + Send + 'static,
) -> Observer<T> {
    let metrics = metrics.clone();
    Box::new(move |item| {
        count(&metrics, item);
        observer(item);
    })
}
