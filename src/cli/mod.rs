//! The command line: one file per command.

mod address;
mod check;
mod delay;
mod executor;
mod failure;
#[cfg(feature = "find")]
mod find;
mod hosts;
mod init;
mod key;
mod keyboard;
#[cfg(feature = "ladder")]
mod ladder;
mod rate;
mod ring_file;
mod send;
mod size;
mod status;
mod targets;
#[cfg(feature = "watch")]
mod watch;

#[cfg(target_os = "linux")]
mod ball;
#[cfg(target_os = "linux")]
mod demo;
#[cfg(target_os = "linux")]
mod led;
#[cfg(target_os = "linux")]
mod node;
#[cfg(target_os = "linux")]
mod receive;
#[cfg(target_os = "linux")]
mod run;

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
use elsewhere::{ball, demo, led, receive, run};

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// What `carom --version` prints. `deploy/rollout` reads the version of the ring protocol from it, and, in a binary for
/// another machine, finds it by its parentheses.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (wire 2)");

/// A bouncing ball passed round a ring of Raspberry Pis: never lost, never doubled.
#[derive(Parser)]
#[command(name = "carom", version = VERSION, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Run(run::Arguments),
    Init(init::Arguments),
    Check(check::Arguments),
    Key(key::Arguments),
    Status(status::Arguments),
    Send(send::Arguments),
    Receive(receive::Arguments),
    Rate(Box<rate::Arguments>),
    #[cfg(feature = "ladder")]
    Ladder(ladder::Arguments),
    #[cfg(feature = "watch")]
    Watch(watch::Arguments),
    #[cfg(feature = "find")]
    Find(find::Arguments),
    Hosts(hosts::Arguments),
    Led(led::Arguments),
    Ball(ball::Arguments),
}

/// The definition of the command line, for the manual pages and the completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Reads the arguments, runs the command, reports a failure.
pub fn main() -> ExitCode {
    // Before anything else: it needs none of it, and stays small.
    #[cfg(target_os = "linux")]
    if let Some(first) = std::env::args_os().nth(1) {
        if first == crate::keeper::COMMAND {
            return crate::keeper::main();
        }
        if first == demo::node::COMMAND {
            return demo::node::main();
        }
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(help) => {
            // Fails only if nobody reads the output.
            let _ = help.print();
            return ExitCode::from(if help.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match arguments.command {
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Init(arguments) => init::init(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Key(arguments) => key::key(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Send(arguments) => send::send(&arguments),
        Command::Receive(arguments) => receive::receive(&arguments),
        Command::Rate(arguments) => rate::rate(&arguments),
        #[cfg(feature = "ladder")]
        Command::Ladder(arguments) => ladder::ladder(&arguments),
        #[cfg(feature = "watch")]
        Command::Watch(arguments) => watch::watch(&arguments),
        #[cfg(feature = "find")]
        Command::Find(arguments) => find::find(&arguments),
        Command::Hosts(arguments) => hosts::hosts(&arguments),
        Command::Led(arguments) => led::led(&arguments),
        Command::Ball(arguments) => ball::ball(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::VERSION;
    use crate::ring::message;

    #[test]
    fn the_version_names_that_of_the_ring_protocol() {
        let wire = format!(" (wire {})", message::VERSION);
        assert!(
            VERSION.ends_with(&wire),
            "{VERSION} does not end with{wire}"
        );
    }
}
