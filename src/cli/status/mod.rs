//! `carom status`: what the nodes report about themselves and about each other, as one table.

mod answer;
mod balls;
mod facts;
mod fold;
mod gate;
mod state;
mod table;

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::rc::Rc;

use clap::Args;
use smol::{LocalExecutor, Task};

use super::executor::block_on;
use super::failure::Failure;
use super::targets::targets;
use crate::http::Status;

/// Asks the nodes over HTTP and prints one table
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom status --config ring.toml\n  carom status pi1.local 192.168.7.12:8081\n\
    Exit code 1 if no node answers."
)]
pub(super) struct Arguments {
    /// Ask every node of this ring file; - is standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "addresses",
        required_unless_present = "addresses"
    )]
    config: Option<PathBuf>,
    /// Ask these nodes: HOST or HOST:PORT of their HTTP endpoints; port 8080 unless given
    #[arg(value_name = "ADDR")]
    addresses: Vec<String>,
    /// Print the answers of the nodes as JSON
    #[arg(long)]
    json: bool,
    /// For scripts: print what one node knows, one fact a line
    #[arg(long, conflicts_with_all = ["json", "config"])]
    facts: bool,
    /// For scripts: say in one line whether one node is good after a switch: "ok ...", "wait WHY" or "wait-ball SECONDS WHY"
    #[arg(long, conflicts_with_all = ["json", "config", "facts"])]
    gate: bool,
    /// With --gate: peers to which the node needs no link, with commas between
    #[arg(long, value_name = "NAMES", requires = "gate", value_delimiter = ',')]
    may_miss: Vec<String>,
    /// With --gate: a ball must have passed through the node since its start
    #[arg(long, requires = "gate")]
    ball: bool,
}

/// Nodes that are asked at the same time.
const MOST_REQUESTS: usize = 32;

pub(super) fn status(arguments: &Arguments) -> Result<(), Failure> {
    let targets = targets(arguments.config.as_deref(), &arguments.addresses)?;
    let answers = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let mut answers = Vec::new();
        let mut fetching: VecDeque<Task<_>> = VecDeque::new();
        for target in targets {
            if fetching.len() >= MOST_REQUESTS
                && let Some(oldest) = fetching.pop_front()
            {
                answers.push(oldest.await);
            }
            fetching.push_back(executor.spawn(answer::fetch(target)));
        }
        for answer in fetching {
            answers.push(answer.await);
        }
        answers
    });
    let mut out = io::stdout().lock();
    if arguments.gate || arguments.facts {
        // These are asked of a node that may just be starting: no answer is an answer, too.
        for answer in &answers {
            print_for_script(arguments, answer.status.as_ref(), &mut out)?;
        }
        return Ok(());
    }
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &answers).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        table::print(&answers, &mut out)?;
    }
    if answers.iter().all(|answer| answer.status.is_none()) {
        return Err(Failure::Run(
            "no node answered: check that carom runs there, and its http port".to_owned(),
        ));
    }
    Ok(())
}

fn print_for_script(
    arguments: &Arguments,
    status: Option<&Status>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    if arguments.gate {
        let requirements = gate::Requirements {
            may_miss: &arguments.may_miss,
            ball: arguments.ball,
        };
        return writeln!(out, "{}", gate::Verdict::of(status, &requirements));
    }
    status.map_or(Ok(()), |status| facts::print(status, out))
}

#[cfg(test)]
pub(super) mod tests;
