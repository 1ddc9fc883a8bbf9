//! One running node: builds the parts, and runs the one loop that owns the core.
//!
//! Tasks turn I/O into events; the loop feeds them to [`Node`] and carries out what it says,
//! in order. Nothing else touches the node, so there is no lock round it.

pub mod control;
pub mod inherit;
pub mod lab;
pub mod lights;
pub mod listen;
pub mod lock;
pub mod log;
mod note;
pub mod reload;
pub mod service;
pub mod signals;
mod stalls;
mod tell;
mod visit;
mod wakes;
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
use lab::Lab;
use lights::Lights;
use note::Notes;
use reload::Steps;
use service::Service;
use stalls::Stalls;
use visit::Visit;
use wakes::{Wake, Wakes};
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
    pub lights: Lights,
    /// Where peers connect.
    pub ring_listener: Async<TcpListener>,
    /// Where HTTP clients connect, if at all.
    pub http_listener: Option<Async<TcpListener>>,
    /// Where students connect, if at all.
    pub lab: Option<lab::Listeners>,
    /// Where they connect to every node, in ring order; may be empty.
    pub http_endpoints: Vec<Endpoint>,
    /// Where the windows beside it take balls.
    pub beside: reload::Beside,
    /// Where they give it balls.
    pub entrances: windows::Entrances,
    /// Where people on this machine ask it for things, if anywhere.
    pub control: Option<control::Listener>,
    /// A message here is a request to hand every ball on and end.
    pub stop: Receiver<()>,
    /// The steps of reloads, if there can be any.
    pub reloads: Option<Steps>,
    /// Who is to be told that the node is ready and alive.
    pub service: Service,
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
    lights: Lights,
    wakes: Wakes,
    next_sweep: Time,
    stalls: Stalls,
    notes: Notes,
    windows: Windows,
    service: Service,
    /// The connection of every peer whose lines count: the latest.
    current: BTreeMap<NodeId, u64>,
    line: Vec<u8>,
    http_endpoints: Rc<[Endpoint]>,
    page: http::Server,
    meters: Metrics,
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
        let meters = Metrics::default();
        let lab = setup.lab.map(|listeners| Lab::start(listeners, &meters));
        let lab = lab.transpose()?;
        let now = clock::now();
        let node = Node::new(Arc::clone(&setup.topology), setup.me, incarnation, now);
        let (events, link_events) = bounded(MOST_EVENTS);
        let settings = net::Settings {
            topology: Arc::clone(&setup.topology),
            me: setup.me,
            incarnation,
            addresses: setup.addresses,
        };
        let links = Links::start(executor, settings, setup.ring_listener, events);
        let stalls = Stalls::new(setup.topology.lease);
        let documents = lab.as_ref().map(Lab::documents).unwrap_or_default();
        let (source, asks) = http::Server::new(&setup.http_endpoints, documents, meters.clone());
        let http = setup
            .http_listener
            .map(|listener| source.clone().spawn(executor, listener));
        let (visits, visited) = bounded(MOST_EVENTS);
        let control = setup.control;
        let control = control.map(|listener| listener.spawn(executor, visits.clone()));
        let place = (&*setup.topology, setup.me);
        let windows = Windows::start(executor, place, setup.beside, setup.entrances, visits);
        Ok(Self {
            topology: setup.topology,
            me: setup.me,
            node,
            links,
            lights: setup.lights,
            wakes: Wakes::new(link_events, asks, setup.stop, setup.reloads, visited),
            next_sweep: now,
            stalls,
            notes: Notes::default(),
            windows,
            service: setup.service,
            current: BTreeMap::new(),
            line: Vec::new(),
            http_endpoints: setup.http_endpoints.into(),
            page: source,
            meters,
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
                .chain(self.service.next_due())
                .chain(self.feed.next_deadline());
            let (mut asked, mut called) = (None, None);
            let input = match self.wakes.next(due.min()).await {
                Wake::Link(event) => match self.admit(event) {
                    Some(input) => input,
                    None => continue,
                },
                Wake::Ask(ask) => {
                    asked = Some(ask);
                    // The answer tells what is true now, not what was at the last event.
                    Input::Tick
                }
                Wake::Time => Input::Tick,
                Wake::Stop => {
                    self.service.stopping(self.topology.lease);
                    Input::Drain
                }
                Wake::Reload(step) => {
                    self.reload(step);
                    Input::Tick
                }
                Wake::Visit(Visit::Answer(answer)) => self.windows.hear(answer),
                Wake::Visit(Visit::Ball(window::Event { edge, ball, .. })) => {
                    Input::FromWindow { edge, ball }
                }
                Wake::Visit(Visit::Request(call)) => {
                    let input = control::input(&self, &call.request);
                    called = Some((call, input.as_ref().err().cloned()));
                    input.unwrap_or(Input::Tick)
                }
            };
            let now = clock::now();
            let outputs = self.node.handle(now, input);
            if let Some((call, refused)) = called {
                control::reply(&self, now, &call, refused, &outputs);
            }
            if let Some(warning) = self.stalls.note(deadline, now) {
                tracing::warn!("{warning}");
            }
            if self.carry_out(outputs, now) {
                return;
            }
            self.windows.hang_up();
            self.tell(now);
            if let Some(ask) = asked {
                self.answer(now, ask);
            }
            self.sweep(now);
            self.report(now);
        }
    }

    /// Does what the core says, in its order; true when the node may end.
    fn carry_out(&mut self, outputs: Vec<Output>, now: Time) -> bool {
        // A core gives one ball at a time: each has a connection of its own.
        let mut kept = None;
        for output in outputs {
            match output {
                Output::LedOn(possession) => {
                    self.lights.show(possession, true, now);
                    self.urgent = true;
                }
                Output::LedOff(possession) => {
                    self.lights.show(possession, false, now);
                    self.urgent = true;
                }
                Output::Send { to, message } => {
                    net::encode(&message, &mut self.line);
                    self.say(to);
                }
                Output::Broadcast(message) => {
                    net::encode(&message, &mut self.line);
                    for peer in self.topology.node_ids() {
                        self.say(peer);
                    }
                }
                Output::Notify(note) => {
                    if let Notification::ElectionWon {
                        ball,
                        missed: Some((from, away)),
                        ..
                    } = note
                    {
                        self.note_return(ball, from, away);
                    }
                    self.notes.log(&self.topology, self.me, &note);
                }
                Output::OpenWindow { ball, edge } => self.windows.call(ball, edge),
                Output::SendToWindow { ball, sent } => {
                    if !self.windows.give(ball, &sent) {
                        kept = Some(ball);
                    }
                }
                Output::Drained => return true,
            }
        }
        match kept {
            Some(ball) => {
                let outputs = self.node.handle(now, Input::WindowSendFailed { ball });
                self.carry_out(outputs, now)
            }
            None => false,
        }
    }

    /// Sends the encoded line to the life of the peer that the core spoke to.
    fn say(&self, to: NodeId) {
        if let Some(recipient) = self.node.recipient(to) {
            self.links.send(to, recipient, &self.line);
        }
    }

    /// What an event of the links means to the core; `None` for one of a connection that a later
    /// one has replaced: their tasks may speak in any order.
    fn admit(&mut self, event: net::Event) -> Option<Input> {
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

    /// Once a heartbeat, for which the core wakes the loop anyway.
    fn sweep(&mut self, now: Time) {
        if now >= self.next_sweep {
            self.next_sweep = now + self.topology.heartbeat();
            self.links.sweep();
            self.lights.tick(now);
        }
    }
}
