//! `carom watch`: the ring, live in a terminal; in a pipe, a line for all that happens.

mod display;
mod model;

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use clap::Args;
use smol::channel::{Receiver, Sender, bounded};
use smol::{LocalExecutor, Task, future};
use tracing::Level;

use super::executor::block_on;
use super::failure::Failure;
use super::keyboard::{Key, Keyboard};
use super::targets::{Target, targets};
use crate::clock;
use crate::daemon::{log, signals};
use crate::http::{News, follow};
use display::Display;
use model::Model;

/// Shows the ring live in the terminal: nodes, LEDs, the ball as it flies, what happens
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom watch --config ring.toml\n  carom watch pi1.local\n\
    Any one node is enough to see the whole ring. q or Ctrl-C ends it; NO_COLOR=1 does without colours.\n\
    In a pipe it prints a line for all that happens."
)]
pub(super) struct Arguments {
    /// Follow every node of this ring file
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "addresses",
        required_unless_present = "addresses"
    )]
    config: Option<PathBuf>,
    /// Follow these nodes: HOST or HOST:PORT of their HTTP endpoints
    #[arg(value_name = "ADDR")]
    addresses: Vec<String>,
    /// Stops after this time, such as 10s
    #[arg(long = "for", value_name = "TIME", value_parser = crate::config::parse_duration)]
    time: Option<Duration>,
}

/// How often the picture is drawn anew while a ball flies.
const FRAME: Duration = Duration::from_millis(100);

/// How often while nothing moves: a node that is missed must be seen to be.
const STILL: Duration = Duration::from_secs(1);

/// Before a node that is not reached is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What the picture waits for.
enum Wake {
    News,
    Frame,
    Over,
}

/// What the nodes told, and whether anything is new.
type Shared = Rc<RefCell<Model>>;

pub(super) fn watch(arguments: &Arguments) -> Result<(), Failure> {
    let targets = targets(arguments.config.as_deref(), &arguments.addresses)?;
    log::init(log::level(Level::ERROR));
    let terminal = io::stdout().is_terminal();
    let keyboard = (terminal && io::stdin().is_terminal())
        .then(Keyboard::open)
        .transpose()?;
    let located = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let model = Rc::new(RefCell::new(Model::new(clock::now())));
        let (changed, changes) = bounded(1);
        let _following = follow_all(&executor, targets, &model, &changed);
        let (stop, stopped) = bounded(1);
        let _signals = executor.spawn(signals::watch(stop));
        let mut display = Display::open(terminal)?;
        let ends = arguments.time.map(|time| clock::now() + time);
        loop {
            let now = clock::now();
            model.borrow_mut().log_changes(now);
            display.show(&mut model.borrow_mut(), now)?;
            let rest = if terminal && model.borrow().moves(now) {
                FRAME
            } else {
                STILL
            };
            let left = ends.map(|ends| now.until(ends));
            match next(keyboard.as_ref(), &changes, &stopped, rest, left).await {
                Wake::Over => return Ok(model.borrow().first.is_some()),
                Wake::News | Wake::Frame => {}
            }
        }
    });
    drop(keyboard);
    match located {
        Err(error) => Err(error),
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Run(
            "no node answered: check that carom runs there, and its http port".to_owned(),
        )),
    }
}

/// One task a node, for ever.
fn follow_all(
    executor: &Rc<LocalExecutor<'static>>,
    targets: Vec<Target>,
    model: &Shared,
    changed: &Sender<()>,
) -> Vec<Task<()>> {
    let follow_one = |target: Target| {
        let (model, changed) = (Rc::clone(model), changed.clone());
        executor.spawn(async move {
            let mut name = None;
            loop {
                let heard = |news: News| {
                    if let News::State(status) = &news {
                        name = Some(status.node.clone());
                    }
                    if let Some(name) = &name {
                        model.borrow_mut().on_event(name, news, clock::now());
                    }
                    // A sign that is already waiting does as well.
                    let _ = changed.try_send(());
                };
                let ended = follow(&target.host, target.port, heard).await;
                tracing::debug!("{}:{}: {ended}", target.host, target.port);
                if let Some(name) = name.take() {
                    model.borrow_mut().on_disconnected(&name, clock::now());
                    let _ = changed.try_send(());
                }
                Timer::after(RETRY).await;
            }
        })
    };
    targets.into_iter().map(follow_one).collect()
}

async fn next(
    keyboard: Option<&Keyboard>,
    changes: &Receiver<()>,
    stopped: &Receiver<()>,
    rest: Duration,
    left: Option<Duration>,
) -> Wake {
    let key = async {
        loop {
            match keyboard {
                Some(keyboard) => {
                    if keyboard.next().await == Key::Quit {
                        return Wake::Over;
                    }
                }
                None => future::pending().await,
            }
        }
    };
    let signal = async {
        if stopped.recv().await.is_err() {
            future::pending::<()>().await;
        }
        Wake::Over
    };
    let over = async {
        match left {
            Some(left) => drop(Timer::after(left).await),
            None => future::pending().await,
        }
        Wake::Over
    };
    let news = async {
        if changes.recv().await.is_err() {
            future::pending::<()>().await;
        }
        Wake::News
    };
    let frame = async {
        Timer::after(rest).await;
        Wake::Frame
    };
    let ends = future::or(key, future::or(signal, over));
    future::or(ends, future::or(news, frame)).await
}

/// Prints what has happened since the last call, a line each.
fn print(model: &mut Model) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in model.log.drain(..) {
        writeln!(out, "{line}")?;
    }
    out.flush()
}
