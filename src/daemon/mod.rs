//! One running node: builds the parts, and runs the services around the thread that owns the core.
//!
//! The ring's thread (`ring_thread/`) owns the node, its established links and its LED. What waits for the world runs on the
//! executor: dialling, accepting, names, handshakes, HTTP, windows, the control socket, reloads. Commands
//! and reports go between the two over bounded queues; neither ever waits for the other.

pub mod control;
mod control_request;
mod event_log;
mod event_source;
mod external_input;
pub mod inherit;
mod keys;
pub mod lab;
pub mod leds;
pub mod listen;
pub mod lock;
mod notify_socket;
pub mod reload;
mod reporting;
mod ring_thread;
mod scheduling_delay;
pub mod service;
mod setup;
mod waiting;
pub mod windows;

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use smol::channel::bounded;
use smol::{LocalExecutor, Task};

use crate::clock;
use crate::endpoint::Endpoint;
use crate::http::{self, Feed, Metrics, ReturnStatus};
use crate::keeper::Recipients;
use crate::net::{self, LinkChange, Links};
use crate::ring::{Incarnation, Input, NodeId, Notification, Time, Topology};
use crate::window;
use event_log::EventLog;
use event_source::{EventSource, ServiceEvent};
use external_input::ExternalInput;
use keys::KeyNames;
use lab::Lab;
use reload::ReloadStep;
use ring_thread::{Command, Report, RingSetup, RingThread};
use waiting::{Waiter, Waiting};
use windows::Windows;

pub use ring_thread::ReservedThread;
pub use setup::{Setup, host_name, http_endpoints, ring_endpoints};

/// At most this many events wait for the services; when it is full, those who have more wait.
const MOST_EVENTS: usize = 32;

/// How soon to look again whether the ring's thread has room for commands.
const ROOM_CHECK: Duration = Duration::from_millis(10);

/// A node that is set up and about to run.
pub struct Daemon {
    topology: Arc<Topology>,
    me: NodeId,
    ring: RingThread,
    links: Links,
    /// Whom the LED keeper tells of the end of this process; `None` if it tells nobody.
    recipients: Option<Recipients>,
    events: EventSource,
    /// Who waits for what the ring's thread will answer.
    waiting: Waiting,
    log: EventLog,
    windows: Windows,
    http_endpoints: Rc<[Endpoint]>,
    http: http::Server,
    metrics: Metrics,
    feed: Feed,
    /// The names of the ring's keys; `None` if it has none.
    key: Option<KeyNames>,
    /// A ball came or went, and the followers are to be told at the feed's deadline.
    ball_moved: bool,
    /// The last ball that this node took over, and when.
    last_return: Option<(Time, ReturnStatus)>,
    _http: Vec<Task<()>>,
    _lab: Option<Lab>,
    _control: Option<Task<()>>,
}

impl Daemon {
    /// Starts the tasks of a node on `executor`, its ring on `thread`, and its lab on threads of its own.
    ///
    /// # Errors
    /// When the system gives no random bits for the incarnation, or no thread or descriptor.
    pub fn start(
        executor: &Rc<LocalExecutor<'static>>,
        thread: ReservedThread,
        setup: Setup,
    ) -> io::Result<Self> {
        let incarnation =
            Incarnation(getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?);
        let metrics = Metrics::default();
        let lab = setup.lab.map(|listeners| Lab::start(listeners, &metrics));
        let lab = lab.transpose()?;
        let mut leds = setup.leds;
        let recipients = leds.tell_end(setup.me, incarnation);
        let ring = RingSetup {
            topology: Arc::clone(&setup.topology),
            me: setup.me,
            incarnation,
            leds,
            service: setup.service,
        };
        let ring = RingThread::start(thread, ring)?;
        // A reload can ask for all links to be closed at once.
        let (link_sender, link_events) = bounded(MOST_EVENTS + setup.topology.nodes.len());
        let settings = net::Settings {
            topology: Arc::clone(&setup.topology),
            me: setup.me,
            incarnation,
            addresses: setup.ring_endpoints,
            keys: setup.keys,
            commitment: recipients.as_ref().map(Recipients::commitment),
        };
        let key = settings.keys.as_ref().map(KeyNames::of);
        let links = Links::start(executor, settings, setup.ring_listener, link_sender);
        let documents = lab.as_ref().map(Lab::documents).unwrap_or_default();
        let access = http::Access::new(&setup.topology, setup.me, &host_name());
        let (http, http_requests) = http::Server::new(access, documents, metrics.clone());
        http.configure(&setup.http_endpoints, &setup.http_names);
        let listeners = setup.http_listeners.into_iter();
        let serving = listeners.map(|listener| http.clone().spawn(executor, listener));
        let serving = serving.collect();
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
            topology: setup.topology,
            me: setup.me,
            ring,
            links,
            recipients,
            events: EventSource::new(
                link_events,
                http_requests,
                setup.stop,
                setup.reloads,
                external_inputs,
            ),
            waiting: Waiting::default(),
            log: EventLog::default(),
            windows,
            http_endpoints: setup.http_endpoints.into(),
            http,
            metrics,
            feed: Feed::new(incarnation.to_string(), clock::now()),
            key,
            ball_moved: false,
            last_return: None,
            _http: serving,
            _lab: lab,
            _control: control,
        })
    }

    /// Runs until the node has left the ring.
    ///
    /// # Errors
    /// When the ring's thread had to end.
    pub async fn run(mut self) -> io::Result<()> {
        loop {
            // While a snapshot for the followers is under way, there is nothing to do for them.
            let deadline = self.feed.next_deadline();
            let deadline = deadline.filter(|_| !self.waiting.has_feed());
            let room_check = self.ring.flush().then(|| clock::now() + ROOM_CHECK);
            let deadline = deadline.into_iter().chain(room_check).min();
            match self.events.next(&self.ring, deadline).await {
                ServiceEvent::News => {
                    while let Some(report) = self.ring.next_report() {
                        if let Report::Ended(ended) = report {
                            return ended;
                        }
                        self.on_report(report);
                    }
                }
                ServiceEvent::Link(event) => self.command(Command::Net(event)),
                ServiceEvent::Http(query) => self.ask(Waiter::Http(query)),
                ServiceEvent::Timer => {}
                ServiceEvent::Stop => self.command(Command::Drain),
                ServiceEvent::Reload(step) => self.on_reload_step(step),
                ServiceEvent::External(input) => self.on_external_input(input),
            }
            self.publish_changes();
            self.ring.follow(self.wanted());
        }
    }

    /// Sends a command to the ring's thread.
    fn command(&mut self, command: Command) {
        if !self.ring.send(command) {
            tracing::error!("the ring's thread takes no commands: it hangs");
        }
    }

    fn on_external_input(&mut self, input: ExternalInput) {
        match input {
            ExternalInput::WindowAnswered(answer) => {
                let input = self.windows.on_answer(answer);
                self.command(Command::Input(input));
            }
            ExternalInput::FromWindow(window::Event { edge, ball, .. }) => {
                self.command(Command::Input(Input::FromWindow { edge, ball }));
            }
            ExternalInput::Control(control) => {
                let request = control.request.clone();
                let number = self.waiting.add(Waiter::Control(control));
                self.command(Command::Control(number, request));
            }
        }
    }

    /// Asks for what the node knows now, for whoever waits for it.
    fn ask(&mut self, waiter: Waiter) {
        let number = self.waiting.add(waiter);
        self.command(Command::Snapshot(number));
    }

    /// Does what the ring's thread asks for, and hands its answers on.
    fn on_report(&mut self, report: Report) {
        match report {
            Report::Link(report) => {
                if let Some(change) = self.links.on_report(report) {
                    self.on_link_change(change);
                }
            }
            Report::Snapshot(number, snapshot) => self.on_snapshot(number, &snapshot),
            Report::Answer(number, answer) => self.on_answer(number, &answer),
            Report::OpenWindow(ball, edge) => self.windows.open(ball, edge),
            Report::SendToWindow(ball, sent) => {
                if !self.windows.send(ball, &sent) {
                    self.command(Command::Input(Input::WindowSendFailed { ball }));
                }
            }
            Report::WindowUnused(ball) => self.windows.close_unused(ball),
            Report::Probe => self.command(Command::ServicesRun),
            Report::Notification(notification) => {
                if let Notification::ElectionWon {
                    ball,
                    missed: Some((from, away)),
                    death,
                    ..
                } = notification
                {
                    self.record_return(ball, from, away, death);
                }
                self.log.log(&self.topology, self.me, &notification);
            }
            Report::Log(tracing::Level::ERROR, line) => tracing::error!("{line}"),
            Report::Log(tracing::Level::WARN, line) => tracing::warn!("{line}"),
            Report::Log(_, line) => tracing::info!("{line}"),
            Report::NotificationsLost(count) => {
                tracing::warn!("{count} notifications of the ring came too fast to be logged");
            }
            // `run` returns with it.
            Report::Ended(_) => {}
        }
    }

    fn on_link_change(&mut self, change: LinkChange) {
        let LinkChange {
            peer,
            opened,
            place,
        } = change;
        if let Some(recipients) = &self.recipients {
            recipients.set(peer, place);
        }
        if let Some(address) = opened {
            self.http.on_link_up(peer, address);
        }
    }

    /// Takes one step of a reload.
    fn on_reload_step(&mut self, step: ReloadStep) {
        match step {
            ReloadStep::Begun => {
                let micros = clock::monotonic_nanos() / 1_000;
                self.command(Command::Reloading(micros));
            }
            ReloadStep::Unchanged => self.command(Command::Reloaded(None)),
            ReloadStep::Refused => {
                let prefix = "the reload was refused, see the log";
                self.command(Command::Reloaded(Some(prefix)));
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
                    self.command(Command::ReplaceLed(open));
                }
                self.command(Command::Reloaded(None));
            }
        }
    }
}
