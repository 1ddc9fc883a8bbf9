//! The JSON documents of other parts of the node, such as the lab's lists.

use std::time::Duration;

use async_io::Timer;
use smol::channel::Sender;
use smol::future;

/// The time for another part of the node to answer before it counts as hung.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// A JSON document that another part of the node keeps.
pub struct Document {
    /// Its path, such as `/messages`.
    pub path: &'static str,
    /// Requests the document: it is sent on this channel, at once or later. Never waits.
    pub request: Box<dyn Fn(Sender<Vec<u8>>)>,
    /// Requests what is in it after so many items. Never waits.
    pub changes: Box<dyn Fn(u64, Sender<Changes>)>,
}

/// What is new in a document.
pub struct Changes {
    /// How many items there have been.
    pub count: u64,
    /// One JSON value, on one line.
    pub json: Vec<u8>,
}

impl Document {
    /// Its path without the slash.
    pub(super) fn name(&self) -> &'static str {
        self.path.trim_start_matches('/')
    }
}

/// The answer, if it comes within [`ANSWER_LIMIT`].
pub(super) async fn in_time<T>(answer: impl Future<Output = Option<T>>) -> Option<T> {
    let late = async {
        Timer::after(ANSWER_LIMIT).await;
        None
    };
    future::or(answer, late).await
}
