//! Runs one endpoint: a thread with an epoll and a buffer of its own.
//!
//! All connections are read into that one buffer, so each costs a few hundred bytes only.

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

use super::connections::Connections;
use super::limits::Limits;
use super::service::Service;
use super::time::Nanos;
use crate::{clock, priority};

/// The priority of an endpoint's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Like any other program.
    Usual,
    /// Below all other threads of the process: a ball must not wait for a byte of the lab.
    BehindTheRing,
}

/// The size of the read buffer, in bytes.
const BUFFER: usize = 128 * 1024;

/// Events taken from epoll at once.
const EVENTS: usize = 64;

/// Connections that the kernel queues until they are accepted.
const BACKLOG: i32 = 1024;

/// Requests for the list that may wait at a time.
const MOST_REQUESTS: usize = 32;

/// The pause in accepting when the system has no descriptor left.
const OUT_OF_DESCRIPTORS: Nanos = 200_000_000;

/// The epoll keys of what is no connection.
const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;

/// A running endpoint. When this is dropped, the endpoint ends and its connections are closed.
pub struct ServiceHandle {
    requester: ListRequester,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Takes how many items there have been; and, as JSON, what is new.
type AnswerChanges = Box<dyn FnOnce(u64, Vec<u8>) + Send>;

/// What an endpoint's thread is asked for, and where to send it.
enum Request {
    /// The latest messages or runs.
    List(Sender<Vec<u8>>),
    /// Those after that number, and the open connections.
    Changes(u64, AnswerChanges),
}

/// Requests an endpoint's latest messages or runs.
#[derive(Clone)]
pub struct ListRequester {
    requests: SyncSender<Request>,
    waker: Arc<OwnedFd>,
}

impl ListRequester {
    /// Has the list sent to `answer`, as JSON; never blocks. If too many requests wait, or the endpoint
    /// is gone, `answer` is dropped.
    pub fn request(&self, answer: Sender<Vec<u8>>) {
        self.send(Request::List(answer));
    }

    /// Has `answer` called on the endpoint's thread, with: how many items there have been; and, as JSON, those after
    /// number `since`, the newest if they are many, and the connections that are open now. Otherwise like
    /// [`ListRequester::request`].
    pub fn request_changes(&self, since: u64, answer: impl FnOnce(u64, Vec<u8>) + Send + 'static) {
        self.send(Request::Changes(since, Box::new(answer)));
    }

    fn send(&self, request: Request) {
        if self.requests.try_send(request).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        // Fails only if its counter is full, and then the thread wakes up anyway.
        let _ = rustix::io::write(&self.waker, &1_u64.to_ne_bytes());
    }
}

impl ServiceHandle {
    /// For those who request the list.
    pub fn list_requester(&self) -> ListRequester {
        self.requester.clone()
    }
}

impl Drop for ServiceHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.requester.wake();
        if let Some(thread) = self.thread.take() {
            // An error would mean that it panicked: then it has ended, too.
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
    // The standard library queues only 128 connections: too few for a whole class at once.
    rustix::net::listen(&listener, BACKLOG)?;
    let waker = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let poll = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
    for (source, key) in [(listener.as_fd(), LISTENER), (waker.as_fd(), WAKER)] {
        epoll::add(&poll, source, EventData::new_u64(key), EventFlags::IN)?;
    }
    let (requests, list_requests) = sync_channel(MOST_REQUESTS);
    let stop = Arc::new(AtomicBool::new(false));
    let mut event_loop = EventLoop {
        listener,
        connections: Connections::new(Arc::clone(&poll), limits),
        service,
        poll,
        list_requests,
        waker: Arc::clone(&waker),
        stop: Arc::clone(&stop),
        accept_again: None,
        wake_at: None,
    };
    let thread = std::thread::Builder::new()
        .name(S::NAME.to_owned())
        .spawn(move || {
            if priority == Priority::BehindTheRing {
                yield_to_the_ring();
            }
            if let Err(error) = event_loop.run() {
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

/// Lets the ring go first, or warns.
fn yield_to_the_ring() {
    if let Err(error) = priority::go_behind_the_ring() {
        tracing::warn!(
            "the lab cannot stand behind the ring ({error}): a saturated endpoint may delay the ball; allow sched_setscheduler and setpriority in the sandbox"
        );
    }
}

/// The state that the thread owns.
struct EventLoop<S: Service> {
    listener: TcpListener,
    connections: Connections<S>,
    service: S,
    poll: Arc<OwnedFd>,
    list_requests: Receiver<Request>,
    waker: Arc<OwnedFd>,
    stop: Arc<AtomicBool>,
    /// When to accept again after the system ran out of descriptors.
    accept_again: Option<Nanos>,
    /// When to look for what has expired; never too late, but perhaps too early.
    wake_at: Option<Nanos>,
}

impl<S: Service> EventLoop<S> {
    fn run(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        let mut events = Vec::with_capacity(EVENTS);
        while !self.stop.load(Ordering::Acquire) {
            self.wait(&mut events)?;
            let mut is_accepting = false;
            for &epoll::Event { flags, data } in &events {
                match data.u64() {
                    LISTENER => is_accepting = true,
                    WAKER => self.on_list_requests(),
                    key => self.on_readable(key, flags, &mut buffer),
                }
            }
            // Reads come first: a sender that reopens closes its last connection before it opens
            // the next.
            if is_accepting {
                self.accept(&mut buffer)?;
            }
            let now = clock::monotonic_nanos();
            if self.wake_at.is_some_and(|wake_at| wake_at <= now) {
                self.expire(now)?;
            }
        }
        let now = clock::monotonic_nanos();
        self.connections.close_all(&mut self.service, now);
        Ok(())
    }

    fn wait(&self, events: &mut Vec<epoll::Event>) -> io::Result<()> {
        let now = clock::monotonic_nanos();
        let wait = self.wake_at.map(|wake_at| {
            // Rounded up to epoll's milliseconds: rounded down, it would wake up several times.
            let left = wake_at.saturating_sub(now).div_ceil(1_000_000);
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

    /// Makes sure that the thread wakes up by that moment.
    fn wake_by(&mut self, moment: Option<Nanos>) {
        if let Some(moment) = moment {
            self.wake_at = Some(self.wake_at.map_or(moment, |wake_at| wake_at.min(moment)));
        }
    }

    fn on_list_requests(&mut self) {
        let mut count = [0; 8];
        // Resets the waker. Fails only if another thread has read it, and there is none.
        let _ = rustix::io::read(&self.waker, &mut count);
        while let Ok(request) = self.list_requests.try_recv() {
            let now = clock::monotonic_nanos();
            match request {
                Request::List(answer) => {
                    // Fails only if the requester is gone.
                    let _ = answer.try_send(self.service.list_json(now));
                }
                Request::Changes(since, answer) => {
                    let open = self.connections.open(now);
                    let (count, json) = self.service.changes_json(since, open, now);
                    answer(count, json);
                }
            }
        }
    }

    fn on_readable(&mut self, key: u64, flags: EventFlags, buffer: &mut [u8]) {
        let ending = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        let service = &mut self.service;
        let check_at = self.connections.on_readable(key, ending, buffer, service);
        self.wake_by(check_at);
        // A connection that ended may have left an unfinished run, which expires.
        self.wake_by(self.service.deadline());
    }

    /// Accepts one connection. If more wait, the next wait for events says so at once; a sender that reopens is the
    /// usual case, and it opens its next connection only after this one has ended.
    fn accept(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match rustix::net::acceptfrom_with(&self.listener, flags) {
            Ok((stream, peer)) => {
                let Some(peer) = peer.and_then(|peer| SocketAddr::try_from(peer).ok()) else {
                    return Ok(());
                };
                // An IPv6 socket shows an IPv4 client as IPv6: count it by its IPv4 address.
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                let (stream, service) = (stream.into(), &mut self.service);
                let check_at = self.connections.admit(stream, peer, buffer, service);
                self.wake_by(check_at);
                self.wake_by(self.service.deadline());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(rustix::io::Errno::CONNABORTED | rustix::io::Errno::INTR) => {}
            Err(_) => {
                // The listener stays readable: without a pause, this would spin.
                self.set_listener_events(EventFlags::empty())?;
                let again = clock::monotonic_nanos() + OUT_OF_DESCRIPTORS;
                self.accept_again = Some(again);
                self.wake_by(Some(again));
            }
        }
        Ok(())
    }

    fn set_listener_events(&self, flags: EventFlags) -> io::Result<()> {
        let key = EventData::new_u64(LISTENER);
        Ok(epoll::modify(&self.poll, &self.listener, key, flags)?)
    }

    /// Closes connections and ends runs that have expired; sets when to look again.
    fn expire(&mut self, now: Nanos) -> io::Result<()> {
        if self.accept_again.is_some_and(|again| again <= now) {
            self.accept_again = None;
            self.set_listener_events(EventFlags::IN)?;
        }
        self.wake_at = self.accept_again;
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
