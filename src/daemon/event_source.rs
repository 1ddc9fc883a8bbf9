//! What the loop waits for: the next event of any of its sources, or its timer.

use async_io::Timer;
use smol::channel::Receiver;
use smol::future;

use super::channel::recv_or_pending;
use super::external_input::ExternalInput;
use super::reload::ReloadStep;
use crate::clock;
use crate::http::Query;
use crate::net;
use crate::ring::Time;

/// All sources of events, and the timer.
pub(super) struct EventSource {
    links: Receiver<net::Event>,
    http: Receiver<Query>,
    stop: Receiver<()>,
    /// `None` if the ring file cannot be reloaded.
    reloads: Option<Receiver<ReloadStep>>,
    external: Receiver<ExternalInput>,
    timer: Timer,
    /// When the timer fires, if it is set.
    armed: Option<Time>,
}

/// What woke the loop.
pub(super) enum LoopEvent {
    /// A line came in, or a link came up or went down.
    Link(net::Event),
    /// HTTP requests the status, or a client follows the events.
    Http(Query),
    /// The node is to hand every ball on and end.
    Stop,
    /// A reload of the ring file has taken a step.
    Reload(ReloadStep),
    /// A window or a person at the control socket.
    External(ExternalInput),
    /// The timer fired.
    Timer,
}

impl EventSource {
    pub(super) fn new(
        links: Receiver<net::Event>,
        http: Receiver<Query>,
        stop: Receiver<()>,
        reloads: Option<Receiver<ReloadStep>>,
        external: Receiver<ExternalInput>,
    ) -> Self {
        Self {
            links,
            http,
            stop,
            reloads,
            external,
            timer: Timer::never(),
            armed: None,
        }
    }

    /// The next event, or [`LoopEvent::Timer`] at `deadline`: perhaps earlier by the clock, never later.
    pub(super) async fn next(&mut self, deadline: Option<Time>) -> LoopEvent {
        self.arm(deadline);
        let Self {
            links,
            http,
            stop,
            reloads,
            external,
            timer,
            armed,
        } = self;
        let stop = async {
            recv_or_pending(stop).await;
            LoopEvent::Stop
        };
        let http = async { LoopEvent::Http(recv_or_pending(http).await) };
        let reload = async {
            match reloads {
                Some(steps) => LoopEvent::Reload(recv_or_pending(steps).await),
                None => future::pending().await,
            }
        };
        let external = async { LoopEvent::External(recv_or_pending(external).await) };
        let link = async { LoopEvent::Link(recv_or_pending(links).await) };
        let timer = async {
            timer.await;
            *armed = None;
            LoopEvent::Timer
        };
        // Earlier sources go first where several are ready: those that are rare.
        let rare = future::or(future::or(future::or(stop, http), reload), external);
        future::or(rare, future::or(link, timer)).await
    }

    /// Sets the timer, unless it fires early enough already.
    ///
    /// Setting it costs a system call, and a fast ball moves its deadline with every hop. One
    /// early wake-up costs less.
    fn arm(&mut self, deadline: Option<Time>) {
        let Some(deadline) = deadline else { return };
        if self.armed.is_none_or(|armed| deadline < armed) {
            self.timer.set_after(clock::now().until(deadline));
            self.armed = Some(deadline);
        }
    }
}
