//! `carom demo`: a whole ring on this machine, in one process, for people to watch.

mod descriptors;
mod display;
mod entry;
mod monitor;
mod ring;
mod topology;

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
use monitor::{Monitor, SharedMonitor};
use ring::DemoRing;
use topology::topology;

/// Runs a whole ring on this machine, in one process
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
    /// on the next ports
    #[arg(long, value_name = "IP:PORT")]
    http: Option<SocketAddr>,
}

/// The time between two drawings of the terminal.
const FRAME: Duration = Duration::from_millis(100);

/// What the demo waits for.
enum Event {
    Key(Key),
    /// An LED has changed, or a node was killed.
    Changed,
    /// It is time to draw again.
    Frame,
    /// The time is over, or a signal came.
    End,
}

pub(super) fn demo(arguments: &Arguments) -> Result<(), Failure> {
    let terminal = io::stdout().is_terminal();
    // On a terminal, the display shows everything, and log lines would disturb it.
    let level = if terminal { Level::ERROR } else { Level::WARN };
    let _log = log::init(log::level(level)).map_err(Failure::run)?;
    let keyboard = (terminal && io::stdin().is_terminal())
        .then(Keyboard::open)
        .transpose()?;
    let finished = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        run(arguments, &executor, terminal, keyboard.as_ref()).await
    });
    drop(keyboard);
    let monitor = finished?;
    let mut out = io::stdout().lock();
    monitor.summary(&mut out)?;
    out.flush()?;
    if arguments.time.is_some() && !monitor.is_sound(clock::now()) {
        return Err(Failure::Run(
            "a ball was held twice or did not move: please report this with the lines above"
                .to_owned(),
        ));
    }
    Ok(())
}

async fn run(
    arguments: &Arguments,
    executor: &Rc<LocalExecutor<'static>>,
    terminal: bool,
    keyboard: Option<&Keyboard>,
) -> Result<Monitor, Failure> {
    let (changed, changes) = bounded(1);
    descriptors::allow_for(arguments.nodes, arguments.http.is_some())?;
    let topology = topology(arguments.nodes, arguments.balls);
    let monitor = Monitor::new(&topology, changed, clock::now());
    let monitor = SharedMonitor::new(monitor);
    let mut ring = DemoRing::start(executor, topology, arguments.http, monitor.clone())?;
    let (stop, stopped) = bounded(1);
    let _signals = executor.spawn(signals::watch(stop));
    let end = arguments.time.map(|time| clock::now() + time);
    let mut display = Display::open(terminal, &ring)?;
    let mut entry = Entry::new(arguments.nodes);
    loop {
        display.show(&monitor, &ring, &entry, clock::now())?;
        let frame = terminal.then_some(FRAME);
        let left = end.map(|end| clock::now().until(end));
        match next(keyboard, &changes, &stopped, frame, left).await {
            Event::End | Event::Key(Key::Quit) => break,
            Event::Key(key) => {
                if let Some(number) = entry.press(key) {
                    ring.toggle(executor, NodeId(u16::from(number).saturating_sub(1)))?;
                }
            }
            Event::Changed | Event::Frame => {}
        }
    }
    display.show(&monitor, &ring, &entry, clock::now())?;
    drop(display);
    drop(ring);
    Ok(monitor.lock().clone())
}

async fn next(
    keyboard: Option<&Keyboard>,
    changes: &Receiver<()>,
    stopped: &Receiver<()>,
    frame: Option<Duration>,
    left: Option<Duration>,
) -> Event {
    let key = async {
        match keyboard {
            Some(keyboard) => Event::Key(keyboard.next().await),
            None => future::pending().await,
        }
    };
    let change = async {
        recv_or_pending(changes).await;
        Event::Changed
    };
    let end = async {
        // Without a signal handler, the default action of a signal ends the process.
        future::or(wait(left), recv_or_pending(stopped)).await;
        Event::End
    };
    let frame = async {
        wait(frame).await;
        Event::Frame
    };
    future::or(future::or(end, key), future::or(change, frame)).await
}

/// Waits for this time; for ever, if there is none.
async fn wait(time: Option<Duration>) {
    match time {
        Some(time) => drop(Timer::after(time).await),
        None => future::pending().await,
    }
}
