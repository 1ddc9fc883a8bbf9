//! One running node: builds the parts, and runs the one loop that owns the core.
//!
//! Tasks turn I/O into events. The loop hands each event to [`Node`] and carries out the outputs
//! in their order. Nothing else touches the node, so it needs no lock.

pub mod channel;
pub mod control;
mod control_request;
mod current_links;
mod event_log;
mod event_source;
mod external_input;
pub mod inherit;
pub mod keys;
pub mod lab;
pub mod leds;
pub mod listen;
pub mod lock;
pub mod log;
mod notify_socket;
pub mod reload;
mod reporting;
mod scheduling_delay;
pub mod service;
mod setup;
pub mod signals;
pub mod windows;

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use smol::channel::bounded;
use smol::{LocalExecutor, Task};

use crate::clock;
use crate::endpoint::Endpoint;
use crate::http::{self, Feed, Metrics, Query, ReturnStatus};
use crate::net::{self, Links};
use crate::ring::{Incarnation, Input, Node, NodeId, Notification, Output, Time, Topology};
use crate::window;
use current_links::CurrentLinks;
use event_log::EventLog;
use event_source::{EventSource, LoopEvent};
use external_input::{ControlRequest, ExternalInput};
use keys::KeyNames;
use lab::Lab;
use leds::Leds;
use reload::ReloadStep;
use scheduling_delay::SchedulingDelay;
use service::ServiceManager;
use windows::Windows;

pub use setup::{Setup, host_name, http_endpoints, ring_endpoints};

/// At most this many events wait for the loop; when it is full, the links wait, and TCP slows the peers.
const MOST_EVENTS: usize = 32;

/// A node that is set up and about to run.
pub struct Daemon {
    topology: Arc<Topology>,
    me: NodeId,
    node: Node,
    links: Links,
    current_links: CurrentLinks,
    /// The line that is being sent; kept to reuse its memory.
    line: Vec<u8>,
    leds: Leds,
    events: EventSource,
    next_heartbeat: Time,
    delay: SchedulingDelay,
    log: EventLog,
    windows: Windows,
    service: ServiceManager,
    http_endpoints: Rc<[Endpoint]>,
    http: http::Server,
    metrics: Metrics,
    feed: Feed,
    /// The names of the ring's keys; `None` if it has none.
    key: Option<KeyNames>,
    /// A ball came or went since the last look at the feed.
    led_changed: bool,
    /// The last ball that this node took over, and when.
    last_return: Option<(Time, ReturnStatus)>,
    _http: Option<Task<()>>,
    _lab: Option<Lab>,
    _control: Option<Task<()>>,
}

/// Who waits for an answer to the event in hand.
enum Requester {
    Nobody,
    Http(Query),
    /// With the reason, if the request was refused without asking the core.
    Control(ControlRequest, Option<String>),
}

impl Daemon {
    /// Starts the tasks of a node on `executor`, and its lab on threads of its own.
    ///
    /// # Errors
    /// When the system gives no random bits for the incarnation, or no thread for the lab.
    pub fn start(executor: &Rc<LocalExecutor<'static>>, setup: Setup) -> io::Result<Self> {
        let incarnation =
            Incarnation(getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?);
        let metrics = Metrics::default();
        let lab = setup.lab.map(|listeners| Lab::start(listeners, &metrics));
        let lab = lab.transpose()?;
        let now = clock::now();
        let node = Node::new(Arc::clone(&setup.topology), setup.me, incarnation, now);
        let (link_sender, link_events) = bounded(MOST_EVENTS);
        let settings = net::Settings {
            topology: Arc::clone(&setup.topology),
            me: setup.me,
            incarnation,
            addresses: setup.ring_endpoints,
            keys: setup.keys,
        };
        let key = settings.keys.as_ref().map(KeyNames::of);
        let links = Links::start(executor, settings, setup.ring_listener, link_sender);
        let documents = lab.as_ref().map(Lab::documents).unwrap_or_default();
        let access = http::Access::new(&setup.topology, setup.me, &host_name());
        let (http, http_requests) = http::Server::new(access, documents, metrics.clone());
        http.configure(&setup.http_endpoints, &setup.http_names);
        let serving = setup
            .http_listener
            .map(|listener| http.clone().spawn(executor, listener));
        let (inputs, external_inputs) = bounded(MOST_EVENTS);
        let control = setup.control;
        let control = control.map(|listener| listener.spawn(executor, inputs.clone()));
        let windows = Windows::start(
            executor,
            (&*setup.topology, setup.me),
            setup.window_endpoints,
            setup.window_listeners,
            inputs,
        );
        Ok(Self {
            delay: SchedulingDelay::new(setup.topology.lease),
            topology: setup.topology,
            me: setup.me,
            node,
            links,
            current_links: CurrentLinks::default(),
            line: Vec::new(),
            leds: setup.leds,
            events: EventSource::new(
                link_events,
                http_requests,
                setup.stop,
                setup.reloads,
                external_inputs,
            ),
            next_heartbeat: now,
            log: EventLog::default(),
            windows,
            service: setup.service,
            http_endpoints: setup.http_endpoints.into(),
            http,
            metrics,
            feed: Feed::new(incarnation.to_string(), now),
            key,
            led_changed: false,
            last_return: None,
            _http: serving,
            _lab: lab,
            _control: control,
        })
    }

    /// Runs until the node is drained.
    pub async fn run(mut self) {
        loop {
            let deadline = self.node.next_deadline();
            let event = self.events.next(self.next_wake(deadline)).await;
            let Some((input, requester)) = self.on_event(event) else {
                continue;
            };
            let now = clock::now();
            let outputs = self.node.handle(now, input);
            if let Requester::Control(request, refused) = &requester {
                self.answer_control(now, request, refused.as_deref(), &outputs);
            }
            if let Some(warning) = self.delay.record(deadline, now) {
                tracing::warn!("{warning}");
            }
            if self.apply(outputs, now) {
                return;
            }
            self.windows.close_unused();
            self.publish_changes(now);
            if let Requester::Http(request) = requester {
                self.answer_http(now, request);
            }
            self.run_periodic_checks(now);
            self.report_to_service_manager(now);
        }
    }

    /// When to wake up at the latest: the core's `deadline`, or that of a part of the daemon.
    fn next_wake(&self, deadline: Option<Time>) -> Option<Time> {
        let deadlines = deadline.into_iter();
        let deadlines = deadlines.chain(self.service.next_deadline());
        deadlines.chain(self.feed.next_deadline()).min()
    }

    /// Does what the event asks of the daemon; returns the core's input and who waits for an answer, or
    /// `None` if the core has nothing to do.
    fn on_event(&mut self, event: LoopEvent) -> Option<(Input, Requester)> {
        let input = match event {
            LoopEvent::Link(event) => {
                if let net::Event::Up { peer, address, .. } = &event {
                    self.http.on_link_up(*peer, *address);
                }
                self.current_links.on_event(event)?
            }
            // The tick brings the core up to date, so that the answer is true now.
            LoopEvent::Http(request) => return Some((Input::Tick, Requester::Http(request))),
            LoopEvent::Timer => Input::Tick,
            LoopEvent::Stop => {
                self.service.send_stopping(self.topology.lease);
                Input::Drain
            }
            LoopEvent::Reload(step) => {
                self.on_reload_step(step);
                Input::Tick
            }
            LoopEvent::External(ExternalInput::WindowAnswered(answer)) => {
                self.windows.on_answer(answer)
            }
            LoopEvent::External(ExternalInput::FromWindow(window::Event {
                edge, ball, ..
            })) => Input::FromWindow { edge, ball },
            LoopEvent::External(ExternalInput::Control(control)) => {
                let balls = self.node.ball_views();
                let input = control_request::input(&control.request, &self.topology, balls);
                let refused = input.as_ref().err().cloned();
                let input = input.unwrap_or(Input::Tick);
                return Some((input, Requester::Control(control, refused)));
            }
        };
        Some((input, Requester::Nobody))
    }

    /// Carries out the core's outputs in their order; true when the node may end.
    fn apply(&mut self, outputs: Vec<Output>, now: Time) -> bool {
        // Only `WindowAnswered` leads to `SendToWindow`, so there is at most one in a call.
        let mut not_sent = None;
        for output in outputs {
            match output {
                Output::LedOn(possession) => {
                    self.leds.show(possession, true, now);
                    self.led_changed = true;
                }
                Output::LedOff(possession) => {
                    self.leds.show(possession, false, now);
                    self.led_changed = true;
                }
                Output::Send { to, message } => {
                    net::encode(&message, &mut self.line);
                    self.send_line(to);
                }
                Output::Broadcast(message) => {
                    net::encode(&message, &mut self.line);
                    for peer in self.topology.node_ids() {
                        self.send_line(peer);
                    }
                }
                Output::Notify(notification) => {
                    if let Notification::ElectionWon {
                        ball,
                        missed: Some((from, away)),
                        ..
                    } = notification
                    {
                        self.record_return(ball, from, away);
                    }
                    self.log.log(&self.topology, self.me, &notification);
                }
                Output::OpenWindow { ball, edge } => self.windows.open(ball, edge),
                Output::SendToWindow { ball, sent } => {
                    if !self.windows.send(ball, &sent) {
                        not_sent = Some(ball);
                    }
                }
                Output::Drained => return true,
            }
        }
        match not_sent {
            Some(ball) => {
                let outputs = self.node.handle(now, Input::WindowSendFailed { ball });
                self.apply(outputs, now)
            }
            None => false,
        }
    }

    /// Sends the encoded line to the incarnation of the peer that the core means.
    fn send_line(&self, to: NodeId) {
        if let Some(recipient) = self.node.recipient(to) {
            self.links.send(to, recipient, &self.line);
        }
    }

    /// Replies to a request at the control socket.
    fn answer_control(
        &self,
        now: Time,
        control: &ControlRequest,
        refused: Option<&str>,
        outputs: &[Output],
    ) {
        let balls = || self.status(now).balls;
        let reply = control_request::reply(&control.request, refused, outputs, balls);
        // Fails only if the client has gone.
        let _ = control.reply.try_send(reply);
    }

    /// Takes one step of a reload.
    fn on_reload_step(&mut self, step: ReloadStep) {
        match step {
            ReloadStep::Begun => {
                let micros = clock::monotonic_nanos() / 1_000;
                self.service.send_reloading(micros);
            }
            ReloadStep::Unchanged => self.service.send_reloaded(None),
            ReloadStep::Refused => {
                let prefix = "the reload was refused, see the log";
                self.service.send_reloaded(Some(prefix));
            }
            ReloadStep::Apply(changes) => {
                self.links.move_to(changes.ring_endpoints);
                if let Some(keys) = changes.keys {
                    self.key = Some(KeyNames::of(&keys));
                    self.links.set_keys(keys);
                }
                self.windows.set_endpoints(changes.windows);
                let names = &changes.http_names;
                self.http.configure(&changes.http_endpoints, names);
                self.http_endpoints = changes.http_endpoints.into();
                if let Some(open) = changes.leds {
                    self.leds.replace(open, clock::now());
                }
                self.service.send_reloaded(None);
            }
        }
    }

    /// Once a heartbeat interval: closes silent links and looks after the LED. The core's own heartbeat
    /// wakes the loop.
    fn run_periodic_checks(&mut self, now: Time) {
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + self.topology.heartbeat();
            self.links.sweep();
            self.leds.on_heartbeat(now);
        }
    }
}
