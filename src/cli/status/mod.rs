//! `carom status`: what the nodes report about themselves and about each other, as one table.

mod answer;
mod table;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::rc::Rc;

use clap::Args;
use smol::LocalExecutor;

use super::executor::block_on;
use super::failure::Failure;
use super::targets::targets;

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
}

pub(super) fn status(arguments: &Arguments) -> Result<(), Failure> {
    let targets = targets(arguments.config.as_deref(), &arguments.addresses)?;
    let answers = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let fetch = |target| executor.spawn(answer::fetch(target));
        let fetching: Vec<_> = targets.into_iter().map(fetch).collect();
        let mut answers = Vec::new();
        for answer in fetching {
            answers.push(answer.await);
        }
        answers
    });
    let mut out = io::stdout().lock();
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
