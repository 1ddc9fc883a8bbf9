//! The discrete-event world round the shipped node: one agenda, one seed, no clock of its own.

use carom::ring::{Incarnation, Input, Message, Node, NodeId, Output};

use crate::agenda::{Agenda, Event};
use crate::checkers::{self, Checker, Failure, Step};
use crate::clock::{Clock, Nanos};
use crate::cost::Meter;
use crate::host::{Host, Process};
use crate::islands::{self, Island};
use crate::links::Pair;
use crate::network::Network;
use crate::plan::Plan;
use crate::trace::{self, Trace};

/// Where a ball was seen last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    pub(crate) holder: usize,
    pub(crate) sender: usize,
    pub(crate) receiver: usize,
    /// How often it was sent.
    pub(crate) passes: u64,
}

impl Last {
    fn at(host: usize) -> Self {
        Self {
            holder: host,
            sender: host,
            receiver: host,
            passes: 0,
        }
    }
}

/// The ring, its network, and whoever watches them.
pub(crate) struct World {
    pub(crate) now: Nanos,
    pub(crate) plan: Plan,
    pub(crate) hosts: Vec<Host>,
    pub(crate) net: Network,
    pub(crate) islands: Vec<Island>,
    /// How often the islands were surveyed.
    pub(crate) surveys: u64,
    pub(crate) last: Vec<Last>,
    pub(crate) trace: Trace,
    pub(crate) failure: Option<Failure>,
    /// Inputs handled so far.
    pub(crate) handled: u64,
    /// A scripted test may lose lines: those it says yes to are never sent.
    pub(crate) toll: Option<fn(&Message) -> bool>,
    /// Counts what is sent, where somebody wants to know.
    pub(crate) meter: Option<Meter>,
    pub(crate) random: fastrand::Rng,
    pub(crate) pairs: Vec<Pair>,
    /// By fault: the hosts it hit, and the ways it cut.
    pub(crate) hit: Vec<Vec<usize>>,
    pub(crate) hit_ways: Vec<Vec<(usize, usize)>>,
    /// The faults that wait for their moment.
    pub(crate) armed: Vec<usize>,
    pub(crate) reshaped: bool,
    agenda: Agenda,
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
            lives: 0,
            down: 0,
            stopped: 0,
            strange: 0,
        };
        let starts: Vec<Nanos> = (0..count)
            .map(|_| random.u64(0..=plan.lease() / 4))
            .collect();
        let mut world = Self {
            now: 0,
            hosts: plan.drifts.iter().map(host).collect(),
            net: Network::new(count, plan.air, seed),
            islands: Vec::new(),
            surveys: 0,
            last: plan
                .topology
                .balls
                .iter()
                .map(|serve| Last::at(serve.start.index()))
                .collect(),
            trace,
            failure: None,
            handled: 0,
            toll: None,
            meter: None,
            random,
            pairs: vec![Pair::default(); count * count],
            hit: vec![Vec::new(); plan.faults.len()],
            hit_ways: vec![Vec::new(); plan.faults.len()],
            armed: Vec::new(),
            reshaped: false,
            agenda: Agenda::default(),
            checkers: checkers::all(plan),
            plan: plan.clone(),
        };
        for (host, at) in starts.into_iter().enumerate() {
            world.put(at, Event::Start(host));
        }
        for number in 0..plan.faults.len() {
            world.put(plan.faults[number].at, Event::Due(number));
        }
        world.put(plan.calm_from, Event::Calm);
        world.open_doors();
        world
    }

    /// Runs to the end of the plan, or to the first failure.
    pub(crate) fn run(&mut self) {
        self.run_until(self.plan.ends);
    }

    /// Runs to this moment, or to the first failure.
    pub(crate) fn run_until(&mut self, until: Nanos) {
        self.look_round();
        while self.failure.is_none() {
            match self.agenda.next() {
                Some(at) if at <= until => self.turn(),
                _ => {
                    self.now = self.now.max(until);
                    break;
                }
            }
        }
    }

    /// Runs until this is so; false if it is not by `until`.
    pub(crate) fn run_to(&mut self, until: Nanos, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        self.look_round();
        while self.failure.is_none() {
            if is_so(self) {
                return true;
            }
            match self.agenda.next() {
                Some(at) if at <= until => self.turn(),
                _ => return false,
            }
        }
        false
    }

    /// Lets nobody watch any more: for measurements in large rings.
    pub(crate) fn unwatch(&mut self) {
        self.checkers.clear();
    }

    pub(crate) fn put(&mut self, at: Nanos, event: Event) {
        self.agenda.put(at, event);
    }

    /// Takes one entry off the agenda.
    fn turn(&mut self) {
        let Some((at, event)) = self.agenda.take() else {
            return;
        };
        self.now = self.now.max(at);
        match event {
            Event::Wake { host, life } => {
                let due = |process: &&Process| process.life == life && process.wake <= at;
                if self.hosts[host].awake().filter(due).is_some() {
                    self.feed(host, Input::Tick);
                }
            }
            Event::Arrive { connection, end } => self.arrive(connection, end),
            Event::Silence { connection, end } => self.silence(connection, end),
            Event::Dial { from, to } => self.dial(from, to),
            Event::Stray {
                host,
                life,
                from,
                message,
            } => {
                if self.hosts[host]
                    .awake()
                    .is_some_and(|process| process.life == life)
                {
                    self.trace
                        .tell(self.now, Some(host), || "a stray line:".to_owned());
                    self.hear(host, from, *message);
                }
            }
            Event::Due(number) => self.due(number),
            Event::Begin(number) => self.begin(number),
            Event::End(number) => self.end(number),
            Event::Start(host) => self.start(host),
            Event::Calm => {
                self.net.calm = true;
                self.armed.clear();
            }
            Event::Window(deed) => self.deed(deed),
        }
        self.look_round();
        self.show(&Step::Time);
    }

    /// Surveys the islands again if anything may have changed them, and somebody wants to know.
    fn look_round(&mut self) {
        if self.reshaped && !self.checkers.is_empty() {
            self.reshaped = false;
            self.surveys += 1;
            self.islands = islands::survey(self);
            self.show(&Step::Reshaped);
        }
    }

    /// A process begins, with nothing but its ring file.
    pub(crate) fn start(&mut self, number: usize) {
        let now = self.now;
        let host = &mut self.hosts[number];
        if host.process.is_some() || host.down > 0 {
            return;
        }
        let topology = if host.strange > 0 {
            &self.plan.other
        } else {
            &self.plan.topology
        };
        let topology = topology.clone();
        // A clock that began at any moment; the process must not care.
        let offset = self.plan.epoch + self.random.u64(0..1 << 40) * 1_000;
        host.clock = Clock::new(now, offset, self.plan.drifts[number]);
        host.lives += 1;
        let incarnation = Incarnation(self.random.u64(..));
        let me = NodeId(number as u8);
        host.process = Some(Process {
            node: Node::new(topology.clone(), me, incarnation, host.clock.read(now)),
            life: host.lives,
            incarnation,
            links: vec![None; self.plan.topology.nodes.len()],
            leds: vec![None; topology.balls.len() + usize::from(topology.external_balls.guests)],
            deadline: None,
            wake: Nanos::MAX,
            stopped: host.stopped > 0,
            draining: false,
            topology,
        });
        self.reshaped = true;
        self.trace.tell(now, Some(number), || "STARTS".to_owned());
        self.greet_everyone(number);
        self.set_timer(number);
    }

    /// Lets a node hear something and carries out what it says.
    pub(crate) fn feed(&mut self, host: usize, input: Input) {
        let now = self.now;
        let local = self.hosts[host].clock.read(now);
        let Some(process) = self.hosts[host].awake_mut() else {
            return;
        };
        let outputs = process.node.handle(local, input.clone());
        for led in process.leds.iter_mut().flatten() {
            led.lapses = None;
        }
        self.handled += 1;
        for output in &outputs {
            self.carry_out(host, output);
        }
        self.keep_loans(host);
        self.show(&Step::Handled {
            host,
            input: &input,
            outputs: &outputs,
        });
        if outputs
            .iter()
            .any(|output| matches!(output, Output::Drained))
        {
            self.trace.tell(now, Some(host), || "LEAVES".to_owned());
            self.leave(host);
            let after = self.random.u64(0..=self.plan.lease());
            self.put(now + after, Event::Start(host));
        }
        self.set_timer(host);
    }

    /// A line for a node, traced.
    pub(crate) fn hear(&mut self, host: usize, from: usize, message: Message) {
        if self.trace.is_wanted()
            && let Some(text) = trace::message(&message)
        {
            self.trace.tell(self.now, Some(host), || {
                format!("hears pi{}: {text}", from + 1)
            });
        }
        let from = NodeId(from as u8);
        self.feed(host, Input::Received { from, message });
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
        let (life, wake) = (process.life, process.wake);
        self.put(wake, Event::Wake { host, life });
    }

    /// Shows a step to every checker.
    pub(crate) fn show(&mut self, step: &Step<'_>) {
        let mut checkers = std::mem::take(&mut self.checkers);
        for checker in &mut checkers {
            if self.failure.is_none()
                && let Err(what) = checker.see(self, step)
            {
                let promise = checker.name();
                self.trace
                    .tell(self.now, None, || format!("VIOLATED {promise}: {what}"));
                let at = self.now;
                self.failure = Some(Failure { promise, what, at });
            }
        }
        self.checkers = checkers;
    }
}
