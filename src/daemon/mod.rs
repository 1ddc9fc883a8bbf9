//! One running node: builds the parts, and runs the one loop that owns the core.
//!
//! Tasks turn I/O into events; the loop feeds them to [`Node`] and carries out what it says,
//! in order. Nothing else touches the node, so there is no lock round it.

pub mod control;
mod event_log;
mod event_source;
mod external_input;
pub mod inherit;
pub mod lab;
pub mod leds;
pub mod listen;
pub mod lock;
pub mod log;
pub mod reload;
mod reporting;
mod scheduling_delay;
pub mod service;
pub mod signals;
pub mod windows;

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use async_io::Async;
use smol::channel::{Receiver, bounded};
use smol::{LocalExecutor, Task};

use crate::clock;
use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::http::{self, Feed, Metrics, ReturnStatus};
use crate::net::{self, Links};
use crate::ring::{Incarnation, Input, Node, NodeId, Notification, Output, Time, Topology};
use crate::window;
use event_log::EventLog;
use event_source::{EventSource, LoopEvent};
use external_input::ExternalInput;
use lab::Lab;
use leds::Leds;
use reload::ReloadStep;
use scheduling_delay::SchedulingDelay;
use service::ServiceManager;
use windows::Windows;

/// Lines and link changes that wait for the loop at the most; beyond it, peers are read no faster.
const MOST_EVENTS: usize = 32;

/// What a node needs to run.
pub struct Setup {
    /// The ring.
    pub topology: Arc<Topology>,
    /// This node.
    pub me: NodeId,
    /// Where every node listens for its peers, in ring order.
    pub addresses: Vec<Endpoint>,
    /// Its LED.
    pub leds: Leds,
    /// Where peers connect.
    pub ring_listener: Async<TcpListener>,
    /// Where HTTP clients connect, if at all.
    pub http_listener: Option<Async<TcpListener>>,
    /// Where students connect, if at all.
    pub lab: Option<lab::LabListeners>,
    /// Where they connect to every node, in ring order; may be empty.
    pub http_endpoints: Vec<Endpoint>,
    /// Where the windows beside it take balls.
    pub window_endpoints: reload::WindowEndpoints,
    /// Where they give it balls.
    pub window_listeners: windows::WindowListeners,
    /// Where people on this machine ask it for things, if anywhere.
    pub control: Option<control::Listener>,
    /// A message here is a request to hand every ball on and end.
    pub stop: Receiver<()>,
    /// The steps of reloads, if there can be any.
    pub reloads: Option<Receiver<ReloadStep>>,
    /// Who is to be told that the node is ready and alive.
    pub service: ServiceManager,
}

/// Every node's ring address, in the order of the file.
pub fn addresses(config: &Config) -> Vec<Endpoint> {
    let address = |node: &crate::config::NodeConfig| Endpoint {
        host: node.host.clone(),
        port: node.ports.ring,
    };
    config.nodes.iter().map(address).collect()
}

/// Every node's HTTP endpoint, in the order of the file.
pub fn http_endpoints(config: &Config) -> Vec<Endpoint> {
    let door = |node: &crate::config::NodeConfig| Endpoint {
        host: node.host.clone(),
        port: node.ports.http,
    };
    config.nodes.iter().map(door).collect()
}

/// A node that is set up and about to run.
pub struct Daemon {
    topology: Arc<Topology>,
    me: NodeId,
    node: Node,
    links: Links,
    leds: Leds,
    events: EventSource,
    next_sweep: Time,
    delays: SchedulingDelay,
    notes: EventLog,
    windows: Windows,
    service: ServiceManager,
    /// The connection of every peer whose lines count: the latest.
    current: BTreeMap<NodeId, u64>,
    line: Vec<u8>,
    http_endpoints: Rc<[Endpoint]>,
    page: http::Source,
    metrics: Metrics,
    feed: Feed,
    /// A ball came or went since the feed was last asked.
    urgent: bool,
    returned: Option<(Time, ReturnStatus)>,
    _http: Option<Task<()>>,
    _lab: Option<Lab>,
    _control: Option<Task<()>>,
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
            addresses: setup.addresses,
        };
        let links = Links::start(executor, settings, setup.ring_listener, link_sender);
        let delays = SchedulingDelay::new(setup.topology.lease);
        let documents = lab.as_ref().map(Lab::documents).unwrap_or_default();
        let (source, http_requests) =
            http::Source::new(&setup.http_endpoints, documents, metrics.clone());
        let http = setup
            .http_listener
            .map(|listener| source.clone().spawn(executor, listener));
        let (inputs, external_inputs) = bounded(MOST_EVENTS);
        let control = setup.control;
        let control = control.map(|listener| listener.spawn(executor, inputs.clone()));
        let place = (&*setup.topology, setup.me);
        let windows = Windows::start(
            executor,
            place,
            setup.window_endpoints,
            setup.window_listeners,
            inputs,
        );
        Ok(Self {
            topology: setup.topology,
            me: setup.me,
            node,
            links,
            leds: setup.leds,
            events: EventSource::new(
                link_events,
                http_requests,
                setup.stop,
                setup.reloads,
                external_inputs,
            ),
            next_sweep: now,
            delays,
            notes: EventLog::default(),
            windows,
            service: setup.service,
            current: BTreeMap::new(),
            line: Vec::new(),
            http_endpoints: setup.http_endpoints.into(),
            page: source,
            metrics,
            feed: Feed::new(incarnation.to_string(), now),
            urgent: false,
            returned: None,
            _http: http,
            _lab: lab,
            _control: control,
        })
    }

    /// Runs until the node is drained.
    pub async fn run(mut self) {
        loop {
            let deadline = self.node.next_deadline();
            let due = deadline.into_iter();
            let due = due
                .chain(self.service.next_deadline())
                .chain(self.feed.due());
            let (mut http_request, mut control_request) = (None, None);
            let input = match self.events.next(due.min()).await {
                LoopEvent::Link(event) => match self.on_link_event(event) {
                    Some(input) => input,
                    None => continue,
                },
                LoopEvent::Http(request) => {
                    http_request = Some(request);
                    // The answer tells what is true now, not what was at the last event.
                    Input::Tick
                }
                LoopEvent::Timer => Input::Tick,
                LoopEvent::Stop => {
                    self.service.send_stopping(self.topology.lease);
                    Input::Drain
                }
                LoopEvent::Reload(step) => {
                    self.reload(step);
                    Input::Tick
                }
                LoopEvent::External(ExternalInput::WindowAnswered(answer)) => {
                    self.windows.on_answer(answer)
                }
                LoopEvent::External(ExternalInput::FromWindow(window::Event {
                    edge,
                    ball,
                    ..
                })) => Input::FromWindow { edge, ball },
                LoopEvent::External(ExternalInput::Control(call)) => {
                    let input = control::input(&self, &call.request);
                    control_request = Some((call, input.as_ref().err().cloned()));
                    input.unwrap_or(Input::Tick)
                }
            };
            let now = clock::now();
            let outputs = self.node.handle(now, input);
            if let Some((call, refused)) = control_request {
                control::reply(&self, now, &call, refused, &outputs);
            }
            if let Some(warning) = self.delays.note(deadline, now) {
                tracing::warn!("{warning}");
            }
            if self.apply(outputs, now) {
                return;
            }
            self.windows.close_unused();
            self.publish_changes(now);
            if let Some(request) = http_request {
                self.answer_http(now, request);
            }
            self.on_heartbeat(now);
            self.report_to_service_manager(now);
        }
    }

    /// Does what the core says, in its order; true when the node may end.
    fn apply(&mut self, outputs: Vec<Output>, now: Time) -> bool {
        // A core gives one ball at a time: each has a connection of its own.
        let mut kept = None;
        for output in outputs {
            match output {
                Output::LedOn(possession) => {
                    self.leds.show(possession, true, now);
                    self.urgent = true;
                }
                Output::LedOff(possession) => {
                    self.leds.show(possession, false, now);
                    self.urgent = true;
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
                Output::Notify(note) => {
                    if let Notification::ElectionWon {
                        ball,
                        missed: Some((from, away)),
                        ..
                    } = note
                    {
                        self.record_return(ball, from, away);
                    }
                    self.notes.log(&self.topology, self.me, &note);
                }
                Output::OpenWindow { ball, edge } => self.windows.open(ball, edge),
                Output::SendToWindow { ball, sent } => {
                    if !self.windows.send(ball, &sent) {
                        kept = Some(ball);
                    }
                }
                Output::Drained => return true,
            }
        }
        match kept {
            Some(ball) => {
                let outputs = self.node.handle(now, Input::WindowSendFailed { ball });
                self.apply(outputs, now)
            }
            None => false,
        }
    }

    /// Sends the encoded line to the life of the peer that the core spoke to.
    fn send_line(&self, to: NodeId) {
        if let Some(recipient) = self.node.recipient(to) {
            self.links.send(to, recipient, &self.line);
        }
    }

    /// What an event of the links means to the core; `None` for one of a connection that a later
    /// one has replaced: their tasks may speak in any order.
    fn on_link_event(&mut self, event: net::Event) -> Option<Input> {
        let is_current =
            |current: &BTreeMap<NodeId, u64>, peer, link| current.get(&peer) == Some(&link);
        match event {
            net::Event::Up {
                peer,
                incarnation,
                link,
            } => {
                let newest = self
                    .current
                    .get(&peer)
                    .is_none_or(|&earlier| earlier < link);
                newest.then(|| {
                    self.current.insert(peer, link);
                    Input::LinkUp { peer, incarnation }
                })
            }
            net::Event::Down { peer, link } => {
                is_current(&self.current, peer, link).then_some(Input::LinkDown { peer })
            }
            net::Event::Line {
                from,
                link,
                message,
            } => is_current(&self.current, from, link).then_some(Input::Received { from, message }),
            net::Event::Duplicate => Some(Input::Duplicate),
        }
    }

    /// Once a heartbeat, for which the core events the loop anyway.
    fn on_heartbeat(&mut self, now: Time) {
        if now >= self.next_sweep {
            self.next_sweep = now + self.topology.heartbeat();
            self.links.sweep();
            self.leds.tick(now);
        }
    }
}
