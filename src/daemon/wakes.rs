//! What wakes the loop: whichever of its sources speaks first, or its timer.

use async_io::Timer;
use smol::channel::Receiver;
use smol::future;

use super::reload::{Step, Steps};
use super::visit::Visit;
use crate::clock;
use crate::http::Query;
use crate::net;
use crate::ring::Time;

/// What the loop waits for.
pub(super) struct Wakes {
    links: Receiver<net::Event>,
    asks: Receiver<Query>,
    stop: Receiver<()>,
    reloads: Option<Steps>,
    visits: Receiver<Visit>,
    timer: Timer,
    /// When the timer goes off, if it is set.
    armed: Option<Time>,
}

/// What the loop was woken by.
pub(super) enum Wake {
    Link(net::Event),
    Ask(Query),
    Stop,
    Reload(Step),
    Visit(Visit),
    Time,
}

impl Wakes {
    pub(super) fn new(
        links: Receiver<net::Event>,
        asks: Receiver<Query>,
        stop: Receiver<()>,
        reloads: Option<Steps>,
        visits: Receiver<Visit>,
    ) -> Self {
        Self {
            links,
            asks,
            stop,
            reloads,
            visits,
            timer: Timer::never(),
            armed: None,
        }
    }

    /// The next event, or that it is time; may come too early by the clock, never too late.
    pub(super) async fn next(&mut self, deadline: Option<Time>) -> Wake {
        self.arm(deadline);
        let Self {
            links,
            asks,
            stop,
            reloads,
            visits,
            timer,
            armed,
        } = self;
        let reload = async {
            match reloads {
                Some(steps) => match steps.recv().await {
                    Ok(step) => Wake::Reload(step),
                    Err(_) => future::pending().await,
                },
                None => future::pending().await,
            }
        };
        let rare = future::or(
            async {
                match stop.recv().await {
                    Ok(()) => Wake::Stop,
                    // Nobody is left who could ask: run for ever.
                    Err(_) => future::pending().await,
                }
            },
            async {
                match asks.recv().await {
                    Ok(answer) => Wake::Ask(answer),
                    Err(_) => future::pending().await,
                }
            },
        );
        let visit = async {
            match visits.recv().await {
                Ok(visit) => Wake::Visit(visit),
                Err(_) => future::pending().await,
            }
        };
        let rare = future::or(future::or(rare, reload), visit);
        let link = async {
            match links.recv().await {
                Ok(event) => Wake::Link(event),
                Err(_) => future::pending().await,
            }
        };
        let time = async {
            timer.await;
            *armed = None;
            Wake::Time
        };
        future::or(rare, future::or(link, time)).await
    }

    /// Sets the timer, unless it will go off early enough anyway.
    ///
    /// Setting it costs a system call, and a fast ball moves its deadline with every hop; to be
    /// woken once too early costs less.
    fn arm(&mut self, deadline: Option<Time>) {
        let Some(deadline) = deadline else { return };
        if self.armed.is_none_or(|armed| deadline < armed) {
            self.timer.set_after(clock::now().until(deadline));
            self.armed = Some(deadline);
        }
    }
}
