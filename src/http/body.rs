//! What goes out: an answer in one piece, or events for as long as the client listens.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use smol::channel::Receiver;
use smol::stream::Stream as _;

/// The body of an answer.
pub(super) enum Answer {
    /// All of it.
    Whole(Full<Bytes>),
    /// More of it as things happen.
    Events {
        pieces: Pin<Box<Receiver<Bytes>>>,
        _seat: Seat,
    },
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Events { pieces, .. } => {
                let next = pieces.as_mut().poll_next(context);
                next.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Events { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Events { .. } => SizeHint::default(),
        }
    }
}

/// A place among those who listen; free again when it is dropped.
pub(super) struct Seat {
    taken: Rc<Cell<usize>>,
    here: Rc<Cell<bool>>,
}

impl Seat {
    /// One of `most` places, if one is free. `here` tells for how long it is taken.
    pub(super) fn take(
        taken: &Rc<Cell<usize>>,
        here: &Rc<Cell<bool>>,
        most: usize,
    ) -> Option<Self> {
        if taken.get() >= most {
            return None;
        }
        taken.set(taken.get() + 1);
        here.set(true);
        let (taken, here) = (Rc::clone(taken), Rc::clone(here));
        Some(Self { taken, here })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.set(self.taken.get().saturating_sub(1));
        self.here.set(false);
    }
}
