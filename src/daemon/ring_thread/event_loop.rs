//! The ring's loop: waits, reads, lets the node handle what came, and does what it asks for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::Level;

use super::mailbox::Receiver;
use super::message::{Answer, Command, Report, Snapshot};
use super::reports::Reports;
use crate::clock;
use crate::control::Request;
use crate::daemon::control_request;
use crate::daemon::leds::Leds;
use crate::daemon::scheduling_delay::SchedulingDelay;
use crate::daemon::service::ServiceManager;
use crate::net::{self, LinkSet};
use crate::poller::{Poller, TIMER, Token};
use crate::ring::{Input, Node, NodeId, Notification, Output, Time, Topology};

/// The services have put a command into the mailbox.
pub(super) const COMMANDS: Token = Token(u64::MAX - 1);

/// How often the ended loop looks whether the services have made room for its last reports.
const ROOM_CHECK: Duration = Duration::from_millis(1);

/// All that the ring's thread owns.
pub(super) struct EventLoop {
    pub(super) topology: Arc<Topology>,
    pub(super) node: Node,
    /// What the node asks for; empty between two inputs, kept for its memory.
    pub(super) outputs: Vec<Output>,
    pub(super) links: LinkSet,
    pub(super) leds: Leds,
    pub(super) poller: Poller,
    pub(super) commands: Receiver<Command>,
    pub(super) reports: Reports,
    pub(super) service: ServiceManager,
    pub(super) delay: SchedulingDelay,
    pub(super) next_heartbeat: Time,
    /// Set when the thread is to end at once.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) has_left: bool,
}

impl EventLoop {
    /// Runs until the node has left the ring, or is to end at once.
    ///
    /// # Errors
    /// When the kernel refuses to wait for the sockets.
    pub(super) fn run(&mut self) -> io::Result<()> {
        self.report_led();
        let mut deadline = self.node.next_deadline();
        while !self.has_left && !self.stop.load(Ordering::Acquire) {
            self.poller.wait(self.next_wake(deadline))?;
            for index in 0..self.poller.ready_count() {
                let Some(ready) = self.poller.ready(index) else {
                    break;
                };
                match ready.token {
                    TIMER => {}
                    COMMANDS => self.take_commands(),
                    link => {
                        self.links.on_ready(&self.poller, ready);
                        self.read_messages(link);
                    }
                }
            }
            deadline = self.on_time(deadline);
        }
        Ok(())
    }

    /// Tells the services that the loop has ended, and all that they have not been told yet.
    pub(super) fn end(&mut self, ended: io::Result<()>) {
        self.reports.send(Report::Ended(ended));
        while self.reports.has_backlog() && !self.stop.load(Ordering::Acquire) {
            std::thread::sleep(ROOM_CHECK);
            self.reports.flush();
        }
    }

    /// When to wake up at the latest: the core's `deadline`, that of the service manager, or the next heartbeat,
    /// where there is something to do once a heartbeat.
    fn next_wake(&self, deadline: Option<Time>) -> Option<Time> {
        let needs_heartbeat = self.leds.needs_heartbeat() || self.reports.has_backlog();
        let deadlines = deadline.into_iter();
        deadlines
            .chain(self.service.next_deadline())
            .chain(needs_heartbeat.then_some(self.next_heartbeat))
            .min()
    }

    /// Lets the node handle every message that has come on a connection.
    fn read_messages(&mut self, connection: Token) {
        while let Some(input) = self.links.next_input(connection) {
            self.handle(input);
        }
        self.on_link_changes();
    }

    /// Tells the node which links have ended, and reads those connections whose turn has come.
    fn on_link_changes(&mut self) {
        loop {
            if let Some(input) = self.links.next_down() {
                self.handle(input);
            } else if let Some(connection) = self.links.next_resumed(&self.poller) {
                while let Some(input) = self.links.next_input(connection) {
                    self.handle(input);
                }
            } else {
                break;
            }
        }
        while let Some(report) = self.links.next_report() {
            self.reports.send(Report::Link(report));
        }
    }

    /// Does what is due: the node's deadline, the heartbeat's checks, the messages to the service manager.
    ///
    /// `awaited` is the deadline for which the loop has waited. Returns the next one.
    fn on_time(&mut self, awaited: Option<Time>) -> Option<Time> {
        let now = clock::now();
        if let Some(warning) = self.delay.record(awaited, now) {
            self.reports.send(Report::Log(Level::WARN, warning));
        }
        if self.node.next_deadline().is_some_and(|due| due <= now) {
            self.handle(Input::Tick);
            self.on_link_changes();
        }
        if now >= self.next_heartbeat {
            self.on_heartbeat(now);
        }
        if self.service.on_loop_turn(now) {
            self.reports.send(Report::Probe);
        }
        if self.service.is_status_due(now) {
            let balls: Vec<_> = self.node.ball_views().collect();
            self.service.send_status(now, &self.topology, &balls);
        }
        self.node.next_deadline()
    }

    /// Does what is to be done once a heartbeat: together with the node's own, so that both cost one wake.
    fn on_heartbeat(&mut self, now: Time) {
        let next = self.node.next_heartbeat();
        self.next_heartbeat = if next > now {
            next
        } else {
            // The node is alone in its ring, and sends none.
            now + self.topology.heartbeat()
        };
        self.links.on_heartbeat();
        self.on_link_changes();
        self.leds.on_heartbeat(now);
        self.report_led();
        self.reports.flush();
    }

    /// The log is written by others: its lock may be held by a thread that waits for a processor.
    fn report_led(&mut self) {
        while let Some((level, sentence)) = self.leds.next_log_line() {
            self.reports.send(Report::Log(level, sentence));
        }
    }

    /// Lets the node handle one input, and does what it asks for.
    fn handle(&mut self, input: Input) {
        let now = clock::now();
        self.node.handle_into(now, input, &mut self.outputs);
        self.act(now);
    }

    /// Carries out the node's outputs in their order. What is sent leaves after the LED has changed.
    fn act(&mut self, now: Time) {
        let mut led_changed = false;
        self.leds.set_deadline(self.node.led_deadline(), now);
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            match output {
                Output::LedOn(possession) => {
                    self.leds.show(possession, true, now);
                    led_changed = true;
                }
                Output::LedOff(possession) => {
                    self.leds.show(possession, false, now);
                    led_changed = true;
                }
                Output::Send { to, message } => self.queue(to, &message),
                Output::Broadcast(message) => {
                    for peer in self.topology.node_ids() {
                        self.queue(peer, &message);
                    }
                }
                Output::Multicast { to, message } => {
                    for peer in to.iter() {
                        self.queue(peer, &message);
                    }
                }
                Output::Notify(notification) => {
                    self.reports.notify(Report::Notification(notification));
                }
                Output::OpenWindow { ball, edge } => {
                    self.reports.send(Report::OpenWindow(ball, edge));
                }
                Output::SendToWindow { ball, sent } => {
                    self.reports.send(Report::SendToWindow(ball, sent));
                }
                Output::Drained => {
                    self.leds.on_left();
                    self.has_left = true;
                }
            }
        }
        self.outputs = outputs;
        if led_changed {
            self.report_led();
        }
        self.links.flush(&self.poller);
        self.reports.on_change(led_changed);
    }

    fn queue(&mut self, to: NodeId, message: &crate::ring::Message) {
        if let Some(recipient) = self.node.recipient(to) {
            self.links.queue(to, recipient, message);
        }
    }

    fn take_commands(&mut self) {
        while let Some(command) = self.commands.next() {
            self.on_command(command);
            // Before the next command: it may bring a new link to a peer whose link has just ended.
            self.on_link_changes();
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Net(net::Event::Link(new)) => {
                if let Some(input) = self.links.add(&self.poller, *new) {
                    self.handle(input);
                }
            }
            Command::Net(net::Event::Close(peer, reason)) => self.links.close(peer, reason),
            Command::Net(net::Event::Accept(keys)) => self.links.close_other_keys(&keys),
            Command::Net(net::Event::Duplicate) => self.handle(Input::Duplicate),
            Command::Net(net::Event::Died(peer, incarnation)) => {
                self.handle(Input::Died { peer, incarnation });
            }
            Command::Input(Input::WindowAnswered { ball, open }) => {
                let now = clock::now();
                let input = Input::WindowAnswered { ball, open };
                self.node.handle_into(now, input, &mut self.outputs);
                let uses = |output: &Output| matches!(output, Output::SendToWindow { .. });
                if open && !self.outputs.iter().any(uses) {
                    self.reports.send(Report::WindowUnused(ball));
                }
                self.act(now);
            }
            Command::Input(input) => self.handle(input),
            Command::Snapshot(number) => {
                // The tick brings the node up to date, so that the answer is true now.
                self.handle(Input::Tick);
                let snapshot = Box::new(self.snapshot());
                self.reports.send(Report::Snapshot(number, snapshot));
            }
            Command::Control(number, request) => self.on_control(number, request),
            Command::ReplaceLed(open) => {
                let dark = self.leds.replace(open, clock::now());
                // It took a while: what time has ended meanwhile is not lit again.
                self.handle(Input::Tick);
                self.leds.light_again(&dark, clock::now());
                self.report_led();
            }
            Command::Reloading(since) => self.service.send_reloading(since),
            Command::Reloaded(prefix) => self.service.send_reloaded(prefix),
            Command::ServicesRun => self.service.on_services_answer(),
            Command::Drain => {
                self.service.send_stopping(self.topology.lease);
                self.handle(Input::Drain);
            }
        }
    }

    fn on_control(&mut self, number: u64, request: Request) {
        let balls = self.node.ball_views();
        let input = control_request::input(&request, &self.topology, balls);
        let (input, refused) = match input {
            Ok(input) => (input, None),
            Err(refused) => (Input::Tick, Some(refused)),
        };
        let now = clock::now();
        self.node.handle_into(now, input, &mut self.outputs);
        // Another guest may be rejected at the same moment.
        let adds = matches!(request, Request::Add { .. });
        let rejected = self.outputs.iter().find_map(|output| {
            if let Output::Notify(Notification::GuestRejected { why }) = output
                && adds
            {
                Some(*why)
            } else {
                None
            }
        });
        self.act(now);
        let answer = Box::new(Answer {
            request,
            refused,
            rejected,
            snapshot: self.snapshot(),
        });
        self.reports.send(Report::Answer(number, answer));
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            now: clock::now(),
            view: self.node.view(),
            led: self.leds.status(),
            stalls: self.delay.count(),
            longest_stall: self.delay.longest(),
        }
    }
}
