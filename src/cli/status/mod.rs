//! `carom status`: what the nodes say of themselves and of each other, as one table.

mod table;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use serde::Serialize;
use smol::LocalExecutor;

use super::{Failure, address, block_on, load};
use crate::config::{NodeConfig, defaults};
use crate::http::{Status, fetch_status};

/// The HTTP port of an address that gives none.
const USUAL_PORT: u16 = defaults::PORTS.http;

/// Asks the nodes over HTTP and prints one table
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom status --config ring.toml\n  carom status pi1.local 192.168.7.12:8081\n\
    Exit code 1 if no node answers."
)]
pub(super) struct Arguments {
    /// Ask every node of this ring file
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "addresses",
        required_unless_present = "addresses"
    )]
    config: Option<PathBuf>,
    /// Ask these nodes: HOST or HOST:PORT of their HTTP endpoints
    #[arg(value_name = "ADDR")]
    addresses: Vec<String>,
    /// Print what every node answered, as JSON
    #[arg(long)]
    json: bool,
}

/// One node that was asked.
#[derive(Serialize)]
struct Asked {
    /// Its name, where the ring file tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn status(arguments: &Arguments) -> Result<(), Failure> {
    let targets = targets(arguments.config.as_deref(), &arguments.addresses)?;
    let asked = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let asking: Vec<_> = targets
            .into_iter()
            .map(|target| executor.spawn(ask(target)))
            .collect();
        let mut asked = Vec::new();
        for answer in asking {
            asked.push(answer.await);
        }
        asked
    });
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &asked).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        table::print(&asked, &mut out)?;
    }
    if asked.iter().all(|asked| asked.status.is_none()) {
        return Err(Failure::Run(
            "no node answered: check that carom runs there, and its http port".to_owned(),
        ));
    }
    Ok(())
}

/// Where to ask.
pub(super) struct Target {
    node: Option<String>,
    pub(super) host: String,
    pub(super) port: u16,
}

/// Every node of the ring file, or else these addresses.
pub(super) fn targets(config: Option<&Path>, addresses: &[String]) -> Result<Vec<Target>, Failure> {
    let Some(path) = config else {
        return addresses.iter().map(|address| parse(address)).collect();
    };
    let nodes = load(path, &[])?.nodes.into_iter();
    let target = |node: NodeConfig| Target {
        node: Some(node.name),
        host: node.host,
        port: node.ports.http,
    };
    Ok(nodes.map(target).collect())
}

fn parse(address: &str) -> Result<Target, Failure> {
    let (host, port) = address::parse(address, USUAL_PORT)?;
    Ok(Target {
        node: None,
        host,
        port,
    })
}

async fn ask(target: Target) -> Asked {
    let Target { node, host, port } = target;
    let (status, error) = match fetch_status(&host, port).await {
        Ok(status) => (Some(status), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let address = format!("{host}:{port}");
    Asked {
        node,
        address,
        status,
        error,
    }
}
