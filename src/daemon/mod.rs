//! One running node: builds the parts, and runs the one loop that owns the core.
//!
//! Tasks turn I/O into events; the loop feeds them to [`Node`] and carries out what it says,
//! in order. Nothing else touches the node, so there is no lock round it.

pub mod lights;
pub mod listen;
pub mod lock;
pub mod log;
mod note;
pub mod signals;
mod stalls;
mod tell;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use async_io::{Async, Timer};
use smol::channel::{Receiver, bounded};
use smol::{LocalExecutor, Task, future};

use crate::clock;
use crate::config::Config;
use crate::http::{self, Ask, Asks, Door, Feed, Meters, ReturnStatus};
use crate::net::{self, Links};
use crate::ring::{Incarnation, Input, Node, NodeId, Note, Output, Time, Topology};
use lights::Lights;
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
    /// Where they connect to every node, in ring order; may be empty.
    pub doors: Vec<Door>,
    /// A message here is a request to hand every ball on and end.
    pub stop: Receiver<()>,
}

/// Every node's ring address, in the order of the file.
pub fn addresses(config: &Config) -> Vec<net::Address> {
    let address = |node: &crate::config::Node| net::Address {
        host: node.host.clone(),
        port: node.ports.ring,
    };
    config.nodes.iter().map(address).collect()
}

/// Every node's HTTP endpoint, in the order of the file.
pub fn doors(config: &Config) -> Vec<Door> {
    let door = |node: &crate::config::Node| Door {
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
    /// The connection of every peer whose lines count: the latest.
    current: BTreeMap<NodeId, u64>,
    line: Vec<u8>,
    doors: Rc<[Door]>,
    meters: Meters,
    feed: Feed,
    /// A ball came or went since the feed was last asked.
    urgent: bool,
    returned: Option<(Time, ReturnStatus)>,
    _http: Option<Task<()>>,
}

/// What the loop waits for.
struct Wakes {
    links: Receiver<net::Event>,
    asks: Asks,
    stop: Receiver<()>,
    timer: Timer,
    /// When the timer goes off, if it is set.
    armed: Option<Time>,
}

/// What the loop was woken by.
enum Wake {
    Link(net::Event),
    Ask(Ask),
    Stop,
    Time,
}

impl Daemon {
    /// Starts the tasks of a node on `executor`.
    ///
    /// # Errors
    /// When the system gives no random bits for the incarnation.
    pub fn start(
        executor: &Rc<LocalExecutor<'static>>,
        setup: Setup,
    ) -> Result<Self, getrandom::Error> {
        let incarnation = Incarnation(getrandom::u64()?);
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
        let meters = Meters::default();
        let (source, asks) = http::Source::new(&setup.doors, meters.clone());
        let http = setup
            .http_listener
            .map(|listener| source.spawn(executor, listener));
        Ok(Self {
            topology: setup.topology,
            me: setup.me,
            node,
            links,
            lights: setup.lights,
            wakes: Wakes {
                links: link_events,
                asks,
                stop: setup.stop,
                timer: Timer::never(),
                armed: None,
            },
            next_sweep: now,
            stalls,
            current: BTreeMap::new(),
            line: Vec::new(),
            doors: setup.doors.into(),
            meters,
            feed: Feed::new(incarnation.to_string(), now),
            urgent: false,
            returned: None,
            _http: http,
        })
    }

    /// Runs until the node is drained.
    pub async fn run(mut self) {
        loop {
            let deadline = self.node.next_deadline();
            let alarm = deadline.into_iter().chain(self.feed.due()).min();
            let mut asked = None;
            let input = match self.wakes.next(alarm).await {
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
                Wake::Stop => Input::Drain,
            };
            let now = clock::now();
            let outputs = self.node.handle(now, input);
            if let Some(warning) = self.stalls.note(deadline, now) {
                tracing::warn!("{warning}");
            }
            if self.carry_out(outputs) {
                return;
            }
            self.tell(now);
            if let Some(ask) = asked {
                self.answer(now, ask);
            }
            self.sweep(now);
        }
    }

    /// Does what the core says, in its order; true when the node may end.
    fn carry_out(&mut self, outputs: Vec<Output>) -> bool {
        for output in outputs {
            match output {
                Output::Light(possession) => {
                    self.lights.show(possession, true);
                    self.urgent = true;
                }
                Output::Dark(possession) => {
                    self.lights.show(possession, false);
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
                Output::Note(note) => {
                    if let Note::Won {
                        ball,
                        missed: Some((from, away)),
                        ..
                    } = note
                    {
                        self.note_return(ball, from, away);
                    }
                    note::log(&self.topology, &note);
                }
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

    /// Once a heartbeat, for which the core wakes the loop anyway.
    fn sweep(&mut self, now: Time) {
        if now >= self.next_sweep {
            self.next_sweep = now + self.topology.heartbeat();
            self.links.sweep();
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
            timer,
            armed,
        } = self;
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
