//! `carom watch`: the ring, live in a terminal; in a pipe, a line for every event.

mod choice;
mod compact;
mod display;
mod follow;
mod locate;
mod model;
mod reach;

use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
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
use super::targets::targets;
use crate::clock;
use crate::program::channel::recv_or_pending;
use crate::program::{log, signals};
use display::Display;
use follow::Following;
use model::Model;

/// Shows the ring live in the terminal: nodes, LEDs, the moving ball, and what happens
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom watch --config ring.toml\n  carom watch pi1.local\n\
    One node is enough to see the whole ring. q or Ctrl-C ends it. NO_COLOR=1 switches colours off.\n\
    In a pipe, it prints a line for everything that happens."
)]
pub(super) struct Arguments {
    /// Follow the nodes of this ring file; of more than seven, eight at a time
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "addresses",
        required_unless_present = "addresses"
    )]
    config: Option<PathBuf>,
    /// Follow these nodes: HOST or HOST:PORT of their HTTP endpoints; port 8080 unless given
    #[arg(value_name = "ADDR")]
    addresses: Vec<String>,
    /// Stop after this time, such as 10s
    #[arg(long = "for", value_name = "TIME", value_parser = crate::config::parse_duration)]
    time: Option<Duration>,
}

/// The time between two drawings while a ball moves.
const FRAME: Duration = Duration::from_millis(100);

/// The time between two drawings while nothing moves: a missing node must be shown in time.
const IDLE_FRAME: Duration = Duration::from_secs(1);

/// What the loop waits for.
enum Event {
    /// A node has sent an event, or was lost.
    Changed,
    /// It is time to draw again.
    Frame,
    /// The process was stopped and runs on.
    Continued,
    /// The time is over, a signal came, or q was pressed.
    End,
}

pub(super) fn watch(arguments: &Arguments) -> Result<(), Failure> {
    let targets = targets(arguments.config.as_deref(), &arguments.addresses)?;
    let _log = log::init(log::level(Level::ERROR)).map_err(Failure::run)?;
    let terminal = io::stdout().is_terminal();
    let keyboard = (terminal && io::stdin().is_terminal())
        .then(Keyboard::open)
        .transpose()?;
    let located = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let model = Rc::new(RefCell::new(Model::new(clock::now())));
        let (changed, changes) = bounded(1);
        let mut following = Following::start(&executor, targets, &model, &changed);
        let (stop, stopped) = bounded(1);
        let _signals = executor.spawn(signals::watch(stop));
        let mut display = Display::open(terminal)?;
        let end = arguments.time.map(|time| clock::now() + time);
        loop {
            let now = clock::now();
            following.adjust(now);
            model.borrow_mut().log_changes(now);
            display.show(&mut model.borrow_mut(), now)?;
            let pause = if terminal && model.borrow().moves(now) {
                FRAME
            } else {
                IDLE_FRAME
            };
            let left = end.map(|end| now.until(end));
            match next(keyboard.as_ref(), &changes, &stopped, pause, left).await {
                Event::End => return Ok(model.borrow().first.is_some()),
                Event::Continued => display.forget()?,
                Event::Changed | Event::Frame => {}
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

async fn next(
    keyboard: Option<&Keyboard>,
    changes: &Receiver<()>,
    stopped: &Receiver<()>,
    frame: Duration,
    left: Option<Duration>,
) -> Event {
    let key = async {
        loop {
            match keyboard {
                Some(keyboard) => match keyboard.next().await {
                    Key::Quit => return Event::End,
                    Key::Continued => return Event::Continued,
                    Key::Kill | Key::Digit(_) | Key::Enter | Key::Other => {}
                },
                None => future::pending().await,
            }
        }
    };
    let signal = async {
        recv_or_pending(stopped).await;
        Event::End
    };
    let over = async {
        match left {
            Some(left) => drop(Timer::after(left).await),
            None => future::pending().await,
        }
        Event::End
    };
    let change = async {
        recv_or_pending(changes).await;
        Event::Changed
    };
    let frame = async {
        Timer::after(frame).await;
        Event::Frame
    };
    let end = future::or(key, future::or(signal, over));
    future::or(end, future::or(change, frame)).await
}

#[cfg(test)]
mod tests;
