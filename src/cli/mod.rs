//! The command line: one file a command.

mod address;
mod ball;
mod check;
mod demo;
mod hosts;
mod led;
mod node;
mod rate;
mod receive;
mod run;
mod send;
mod size;
mod status;
#[cfg(feature = "watch")]
mod watch;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use smol::LocalExecutor;

use crate::config::{Config, Faults, Overrides};

/// A bouncing ball passed round a ring of Raspberry Pis: never lost, never doubled.
#[derive(Parser)]
#[command(name = "carom", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Run(run::Arguments),
    Check(check::Arguments),
    Status(status::Arguments),
    Send(send::Arguments),
    Receive(receive::Arguments),
    Rate(Box<rate::Arguments>),
    #[cfg(feature = "watch")]
    Watch(watch::Arguments),
    Hosts(hosts::Arguments),
    Led(led::Arguments),
    Ball(ball::Arguments),
}

/// Which ring file, and what to change in it for this run.
#[derive(Args, Clone)]
struct RingFile {
    /// The ring file
    #[arg(long = "config", value_name = "FILE")]
    path: PathBuf,
    /// Sets one key over the file and the environment, such as ring.lease=1s; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("expected KEY=VALUE, such as ring.lease=1s")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl RingFile {
    fn load(&self) -> Result<Config, Failure> {
        self.read().map_err(Failure::RingFile)
    }

    fn read(&self) -> Result<Config, Faults> {
        read(&self.path, &self.set)
    }
}

fn load(path: &Path, set: &[(String, String)]) -> Result<Config, Failure> {
    read(path, set).map_err(Failure::RingFile)
}

fn read(path: &Path, set: &[(String, String)]) -> Result<Config, Faults> {
    let set = set.iter().fold(Overrides::default(), |all, (key, value)| {
        all.set(key, value)
    });
    Config::load(path, &set)
}

/// Why a command did not do what it was asked.
enum Failure {
    /// Wrong usage: exit code 2.
    Usage(String),
    /// A ring file with faults, a line each: exit code 2.
    RingFile(Faults),
    /// It went wrong at run time: exit code 1.
    Run(String),
    /// It went wrong and has said so already: exit code 1.
    Told,
}

impl Failure {
    fn run(error: impl fmt::Display) -> Self {
        Self::Run(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever read our output has seen enough; there is nobody left to tell.
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Told
        } else {
            Self::run(error)
        }
    }
}

/// The command line itself, for its manual pages and its completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Reads the arguments, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(help) => {
            // Printing fails only where there is nobody to read it.
            let _ = help.print();
            return ExitCode::from(if help.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match arguments.command {
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Send(arguments) => send::send(&arguments),
        Command::Receive(arguments) => receive::receive(&arguments),
        Command::Rate(arguments) => rate::rate(&arguments),
        #[cfg(feature = "watch")]
        Command::Watch(arguments) => watch::watch(&arguments),
        Command::Hosts(arguments) => hosts::hosts(&arguments),
        Command::Led(arguments) => led::led(&arguments),
        Command::Ball(arguments) => ball::ball(&arguments),
    };
    let (sentence, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(sentence)) => (format!("carom: {sentence}"), 2),
        // Each line begins with its place, as compilers write it: editors jump there.
        Err(Failure::RingFile(faults)) => (faults.to_string(), 2),
        Err(Failure::Run(sentence)) => (format!("carom: {sentence}"), 1),
        Err(Failure::Told) => return ExitCode::from(1),
    };
    let _ = writeln!(io::stderr(), "{}", sentence.trim_end());
    ExitCode::from(code)
}

/// Runs a future on this thread alone: its I/O, its timers and all the tasks it spawns.
///
/// Long work belongs into a task: a task that wakes another is followed by it at once, while a
/// wake of `work` itself first makes the reactor look for news, five system calls long.
fn block_on<T>(work: impl AsyncFnOnce(Rc<LocalExecutor<'static>>) -> T) -> T {
    let executor = Rc::new(LocalExecutor::new());
    async_io::block_on(executor.run(work(Rc::clone(&executor))))
}
