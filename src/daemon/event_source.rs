//! What the services wait for: the next event of any of their sources, or their timer.

use async_io::Timer;
use smol::channel::Receiver;
use smol::future;

use super::external_input::ExternalInput;
use super::reload::ReloadStep;
use super::ring_thread::RingThread;
use crate::clock;
use crate::http::Query;
use crate::net;
use crate::program::channel::recv_or_pending;
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

/// What woke the services.
pub(super) enum ServiceEvent {
    /// The ring's thread has reports, or something has changed.
    News,
    /// A connection is ready to be a link, or links are to be closed.
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

    /// The next event, or [`ServiceEvent::Timer`] at `deadline`: perhaps earlier by the clock, never later.
    pub(super) async fn next(&mut self, ring: &RingThread, deadline: Option<Time>) -> ServiceEvent {
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
            ServiceEvent::Stop
        };
        let http = async { ServiceEvent::Http(recv_or_pending(http).await) };
        let reload = async {
            match reloads {
                Some(steps) => ServiceEvent::Reload(recv_or_pending(steps).await),
                None => future::pending().await,
            }
        };
        let external = async { ServiceEvent::External(recv_or_pending(external).await) };
        let link = async { ServiceEvent::Link(recv_or_pending(links).await) };
        let timer = async {
            timer.await;
            *armed = None;
            ServiceEvent::Timer
        };
        let news = async {
            if ring.news().await.is_err() {
                // The reactor does not know the signal: it never does.
                future::pending::<()>().await;
            }
            ServiceEvent::News
        };
        // Earlier sources go first where several are ready: those that are rare.
        let rare = future::or(future::or(future::or(stop, http), reload), external);
        future::or(future::or(rare, link), future::or(news, timer)).await
    }

    /// Sets the timer, unless it fires early enough already.
    fn arm(&mut self, deadline: Option<Time>) {
        let Some(deadline) = deadline else { return };
        if self.armed.is_none_or(|armed| deadline < armed) {
            self.timer.set_after(clock::now().until(deadline));
            self.armed = Some(deadline);
        }
    }
}
