//! `carom led`: drives one node's LED by hand.

use std::io::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use clap::{Args, ValueEnum};
use smol::channel::{Receiver, bounded};
use smol::{LocalExecutor, future};

use super::{Failure, RingFile, block_on, node};
use crate::config::parse_duration;
use crate::daemon::{lock, signals};
use crate::led::{LedError, SwitchedLed};

/// One blink: half of it lit, half of it dark.
const BLINK: Duration = Duration::from_millis(1000);

/// Lights this node's LED, puts it out or lets it blink, to check the wiring
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom led blink --config ring.toml            # until Ctrl-C, once a second\n  \
    carom led blink --config ring.toml --for 5s\n  \
    carom led off --config ring.toml --node pi1   # what the unit does when the daemon has ended\n\
    Exit code 1, and a sentence that says what to do, if the LED cannot be had."
)]
pub(super) struct Arguments {
    /// What the LED is to do
    #[arg(value_enum)]
    action: Action,
    #[command(flatten)]
    file: RingFile,
    /// Which node of the file this is; else this machine's host name
    #[arg(long, env = "CAROM_NODE", value_name = "NAME")]
    node: Option<String>,
    /// Stop and put it out after this long, such as 5s; else on stays lit, and blink goes on until Ctrl-C
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_duration)]
    span: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Lights it and leaves it lit
    On,
    /// Puts it out
    Off,
    /// Lights it for half of every second
    Blink,
}

pub(super) fn led(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.file.load()?;
    let me = node::find(&config, arguments.node.as_deref())?;
    let node = config.nodes.get(me.index()).ok_or(Failure::Told)?;
    // A running daemon owns its LED: a light that it did not set would be a lie.
    let _lock = lock::take(&config.ring.name, &node.name).map_err(Failure::run)?;
    let what = format!("{}: LED {}", node.name, node.led);
    let Some(open) = node.led.driver(Duration::ZERO) else {
        if arguments.action == Action::Off {
            return say(&format!("{what}: nothing to put out"));
        }
        return Err(Failure::Run(format!(
            "{what} cannot shine: give the node an LED in {}, for example led = {{ backend = \"act\" }}",
            arguments.file.path.display()
        )));
    };
    let (mut switch, fault) = SwitchedLed::new(open);
    if let Some(fault) = fault {
        return Err(Failure::run(fault));
    }
    match (arguments.action, arguments.span) {
        (Action::Off, _) => say(&format!("{what}: off")),
        (Action::On, None) => {
            switch.set(true).map_err(Failure::run)?;
            if switch.keep_when_dropped() {
                return say(&format!("{what}: on"));
            }
            say(&format!(
                "{what}: on while this runs, as the kernel takes the pin back at its end; Ctrl-C ends it"
            ))?;
            shine(&mut switch, None, None)
        }
        (Action::On, span) => {
            say(&format!("{what}: on"))?;
            shine(&mut switch, None, span)
        }
        (Action::Blink, span) => {
            let end = if span.is_none() {
                "; Ctrl-C ends it"
            } else {
                ""
            };
            say(&format!("{what}: blinks once a second{end}"))?;
            shine(&mut switch, Some(BLINK / 2), span)
        }
    }
}

/// Lights it, or lets it blink, until a signal or the end of the span; dark afterwards.
fn shine(
    switch: &mut SwitchedLed,
    half: Option<Duration>,
    span: Option<Duration>,
) -> Result<(), Failure> {
    block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let (stop, stopped) = bounded(1);
        let watching = executor.spawn(signals::watch(stop));
        let work = async {
            let mut lit = true;
            loop {
                switch.set(lit)?;
                wait(half).await;
                lit = !lit;
            }
        };
        let done = future::or(work, ended(stopped, span)).await;
        drop(watching);
        done.map_err(|error: LedError| Failure::run(error))
    })?;
    switch.set(false).map_err(Failure::run)
}

async fn ended(stopped: Receiver<()>, span: Option<Duration>) -> Result<(), LedError> {
    // Without a signal handler there is nothing to hear; then only the span ends it.
    let signal = async {
        if stopped.recv().await.is_err() {
            future::pending::<()>().await;
        }
    };
    future::or(signal, wait(span)).await;
    Ok(())
}

/// Waits so long; for ever, if there is no span.
async fn wait(span: Option<Duration>) {
    match span {
        Some(span) => {
            Timer::after(span).await;
        }
        None => future::pending().await,
    }
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
