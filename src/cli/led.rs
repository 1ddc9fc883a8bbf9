//! `carom led`: drives one node's LED by hand.

use std::io::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use clap::{Args, ValueEnum};
use smol::channel::{Receiver, bounded};
use smol::{LocalExecutor, future};

use super::executor::block_on;
use super::failure::Failure;
use super::node;
use super::ring_file::RingFile;
use crate::clock;
use crate::config::{LedConfig, parse_duration};
use crate::daemon::lock;
use crate::led::{LedError, SwitchedLed};
use crate::program::signals;

/// One blink: on for half of it, off for the other half.
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
    let node = config.nodes.get(me.index()).ok_or(Failure::Silent)?;
    // A running daemon controls the LED: it must not show what the daemon did not set.
    let _lock = lock::take(&config.ring.name, &node.name).map_err(Failure::run)?;
    let what = format!("{}: LED {}", node.name, node.led);
    if let (LedConfig::Trace { .. }, Action::Off) = (&node.led, arguments.action) {
        // Opening a trace ends what a dead process left on in it.
        let (_, error) = node.led.open(Duration::ZERO, clock::monotonic_nanos);
        return match error {
            Some(error) => Err(Failure::run(error)),
            None => print_line(&format!("{what}: off")),
        };
    }
    let Some(driver) = node.led.driver(Duration::ZERO) else {
        if arguments.action == Action::Off {
            return print_line(&format!("{what}: nothing to put out"));
        }
        return Err(Failure::Run(format!(
            "{what} cannot shine: give the node an LED in {}, for example led = {{ backend = \"act\" }}",
            arguments.file.path.display()
        )));
    };
    let (mut led, error) = SwitchedLed::new(driver);
    if let Some(error) = error {
        return Err(Failure::run(error));
    }
    match (arguments.action, arguments.span) {
        (Action::Off, _) => print_line(&format!("{what}: off")),
        (Action::On, None) => {
            led.set(true).map_err(Failure::run)?;
            if led.keep_when_dropped() {
                return print_line(&format!("{what}: on"));
            }
            print_line(&format!(
                "{what}: on while this runs, as the kernel takes the pin back at its end; Ctrl-C ends it"
            ))?;
            drive(&mut led, None, None)
        }
        (Action::On, span) => {
            print_line(&format!("{what}: on"))?;
            drive(&mut led, None, span)
        }
        (Action::Blink, span) => {
            let end = if span.is_none() {
                "; Ctrl-C ends it"
            } else {
                ""
            };
            print_line(&format!("{what}: blinks once a second{end}"))?;
            drive(&mut led, Some(BLINK / 2), span)
        }
    }
}

/// Switches the LED on, or lets it blink, until a signal or the end of the span; then switches it off.
fn drive(
    led: &mut SwitchedLed,
    half_blink: Option<Duration>,
    span: Option<Duration>,
) -> Result<(), Failure> {
    block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let (stop, stopped) = bounded(1);
        let watching = executor.spawn(signals::watch(stop));
        let work = async {
            let mut on = true;
            loop {
                led.set(on)?;
                wait(half_blink).await;
                on = !on;
            }
        };
        let done = future::or(work, ended(stopped, span)).await;
        drop(watching);
        done.map_err(|error: LedError| Failure::run(error))
    })?;
    led.set(false).map_err(Failure::run)
}

async fn ended(stopped: Receiver<()>, span: Option<Duration>) -> Result<(), LedError> {
    // Without a signal handler only the span ends it.
    let signal = async {
        if stopped.recv().await.is_err() {
            future::pending::<()>().await;
        }
    };
    future::or(signal, wait(span)).await;
    Ok(())
}

/// Waits for the span; for ever, if there is none.
async fn wait(span: Option<Duration>) {
    match span {
        Some(span) => {
            Timer::after(span).await;
        }
        None => future::pending().await,
    }
}

fn print_line(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
