//! `/events`: the connections of subscribers, and the headers of their streams.

use std::cell::Cell;
use std::rc::Rc;

use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Request, Response};
use smol::channel::{Receiver, Sender, bounded};

use super::body::{Answer, SubscriberSlot};
use super::feed::{EventId, MOST_QUEUED, MOST_SUBSCRIBERS, Subscriber};
use crate::accept::Standing;

/// What the server knows of one connection.
pub(super) struct Session {
    /// A connection that carries events is not closed for a new one.
    standing: Rc<Cell<Standing>>,
    close: Sender<()>,
    close_receiver: Receiver<()>,
}

impl Session {
    /// A connection without a request so far.
    pub(super) fn new(standing: Rc<Cell<Standing>>) -> Self {
        let (close, close_receiver) = bounded(1);
        Self {
            standing,
            close,
            close_receiver,
        }
    }

    /// Returns when the connection must be closed.
    pub(super) async fn closed(&self) {
        // Never fails: this side holds a sender, too.
        let _ = self.close_receiver.recv().await;
    }

    /// A new subscriber and the response that it receives; `None` if there are too many already.
    pub(super) fn subscribe<B>(
        &self,
        request: &Request<B>,
        taken: &Rc<Cell<usize>>,
    ) -> Option<(Subscriber, Response<Answer>)> {
        let slot = SubscriberSlot::take(taken, &self.standing, MOST_SUBSCRIBERS)?;
        let (pieces, queued) = bounded(MOST_QUEUED);
        let subscriber = Subscriber {
            last: last_event(request),
            pieces,
            close: self.close.clone(),
        };
        let mut response = Response::new(Answer::Events {
            pieces: Box::pin(queued),
            _slot: slot,
        });
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Some((subscriber, response))
    }
}

/// The last event that the client received: from the header that a browser sends when it reconnects,
/// or from `?last=` where a script reconnects, which cannot set the header.
fn last_event<B>(request: &Request<B>) -> Option<EventId> {
    let header = request.headers().get("last-event-id");
    let header = header.and_then(|last| last.to_str().ok());
    let query = request.uri().query();
    let query =
        query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("last=")));
    header.or(query).and_then(EventId::parse)
}

/// Whether the client asks for the events of the lab, too: `/events?lab`.
pub(super) fn is_lab_wanted<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "lab")
}

/// A response in one piece.
pub(super) fn whole(response: Response<Full<hyper::body::Bytes>>) -> Response<Answer> {
    response.map(Answer::Whole)
}
