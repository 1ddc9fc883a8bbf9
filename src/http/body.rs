//! The bodies of responses: in one piece, or events for as long as the client stays.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use smol::channel::Receiver;
use smol::stream::Stream as _;

use crate::accept::Standing;

/// The body of a response.
pub(super) enum Answer {
    /// The whole body.
    Whole(Full<Bytes>),
    /// A piece for each change, as it happens.
    Events {
        pieces: Pin<Box<Receiver<Bytes>>>,
        _slot: SubscriberSlot,
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

/// One of a bounded number of slots for subscribers; free again when it is dropped.
pub(super) struct SubscriberSlot {
    taken: Rc<Cell<usize>>,
    standing: Rc<Cell<Standing>>,
}

impl SubscriberSlot {
    /// Takes one of `most` slots, if one is free. Its connection is exempt from
    /// the limit of the others for as long as the slot is kept.
    pub(super) fn take(
        taken: &Rc<Cell<usize>>,
        standing: &Rc<Cell<Standing>>,
        most: usize,
    ) -> Option<Self> {
        if taken.get() >= most {
            return None;
        }
        taken.set(taken.get() + 1);
        standing.set(Standing::Exempt);
        Some(Self {
            taken: Rc::clone(taken),
            standing: Rc::clone(standing),
        })
    }
}

impl Drop for SubscriberSlot {
    fn drop(&mut self) {
        self.taken.set(self.taken.get().saturating_sub(1));
        self.standing.set(Standing::Evictable);
    }
}
