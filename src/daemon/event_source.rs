//! What events the loop: whichever of its sources speaks first, or its timer.

use async_io::Timer;
use smol::channel::Receiver;
use smol::future;

use super::external_input::ExternalInput;
use super::reload::ReloadStep;
use crate::clock;
use crate::http::{Ask, Asks};
use crate::net;
use crate::ring::Time;

/// What the loop waits for.
pub(super) struct EventSource {
    links: Receiver<net::Event>,
    asks: Asks,
    stop: Receiver<()>,
    reloads: Option<Receiver<ReloadStep>>,
    inputs: Receiver<ExternalInput>,
    timer: Timer,
    /// When the timer goes off, if it is set.
    armed: Option<Time>,
}

/// What the loop was woken by.
pub(super) enum LoopEvent {
    Link(net::Event),
    Http(Ask),
    Stop,
    Reload(ReloadStep),
    External(ExternalInput),
    Timer,
}

impl EventSource {
    pub(super) fn new(
        links: Receiver<net::Event>,
        asks: Asks,
        stop: Receiver<()>,
        reloads: Option<Receiver<ReloadStep>>,
        inputs: Receiver<ExternalInput>,
    ) -> Self {
        Self {
            links,
            asks,
            stop,
            reloads,
            inputs,
            timer: Timer::never(),
            armed: None,
        }
    }

    /// The next event, or that it is time; may come too early by the clock, never too late.
    pub(super) async fn next(&mut self, deadline: Option<Time>) -> LoopEvent {
        self.arm(deadline);
        let Self {
            links,
            asks,
            stop,
            reloads,
            inputs,
            timer,
            armed,
        } = self;
        let reload = async {
            match reloads {
                Some(steps) => match steps.recv().await {
                    Ok(step) => LoopEvent::Reload(step),
                    Err(_) => future::pending().await,
                },
                None => future::pending().await,
            }
        };
        let rare = future::or(
            async {
                match stop.recv().await {
                    Ok(()) => LoopEvent::Stop,
                    // Nobody is left who could ask: run for ever.
                    Err(_) => future::pending().await,
                }
            },
            async {
                match asks.recv().await {
                    Ok(request) => LoopEvent::Http(request),
                    Err(_) => future::pending().await,
                }
            },
        );
        let visit = async {
            match inputs.recv().await {
                Ok(input) => LoopEvent::External(input),
                Err(_) => future::pending().await,
            }
        };
        let rare = future::or(future::or(rare, reload), visit);
        let link = async {
            match links.recv().await {
                Ok(event) => LoopEvent::Link(event),
                Err(_) => future::pending().await,
            }
        };
        let time = async {
            timer.await;
            *armed = None;
            LoopEvent::Timer
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
