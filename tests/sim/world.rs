//! The discrete-event simulation around the shipped node: one event queue, one seed, no real clock.

use std::rc::Rc;

use carom::ring::{Incarnation, Input, Message, Node, NodeId, Output};

use crate::checkers::{self, Checker, Failure, Step};
use crate::clock::{Clock, Nanos};
use crate::cost::Traffic;
use crate::event_queue::{Event, EventQueue};
use crate::host::{Host, Process};
use crate::islands::{self, Island};
use crate::large;
use crate::liar::Liar;
use crate::links::Pair;
use crate::network::Network;
use crate::plan::Plan;
use crate::tally::Tally;
use crate::trace::{self, Trace};

/// Where a ball was last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastSeen {
    pub(crate) holder: usize,
    pub(crate) sender: usize,
    pub(crate) receiver: usize,
    /// How often it was passed.
    pub(crate) passes: u64,
}

impl LastSeen {
    fn at(host: usize) -> Self {
        Self {
            holder: host,
            sender: host,
            receiver: host,
            passes: 0,
        }
    }
}

/// The ring, its network, and the checkers.
pub(crate) struct World {
    pub(crate) now: Nanos,
    pub(crate) plan: Plan,
    pub(crate) hosts: Vec<Host>,
    pub(crate) net: Network,
    /// Of the ring file, and of the other one that some hosts have for a time.
    fingerprints: [Rc<str>; 2],
    pub(crate) islands: Vec<Island>,
    /// How often the islands were surveyed.
    pub(crate) surveys: u64,
    /// When a large ring is surveyed again at the earliest.
    next_survey: Nanos,
    pub(crate) last: Vec<LastSeen>,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    pub(crate) failure: Option<Failure>,
    /// Inputs handled so far.
    pub(crate) handled: u64,
    /// A scripted test may drop messages: those for which this returns true are never sent.
    pub(crate) drop_message: Option<fn(&Message) -> bool>,
    /// Counts the messages sent, for measurements.
    pub(crate) traffic: Option<Traffic>,
    pub(crate) random: fastrand::Rng,
    /// Of the LED keepers.
    pub(crate) obituaries: fastrand::Rng,
    pub(crate) pairs: Vec<Pair>,
    /// By fault: the affected hosts, and the affected directions.
    pub(crate) affected_hosts: Vec<Vec<usize>>,
    pub(crate) affected_directions: Vec<Vec<(usize, usize)>>,
    /// The faults that wait for their trigger.
    pub(crate) armed: Vec<usize>,
    pub(crate) links_changed: bool,
    /// The node that lies, if one does.
    pub(crate) liar: Option<Liar>,
    events: EventQueue,
    checkers: Vec<Box<dyn Checker>>,
}

impl World {
    /// The world of a plan, everyone started within the first heartbeat.
    pub(crate) fn new(plan: &Plan, trace: Trace) -> Self {
        let (count, seed) = (plan.topology.nodes.len(), plan.seed);
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let host = |&drift| Host {
            clock: Clock::new(0, 0, drift),
            process: None,
            glow: Vec::new(),
            lifetimes: 0,
            down: 0,
            stopped: 0,
            other_file: 0,
        };
        let starts: Vec<Nanos> = (0..count)
            .map(|_| random.u64(0..=plan.lease() / 4))
            .collect();
        let mut world = Self {
            now: 0,
            hosts: plan.drifts.iter().map(host).collect(),
            net: Network::new(count, plan.profile, seed),
            fingerprints: [&plan.topology, &plan.other].map(|file| file.fingerprint().into()),
            islands: Vec::new(),
            surveys: 0,
            next_survey: 0,
            last: plan
                .topology
                .balls
                .iter()
                .map(|initial| LastSeen::at(initial.start.index()))
                .collect(),
            trace,
            tally: Tally::new(count),
            failure: None,
            handled: 0,
            drop_message: None,
            traffic: None,
            random,
            obituaries: fastrand::Rng::with_seed(seed ^ 0x0b17_0a51),
            pairs: vec![Pair::default(); count * count],
            affected_hosts: vec![Vec::new(); plan.faults.len()],
            affected_directions: vec![Vec::new(); plan.faults.len()],
            armed: Vec::new(),
            links_changed: false,
            liar: None,
            events: EventQueue::default(),
            checkers: checkers::all(plan),
            plan: plan.clone(),
        };
        for (host, at) in starts.into_iter().enumerate() {
            world.schedule(at, Event::Start(host));
        }
        for number in 0..plan.faults.len() {
            world.schedule(plan.faults[number].at, Event::Due(number));
        }
        world.schedule(plan.faults_end, Event::FaultsEnd);
        world.schedule_first_external_input();
        world
    }

    /// Runs to the end of the plan, or to the first failure.
    pub(crate) fn run(&mut self) {
        self.run_until(self.plan.ends);
    }

    /// Runs to this moment, or to the first failure.
    pub(crate) fn run_until(&mut self, until: Nanos) {
        self.survey_islands();
        while self.failure.is_none() {
            match self.events.next_time() {
                Some(at) if at <= until => self.process_next(),
                _ => {
                    self.now = self.now.max(until);
                    break;
                }
            }
        }
    }

    /// Runs until the condition holds; false if it does not hold by `until`.
    pub(crate) fn run_to(&mut self, until: Nanos, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        self.survey_islands();
        while self.failure.is_none() {
            if is_so(self) {
                return true;
            }
            match self.events.next_time() {
                Some(at) if at <= until => self.process_next(),
                _ => return false,
            }
        }
        false
    }

    /// Removes all checkers, for measurements in large rings.
    pub(crate) fn remove_checkers(&mut self) {
        self.checkers.clear();
    }

    pub(crate) fn schedule(&mut self, at: Nanos, event: Event) {
        self.events.push(at, event);
    }

    /// Processes the next event.
    fn process_next(&mut self) {
        let Some((at, event)) = self.events.pop() else {
            return;
        };
        self.now = self.now.max(at);
        match event {
            Event::Wake { host, lifetime } => {
                let due = |process: &&Process| process.lifetime == lifetime && process.wake <= at;
                if self.hosts[host].awake().filter(due).is_some() {
                    self.handle(host, Input::Tick);
                }
            }
            Event::Arrive { connection, end } => self.arrive(connection, end),
            Event::CheckSilence { connection, end } => self.check_silence(connection, end),
            Event::Dial { from, to } => self.dial(from, to),
            Event::Stray {
                host,
                lifetime,
                from,
                sender,
                message,
            } => {
                if self.reads_stray(host, lifetime, from, sender) {
                    self.trace
                        .add(self.now, Some(host), || "a stray message:".to_owned());
                    self.receive_message(host, from, *message);
                }
            }
            Event::Due(number) => self.due(number),
            Event::Begin(number) => self.begin(number),
            Event::End(number) => self.end(number),
            Event::Start(host) => self.start(host),
            Event::FaultsEnd => {
                self.net.faults_ended = true;
                self.armed.clear();
            }
            Event::Obituary { to, life } => self.on_obituary(to, life),
            Event::Window(event) => self.on_window_event(event),
        }
        self.survey_islands();
        self.check(&Step::Time);
    }

    /// Surveys the islands again if they may have changed and there are checkers.
    fn survey_islands(&mut self) {
        let seldom = large::is_surveyed_seldom(self.hosts.len());
        let is_due = !seldom || self.now >= self.next_survey;
        if self.links_changed && is_due && !self.checkers.is_empty() {
            self.links_changed = false;
            self.next_survey = self.now + self.plan.lease() / 16;
            self.surveys += 1;
            self.islands = islands::survey(self);
            self.check(&Step::IslandsChanged);
        }
    }

    /// Starts a process, which knows nothing but its ring file.
    pub(crate) fn start(&mut self, number: usize) {
        let now = self.now;
        let host = &mut self.hosts[number];
        if host.process.is_some() || host.down > 0 {
            return;
        }
        let topology = if host.other_file > 0 {
            &self.plan.other
        } else {
            &self.plan.topology
        };
        let topology = topology.clone();
        let [ours, others] = &self.fingerprints;
        let fingerprint = Rc::clone(if host.other_file > 0 { others } else { ours });
        // The clock starts at any value; it must not matter.
        let offset = self.plan.epoch + self.random.u64(0..1 << 40) * 1_000;
        host.clock = Clock::new(now, offset, self.plan.drifts[number]);
        host.lifetimes += 1;
        let incarnation = Incarnation(self.random.u64(..));
        let me = NodeId(number as u16);
        host.process = Some(Process {
            node: Node::new(topology.clone(), me, incarnation, host.clock.read(now)),
            lifetime: host.lifetimes,
            incarnation,
            links: vec![None; self.plan.topology.nodes.len()],
            leds: vec![None; topology.balls.len() + usize::from(topology.external_balls.guests)],
            deadline: None,
            last_input: host.clock.read(now),
            wake: Nanos::MAX,
            stopped: host.stopped > 0,
            draining: false,
            fingerprint,
            topology,
        });
        self.links_changed = true;
        self.trace.add(now, Some(number), || "STARTS".to_owned());
        self.check(&Step::Started { host: number });
        self.dial_everyone(number);
        self.set_timer(number);
    }

    /// Lets a node handle an input and carries out its outputs.
    pub(crate) fn handle(&mut self, host: usize, input: Input) {
        if self.liar.as_ref().is_some_and(|liar| liar.host == host) {
            self.handle_as_liar(&input);
            return;
        }
        let now = self.now;
        let local = self.hosts[host].clock.read(now);
        let Some(process) = self.hosts[host].awake_mut() else {
            return;
        };
        process.last_input = local;
        let outputs = process.node.handle(local, input.clone());
        for led in process.leds.iter_mut().flatten() {
            led.expires = None;
        }
        self.handled += 1;
        for output in &outputs {
            self.carry_out(host, output);
        }
        self.mark_lent_balls(host);
        self.check(&Step::Handled {
            host,
            input: &input,
            outputs: &outputs,
        });
        if outputs
            .iter()
            .any(|output| matches!(output, Output::Drained))
        {
            self.trace.add(now, Some(host), || "LEAVES".to_owned());
            self.leave(host);
            let after = self.random.u64(0..=self.plan.lease());
            self.schedule(now + after, Event::Start(host));
        }
        self.set_timer(host);
    }

    /// Delivers a message to a node and traces it.
    pub(crate) fn receive_message(&mut self, host: usize, from: usize, message: Message) {
        if self.trace.is_wanted()
            && let Some(text) = trace::message(&message)
        {
            self.trace.add(self.now, Some(host), || {
                format!("receives from pi{}: {text}", from + 1)
            });
        }
        let from = NodeId(from as u16);
        self.handle(host, Input::Received { from, message });
    }

    /// Sets the timer to the node's next deadline.
    pub(crate) fn set_timer(&mut self, host: usize) {
        let lateness = self.plan.lateness;
        let clock = self.hosts[host].clock.clone();
        let Some(process) = self.hosts[host].awake_mut() else {
            return;
        };
        let deadline = process.node.next_deadline();
        if deadline == process.deadline && process.wake > self.now {
            return;
        }
        process.deadline = deadline;
        let Some(deadline) = deadline else {
            process.wake = Nanos::MAX;
            return;
        };
        let late = if lateness > 0 {
            self.random.u64(0..=lateness)
        } else {
            0
        };
        process.wake = clock.when(deadline).max(self.now) + late;
        let (lifetime, wake) = (process.lifetime, process.wake);
        self.schedule(wake, Event::Wake { host, lifetime });
    }

    /// Shows a step to every checker.
    pub(crate) fn check(&mut self, step: &Step<'_>) {
        let mut checkers = std::mem::take(&mut self.checkers);
        for checker in &mut checkers {
            if self.failure.is_none()
                && let Err(what) = checker.check(self, step)
            {
                let promise = checker.name();
                self.trace
                    .add(self.now, None, || format!("VIOLATED {promise}: {what}"));
                let at = self.now;
                self.failure = Some(Failure { promise, what, at });
            }
        }
        self.checkers = checkers;
    }
}
