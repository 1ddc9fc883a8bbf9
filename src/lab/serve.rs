//! One endpoint: a thread with an epoll and a buffer of its own.
//!
//! Reads go into one buffer, so a connection costs a few hundred bytes whatever it sends.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::net::SocketFlags;
use smol::channel::Sender;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use super::connections::Connections;
use super::limits::{Limits, Nanos};
use super::message::End;
use crate::clock;

/// Where an endpoint's thread stands when processors are short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Like any other program.
    Usual,
    /// Behind everything else of its process: a ball must not wait for a byte of the lab.
    BehindTheRing,
}

/// What an endpoint does with what comes.
pub(super) trait Service: Send + 'static {
    /// For the log and the thread.
    const NAME: &'static str;
    /// What it knows of an open connection.
    type Connection: Send;

    /// A connection was accepted.
    fn open(&mut self, peer: SocketAddr, now: Nanos) -> Self::Connection;
    /// One read brought these bytes; never none.
    fn read(&mut self, connection: &mut Self::Connection, bytes: &[u8], now: Nanos) -> Progress;
    /// A connection has ended; what to answer, if it can still hear.
    fn close(
        &mut self,
        connection: Self::Connection,
        stream: &std::net::TcpStream,
        end: End,
        now: Nanos,
    ) -> Vec<u8>;
    /// When to call `tick`.
    fn deadline(&self) -> Option<Nanos>;
    /// Time has passed.
    fn expire(&mut self, now: Nanos);
    /// What it remembers, as JSON.
    fn document(&self, now: Nanos) -> Vec<u8>;
}

/// What follows a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More is expected.
    More,
    /// More may come or not: a peer that is_open for us to close is to see an end of stream soon.
    MaybeComplete,
    /// The connection has done its work.
    Complete,
}

/// Each read may bring so many bytes.
const BUFFER: usize = 128 * 1024;

/// Events that are taken at once.
const EVENTS: usize = 64;

/// Accepts between two rounds of reads.
const ACCEPTS: usize = 8;

/// Connections that the kernel keeps for us until we accept them.
const BACKLOG: i32 = 1024;

/// Questions that wait for an answer at the most.
const MOST_REQUESTS: usize = 32;

/// The wait when the system has no descriptor left to give.
const OUT_OF_DESCRIPTORS: Nanos = 200_000_000;

/// Keys that are no connection.
const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;

/// An endpoint that runs; it ends, and its connections with it, when this is dropped.
pub struct ServiceHandle {
    requester: ListRequester,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Asks an endpoint for its list.
#[derive(Clone)]
pub struct ListRequester {
    requests: SyncSender<Sender<Vec<u8>>>,
    waker: Arc<OwnedFd>,
}

impl ListRequester {
    /// Has the list sent to `answer`, as JSON. Never is_open; when too many have requested at once, or the
    /// endpoint is gone, `answer` is dropped.
    pub fn request(&self, answer: Sender<Vec<u8>>) {
        if self.requests.try_send(answer).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        // Fails only when it is full of wakes already.
        let _ = rustix::io::write(&self.waker, &1_u64.to_ne_bytes());
    }
}

impl ServiceHandle {
    /// For those who want its list.
    pub fn list_requester(&self) -> ListRequester {
        self.requester.clone()
    }
}

impl Drop for ServiceHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.requester.wake();
        if let Some(thread) = self.thread.take() {
            // It does not panic; and if it did, it has ended all the same.
            let _ = thread.join();
        }
    }
}

/// Starts an endpoint's thread.
pub(super) fn start<S: Service>(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    service: S,
) -> io::Result<ServiceHandle> {
    listener.set_nonblocking(true)?;
    // The standard library lets only 128 connections wait, one burst of a class.
    rustix::net::listen(&listener, BACKLOG)?;
    let waker = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let poll = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
    for (source, key) in [(listener.as_fd(), LISTENER), (waker.as_fd(), WAKER)] {
        epoll::add(&poll, source, EventData::new_u64(key), EventFlags::IN)?;
    }
    let (requests, requested) = sync_channel(MOST_REQUESTS);
    let stop = Arc::new(AtomicBool::new(false));
    let mut work = EventLoop {
        listener,
        connections: Connections::new(Arc::clone(&poll), limits, S::NAME),
        service,
        poll,
        requested,
        waker: Arc::clone(&waker),
        stop: Arc::clone(&stop),
        accept_again: None,
        wake: None,
    };
    let thread = std::thread::Builder::new()
        .name(S::NAME.to_owned())
        .spawn(move || {
            if priority == Priority::BehindTheRing {
                yield_to_others();
            }
            if let Err(error) = work.run() {
                tracing::error!("the {} endpoint has ended: {error}", S::NAME);
            }
        })?;
    let requester = ListRequester { requests, waker };
    Ok(ServiceHandle {
        requester,
        stop,
        thread: Some(thread),
    })
}

/// Lets every other thread go first: gives up the real-time priority that a unit may have given to
/// the ring (docs/decisions/0009), and is nice on top of that.
fn yield_to_others() {
    // Nice 10, on a scale from 0 to 99 that ends at nice -20. Concerns the calling thread alone.
    let nice = ThreadPriorityValue::try_from(22_u8).map(ThreadPriority::Crossplatform);
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let yielded = nice.map_err(|error| error.to_string()).and_then(|nice| {
        set_thread_priority_and_policy(thread_native_id(), nice, policy)
            .map_err(|error| format!("{error:?}"))
    });
    if let Err(error) = yielded {
        tracing::warn!(
            "the lab cannot stand behind the ring ({error}): a saturated endpoint may delay the ball; allow sched_setscheduler and setpriority in the sandbox"
        );
    }
}

/// All that the thread owns.
struct EventLoop<S: Service> {
    listener: TcpListener,
    connections: Connections<S>,
    service: S,
    poll: Arc<OwnedFd>,
    requested: Receiver<Sender<Vec<u8>>>,
    waker: Arc<OwnedFd>,
    stop: Arc<AtomicBool>,
    /// When to accept again after the system ran out of descriptors.
    accept_again: Option<Nanos>,
    /// When something may have to be ended; never too late, but perhaps too early.
    wake: Option<Nanos>,
}

impl<S: Service> EventLoop<S> {
    fn run(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        let mut events = Vec::with_capacity(EVENTS);
        while !self.stop.load(Ordering::Acquire) {
            self.wait(&mut events)?;
            let mut newcomers = false;
            for &epoll::Event { flags, data } in &events {
                match data.u64() {
                    LISTENER => newcomers = true,
                    WAKER => self.answer(),
                    key => self.on_readable(key, flags, &mut buffer),
                }
            }
            // Reads first: a sender that reopens has closed the last one before it opens the next.
            if newcomers {
                self.accept(&mut buffer)?;
            }
            let now = clock::monotonic_nanos();
            if self.wake.is_some_and(|wake| wake <= now) {
                self.expire(now)?;
            }
        }
        let now = clock::monotonic_nanos();
        self.connections.close_all(&mut self.service, now);
        Ok(())
    }

    fn wait(&self, events: &mut Vec<epoll::Event>) -> io::Result<()> {
        let now = clock::monotonic_nanos();
        let wait = self.wake.map(|wake| {
            // Rounded up: epoll counts milliseconds, and too early would be again and again.
            let left = wake.saturating_sub(now).div_ceil(1_000_000);
            Timespec::try_from(Duration::from_millis(left)).unwrap_or_default()
        });
        events.clear();
        match epoll::wait(
            &self.poll,
            rustix::buffer::spare_capacity(events),
            wait.as_ref(),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure to look again at that moment.
    fn wake_by(&mut self, moment: Option<Nanos>) {
        if let Some(moment) = moment {
            self.wake = Some(self.wake.map_or(moment, |wake| wake.min(moment)));
        }
    }

    fn answer(&mut self) {
        let mut count = [0; 8];
        // Empty only if somebody else took the wakes, and there is nobody else.
        let _ = rustix::io::read(&self.waker, &mut count);
        while let Ok(answer) = self.requested.try_recv() {
            let document = self.service.document(clock::monotonic_nanos());
            // Fails only if the requester has gone.
            let _ = answer.try_send(document);
        }
    }

    fn on_readable(&mut self, key: u64, flags: EventFlags, buffer: &mut [u8]) {
        let ending = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        let moment = self
            .connections
            .on_readable(key, ending, buffer, &mut self.service);
        self.wake_by(moment);
        // A connection that ended may have left an unfinished run.
        self.wake_by(self.service.deadline());
    }

    fn accept(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        for _ in 0..ACCEPTS {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match rustix::net::acceptfrom_with(&self.listener, flags) {
                Ok((stream, peer)) => {
                    let Some(peer) = peer.and_then(|peer| SocketAddr::try_from(peer).ok()) else {
                        continue;
                    };
                    // An IPv4 client of an IPv6 socket is still an IPv4 client.
                    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                    let admitted =
                        self.connections
                            .admit(stream.into(), peer, buffer, &mut self.service);
                    self.wake_by(admitted.check_at);
                    self.wake_by(self.service.deadline());
                    if admitted.is_open {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(rustix::io::Errno::CONNABORTED | rustix::io::Errno::INTR) => {}
                Err(_) => {
                    // The listener stays readable: without a pause this would spin.
                    self.listen_for(EventFlags::empty())?;
                    let again = clock::monotonic_nanos() + OUT_OF_DESCRIPTORS;
                    self.accept_again = Some(again);
                    self.wake_by(Some(again));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn listen_for(&self, flags: EventFlags) -> io::Result<()> {
        let key = EventData::new_u64(LISTENER);
        Ok(epoll::modify(&self.poll, &self.listener, key, flags)?)
    }

    /// Ends what has lasted too long, and finds out when to look again.
    fn expire(&mut self, now: Nanos) -> io::Result<()> {
        if self.accept_again.is_some_and(|again| again <= now) {
            self.accept_again = None;
            self.listen_for(EventFlags::IN)?;
        }
        self.wake = self.accept_again;
        let next = self.connections.expire(&mut self.service, now);
        self.wake_by(next);
        if self
            .service
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.service.expire(now);
        }
        self.wake_by(self.service.deadline());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
