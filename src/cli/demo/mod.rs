//! `carom demo`: a whole ring on this machine, a process for each node, for people to watch.

mod descriptors;
mod display;
mod entry;
mod monitor;
pub(super) mod node;
mod process;
mod ring;
mod start;
mod topology;
mod traces;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use clap::Args;
use smol::channel::{Receiver, bounded};
use smol::{LocalExecutor, future};
use tracing::Level;

use super::executor::block_on;
use super::failure::Failure;
use super::keyboard::{Key, Keyboard};
use crate::clock;
use crate::program::channel::recv_or_pending;
use crate::program::{log, signals};
use crate::ring::NodeId;
use display::Display;
use entry::Entry;
use monitor::Monitor;
use ring::{DemoRing, Plan};
use traces::Traces;

/// Runs a whole ring on this machine, a process for each node
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom demo\n  carom demo --for 10s | tail -4\n\
    Keys: k and its number kills a node without warning, again starts it; Enter ends a number that could go on; q quits."
)]
pub(super) struct Arguments {
    /// How many nodes, 1 to 60
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=60))]
    nodes: u8,
    /// How many balls, 1 to 8
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    balls: u8,
    /// Stop after this time, such as 10s; the exit code is 0 only if every ball was passed on (a single
    /// node passes none) and no ball was held by two nodes at once
    #[arg(long = "for", value_name = "TIME", value_parser = crate::config::parse_duration)]
    time: Option<Duration>,
    /// Serve the page of the first node on this address, such as 127.0.0.1:8080, and the pages of the others
    /// on the next ports, or on any free port where such a port is taken
    #[arg(long, value_name = "IP:PORT")]
    http: Option<SocketAddr>,
}

/// The time between two drawings of the terminal.
const FRAME: Duration = Duration::from_millis(100);

/// What the demo waits for.
enum Event {
    Key(Key),
    /// An LED has changed.
    Changed,
    /// The process of a node has ended.
    NodeEnded(NodeId),
    /// It is time to draw again.
    Frame,
    /// The time is over, or a signal came.
    End,
}

pub(super) fn demo(arguments: &Arguments) -> Result<(), Failure> {
    let terminal = io::stdout().is_terminal();
    // On a terminal, the display shows everything, and log lines would disturb it.
    let level = log::level(if terminal { Level::ERROR } else { Level::WARN });
    let _log = log::init(level).map_err(Failure::run)?;
    let keyboard = (terminal && io::stdin().is_terminal())
        .then(Keyboard::open)
        .transpose()?;
    let plan = Plan {
        nodes: arguments.nodes,
        balls: arguments.balls,
        http: arguments.http,
        level,
    };
    let finished = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let mut demo = Demo::start(&executor, plan)?;
        demo.run(&executor, arguments.time, terminal, keyboard.as_ref())
            .await?;
        Ok::<Monitor, Failure>(demo.monitor)
    });
    drop(keyboard);
    let monitor = finished?;
    let mut out = io::stdout().lock();
    monitor.summary(&mut out)?;
    out.flush()?;
    match monitor.fault(traces::now()) {
        Some(sentence) if arguments.time.is_some() => Err(Failure::Run(sentence.to_owned())),
        _ => Ok(()),
    }
}

/// A running demo.
struct Demo {
    ring: DemoRing,
    traces: Traces,
    monitor: Monitor,
    /// Nodes that were killed and whose processes have not ended yet; whether to start them again then.
    dying: BTreeMap<NodeId, bool>,
}

impl Demo {
    fn start(executor: &Rc<LocalExecutor<'static>>, plan: Plan) -> Result<Self, Failure> {
        descriptors::check(plan.nodes)?;
        let traces = Traces::new(plan.nodes)?;
        let ring = DemoRing::start(executor, plan, &traces)?;
        let monitor = Monitor::new(&ring.topology);
        Ok(Self {
            ring,
            traces,
            monitor,
            dying: BTreeMap::new(),
        })
    }

    async fn run(
        &mut self,
        executor: &Rc<LocalExecutor<'static>>,
        time: Option<Duration>,
        terminal: bool,
        keyboard: Option<&Keyboard>,
    ) -> Result<(), Failure> {
        let (stop, stopped) = bounded(1);
        let _signals = executor.spawn(signals::watch(stop));
        let end = time.map(|time| clock::now() + time);
        let mut display = Display::open(terminal, &self.ring)?;
        let mut entry = Entry::new(self.ring.nodes(), keyboard.is_some());
        loop {
            self.show(&mut display, &entry)?;
            let frame = terminal.then_some(FRAME);
            let left = end.map(|end| clock::now().until(end));
            match self.next(keyboard, &stopped, frame, left).await? {
                Event::End | Event::Key(Key::Quit) => break,
                Event::Key(key) => {
                    if let Some(number) = entry.press(key) {
                        self.toggle(NodeId(u16::from(number).saturating_sub(1)));
                    }
                }
                Event::NodeEnded(node) => {
                    let how = self.ring.on_end(node)?;
                    self.monitor.on_end(node, &how);
                    if self.dying.remove(&node) == Some(true) {
                        self.start_again(node);
                    }
                }
                Event::Changed | Event::Frame => {}
            }
        }
        self.show(&mut display, &entry)
    }

    /// Reads what the LEDs have shown, and shows it.
    fn show(&mut self, display: &mut Display, entry: &Entry) -> Result<(), Failure> {
        loop {
            let (changes, more) = self.traces.next()?;
            for change in changes {
                self.monitor.on_led_change(&change);
            }
            display.show(&mut self.monitor, &self.ring, entry)?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Kills the node without warning, or starts it again.
    fn toggle(&mut self, node: NodeId) {
        if let Some(again) = self.dying.get_mut(&node) {
            *again = !*again;
        } else if self.ring.is_running(node) {
            self.monitor.on_kill(node, traces::now());
            self.ring.kill(node);
            self.dying.insert(node, false);
        } else {
            self.start_again(node);
        }
    }

    /// Starts the node. If that fails, the others play on, and the display says why.
    fn start_again(&mut self, node: NodeId) {
        self.monitor.on_start(node);
        if let Err(sentence) = self.ring.start_again(node, &self.traces) {
            self.monitor.on_failed_start(sentence);
        }
    }

    async fn next(
        &self,
        keyboard: Option<&Keyboard>,
        stopped: &Receiver<()>,
        frame: Option<Duration>,
        left: Option<Duration>,
    ) -> Result<Event, Failure> {
        let key = async {
            match keyboard {
                Some(keyboard) => Ok(Event::Key(keyboard.next().await)),
                None => future::pending().await,
            }
        };
        let change = async {
            self.traces.written().await?;
            Ok(Event::Changed)
        };
        let node_end = async { Ok(Event::NodeEnded(self.ring.next_end().await)) };
        let end = async {
            // Without a signal handler, the default action of a signal ends the process.
            future::or(wait(left), recv_or_pending(stopped)).await;
            Ok(Event::End)
        };
        let frame = async {
            wait(frame).await;
            Ok(Event::Frame)
        };
        let rare = future::or(future::or(end, key), node_end);
        future::or(rare, future::or(change, frame)).await
    }
}

/// Waits for this time; for ever, if there is none.
async fn wait(time: Option<Duration>) {
    match time {
        Some(time) => drop(Timer::after(time).await),
        None => future::pending().await,
    }
}
