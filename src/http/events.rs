//! `/events`: what changes, as server-sent events.

use std::cell::Cell;
use std::rc::Rc;

use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Request, Response};
use smol::channel::{Receiver, Sender, bounded};

use super::body::{Answer, Seat};
use super::feed::{EventId, Follower, MOST_FOLLOWERS, MOST_WAITING};

/// What one connection is, beside its bytes.
pub(super) struct Session {
    /// Whether it brings events: such a one is not pushed out for a newcomer.
    pub(super) follows: Rc<Cell<bool>>,
    cut: Sender<()>,
    cut_off: Receiver<()>,
}

impl Session {
    /// A connection on which nothing was asked yet.
    pub(super) fn new() -> Self {
        let (cut, cut_off) = bounded(1);
        let follows = Rc::default();
        Self {
            follows,
            cut,
            cut_off,
        }
    }

    /// Ends when the connection must.
    pub(super) async fn ends(&self) {
        // This end holds a sender itself, so it never fails.
        let _ = self.cut_off.recv().await;
    }

    /// A follower and the answer that reaches it; `None` if too many listen already.
    pub(super) fn follow<B>(
        &self,
        request: &Request<B>,
        taken: &Rc<Cell<usize>>,
    ) -> Option<(Follower, Response<Answer>)> {
        let seat = Seat::take(taken, &self.follows, MOST_FOLLOWERS)?;
        let (pieces, received) = bounded(MOST_WAITING);
        let follower = Follower {
            last: last_event(request),
            pieces,
            cut: self.cut.clone(),
        };
        let mut response = Response::new(Answer::Events {
            pieces: Box::pin(received),
            _seat: seat,
        });
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Some((follower, response))
    }
}

/// The last event that the client has: by the header of a browser that comes back by itself, or by
/// `?last=` of a script that comes back on a new connection, where it cannot set the header.
fn last_event<B>(request: &Request<B>) -> Option<EventId> {
    let header = request.headers().get("last-event-id");
    let header = header.and_then(|last| last.to_str().ok());
    let query = request.uri().query();
    let query =
        query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("last=")));
    header.or(query).and_then(EventId::parse)
}

/// The same answer, in one piece.
pub(super) fn whole(response: Response<Full<hyper::body::Bytes>>) -> Response<Answer> {
    response.map(Answer::Whole)
}
