//! One running node: builds the parts, and runs the one loop that owns the core.
//!
//! Tasks turn I/O into events; the loop feeds them to [`Node`] and carries out what it says,
//! in order. Nothing else touches the node, so there is no lock round it.

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

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use async_io::{Async, Timer};
use smol::channel::{Receiver, Sender, bounded};
use smol::{LocalExecutor, Task, future};

use crate::clock;
use crate::config::Config;
use crate::http::{self, Asks, Status, Surroundings};
use crate::net::{self, Links};
use crate::ring::{Incarnation, Input, Node, NodeId, Output, Time, Topology};
use lab::Lab;
use lights::Lights;
use reload::{Change, Step, Steps};
use service::Service;
use stalls::Stalls;

/// Lines and link changes that wait for the loop at the most; beyond it, peers are read no faster.
const MOST_EVENTS: usize = 32;

/// What a node needs to run.
pub struct Setup {
    /// The ring.
    pub topology: Arc<Topology>,
    /// This node.
    pub me: NodeId,
    /// Where every node listens for its peers, in ring order.
    pub addresses: Vec<net::Address>,
    /// Its LED.
    pub lights: Lights,
    /// Where peers connect.
    pub ring_listener: Async<TcpListener>,
    /// Where HTTP clients connect, if at all.
    pub http_listener: Option<Async<TcpListener>>,
    /// Where students connect, if at all.
    pub lab: Option<lab::Listeners>,
    /// A message here is a request to hand every ball on and end.
    pub stop: Receiver<()>,
    /// The steps of reloads, if there can be any.
    pub reloads: Option<Steps>,
    /// Who is to be told that the node is ready and alive.
    pub service: Service,
}

/// Every node's ring address, in the order of the file.
pub fn addresses(config: &Config) -> Vec<net::Address> {
    let address = |node: &crate::config::Node| net::Address {
        host: node.host.clone(),
        port: node.ports.ring,
    };
    config.nodes.iter().map(address).collect()
}

/// A node that is set up and about to run.
pub struct Daemon {
    topology: Arc<Topology>,
    node: Node,
    links: Links,
    lights: Lights,
    wakes: Wakes,
    next_sweep: Time,
    stalls: Stalls,
    service: Service,
    /// The connection of every peer whose lines count: the latest.
    current: BTreeMap<NodeId, u64>,
    line: Vec<u8>,
    _http: Option<Task<()>>,
    _lab: Option<Lab>,
}

/// What the loop waits for.
struct Wakes {
    links: Receiver<net::Event>,
    asks: Asks,
    stop: Receiver<()>,
    reloads: Option<Steps>,
    timer: Timer,
    /// When the timer goes off, if it is set.
    armed: Option<Time>,
}

/// What the loop was woken by.
enum Wake {
    Link(net::Event),
    Ask(Sender<Status>),
    Stop,
    Reload(Step),
    Time,
}

impl Daemon {
    /// Starts the tasks of a node on `executor`, and its lab on threads of its own.
    ///
    /// # Errors
    /// When the system gives no random bits for the incarnation, or no thread for the lab.
    pub fn start(executor: &Rc<LocalExecutor<'static>>, setup: Setup) -> io::Result<Self> {
        let incarnation =
            Incarnation(getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?);
        let lab = setup.lab.map(Lab::start).transpose()?;
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
        let (source, asks) = http::Source::new(documents);
        let http = setup
            .http_listener
            .map(|listener| source.spawn(executor, listener));
        Ok(Self {
            topology: setup.topology,
            node,
            links,
            lights: setup.lights,
            wakes: Wakes {
                links: link_events,
                asks,
                stop: setup.stop,
                reloads: setup.reloads,
                timer: Timer::never(),
                armed: None,
            },
            next_sweep: now,
            stalls,
            service: setup.service,
            current: BTreeMap::new(),
            line: Vec::new(),
            _http: http,
            _lab: lab,
        })
    }

    /// Runs until the node is drained.
    pub async fn run(mut self) {
        loop {
            let deadline = self.node.next_deadline();
            let due = deadline.into_iter().chain(self.service.next_due()).min();
            let wake = self.wakes.next(due).await;
            let asker = wake.asker();
            let input = match wake {
                Wake::Link(event) => match self.admit(event) {
                    Some(input) => input,
                    None => continue,
                },
                // The answer tells what is true now, not what was at the last event.
                Wake::Time | Wake::Ask(_) => Input::Tick,
                Wake::Stop => {
                    self.service.stopping(self.topology.lease);
                    Input::Drain
                }
                Wake::Reload(step) => {
                    self.reload(step);
                    Input::Tick
                }
            };
            let now = clock::now();
            let outputs = self.node.handle(now, input);
            if let Some(warning) = self.stalls.note(deadline, now) {
                tracing::warn!("{warning}");
            }
            if self.carry_out(outputs, now) {
                return;
            }
            if let Some(asker) = asker {
                self.answer(&asker);
            }
            self.sweep(now);
            self.report(now);
        }
    }

    /// Does what the core says, in its order; true when the node may end.
    fn carry_out(&mut self, outputs: Vec<Output>, now: Time) -> bool {
        for output in outputs {
            match output {
                Output::Light(possession) => self.lights.show(possession, true, now),
                Output::Dark(possession) => self.lights.show(possession, false, now),
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
                Output::Note(note) => note::log(&self.topology, &note),
                Output::Drained => return true,
            }
        }
        false
    }

    /// Sends the encoded line to the life of the peer that the core spoke to.
    fn say(&self, to: NodeId) {
        if let Some(addressee) = self.node.addressee(to) {
            self.links.send(to, addressee, &self.line);
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

    fn answer(&self, answer: &Sender<Status>) {
        let counters = self.links.counters();
        let surroundings = Surroundings {
            led: self.lights.status(),
            reconnects: counters.reconnects,
            bad_lines: counters.bad_lines,
            stalls: self.stalls.count(),
            longest_stall: self.stalls.longest(),
        };
        let status = Status::new(&self.topology, &self.node.view(), surroundings);
        // Fails only if the asker has gone.
        let _ = answer.try_send(status);
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

impl Daemon {
    /// What the service manager is to know after this turn.
    fn report(&mut self, now: Time) {
        self.service.progress(now);
        if self.service.wants_status(now) {
            let balls: Vec<_> = self.node.ball_views().collect();
            self.service.status(now, &self.topology, &balls);
        }
    }

    fn reload(&mut self, step: Step) {
        match step {
            Step::Begun => self.service.reloading(clock::monotonic_nanos() / 1_000),
            Step::Unchanged => self.service.reloaded(None),
            Step::Refused => self
                .service
                .reloaded(Some("the new ring file was refused, see the log")),
            Step::Apply(Change { addresses, lights }) => {
                self.links.move_to(addresses);
                if let Some(make) = lights {
                    self.lights.replace(make, clock::now());
                }
                self.service.reloaded(None);
            }
        }
    }
}

impl Wake {
    fn asker(&self) -> Option<Sender<Status>> {
        match self {
            Self::Ask(asker) => Some(asker.clone()),
            Self::Link(_) | Self::Stop | Self::Reload(_) | Self::Time => None,
        }
    }
}

impl Wakes {
    async fn next(&mut self, deadline: Option<Time>) -> Wake {
        self.arm(deadline);
        let Self {
            links,
            asks,
            stop,
            reloads,
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
        future::or(future::or(rare, reload), future::or(link, time)).await
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
