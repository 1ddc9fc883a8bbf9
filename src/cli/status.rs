//! `carom status`: what the nodes say of themselves and of each other, as one table.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::rc::Rc;

use clap::Args;
use serde::Serialize;
use smol::LocalExecutor;

use super::{Failure, address, block_on, load};
use crate::config::Node;
use crate::escape::Escaped;
use crate::http::{NodeStatus, Status, fetch_status};
use crate::ring::Shape;

/// The HTTP port of an address that gives none.
const USUAL_PORT: u16 = 8080;

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
    let targets = targets(arguments)?;
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
        table(&asked, &mut out)?;
    }
    if asked.iter().all(|asked| asked.status.is_none()) {
        return Err(Failure::Run(
            "no node answered: check that carom runs there, and its http port".to_owned(),
        ));
    }
    Ok(())
}

/// Where to ask.
struct Target {
    node: Option<String>,
    host: String,
    port: u16,
}

fn targets(arguments: &Arguments) -> Result<Vec<Target>, Failure> {
    let Some(path) = &arguments.config else {
        return arguments
            .addresses
            .iter()
            .map(|address| parse(address))
            .collect();
    };
    let nodes = load(path, &[])?.nodes.into_iter();
    let target = |node: Node| Target {
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

/// The nodes in ring order, each by its own word where it answered, else by the others'.
fn table(asked: &[Asked], out: &mut impl io::Write) -> io::Result<()> {
    let answers: Vec<&Status> = asked
        .iter()
        .filter_map(|asked| asked.status.as_ref())
        .collect();
    let Some(first) = answers.first() else {
        return unreached(asked, out);
    };
    let shape = match first.shape {
        Shape::Ring => "a ring",
        Shape::Row => "a row",
    };
    writeln!(
        out,
        "{} ({}, lease {} ms)",
        Escaped(&first.ring),
        shape,
        first.lease_ms
    )?;
    let width = first
        .nodes
        .iter()
        .map(|node| node.name.len())
        .max()
        .unwrap_or(0)
        .max(4);
    writeln!(
        out,
        "{:width$}  STATE    LED  BALL  GENERATION             HOP       LINKS (round trip)",
        "NODE"
    )?;
    for node in &first.nodes {
        let own = answers.iter().find(|answer| answer.node == node.name);
        let name = Escaped(&node.name).to_string();
        match own {
            Some(own) => speaking(&name, width, own, out)?,
            None => {
                let state = state_by_others(&node.name, &answers);
                writeln!(out, "{name:width$}  {state:7}  ?")?;
            }
        }
    }
    for ball in newest_words(&answers) {
        writeln!(out, "{ball}")?;
    }
    unreached(asked, out)
}

/// The lines of a node that answered: one, and one more for every further ball it has.
fn speaking(name: &str, width: usize, own: &Status, out: &mut impl io::Write) -> io::Result<()> {
    let links: Vec<String> = own
        .nodes
        .iter()
        .filter(|node| node.name != own.node)
        .map(link)
        .collect();
    let mut balls = own.balls.iter().filter(|ball| ball.here || ball.frozen);
    let lit = match (&own.led.fault, own.led.lit) {
        // It cannot be set, so how it is nobody knows.
        (Some(_), _) => "?",
        (None, true) => "on",
        (None, false) => "off",
    };
    let (number, generation, hop) = balls.next().map(ball_columns).unwrap_or_default();
    writeln!(
        out,
        "{name:width$}  up       {lit:3}  {number:4}  {generation:21}  {hop:8}  {}",
        links.join(" ")
    )?;
    for ball in balls {
        let (number, generation, hop) = ball_columns(ball);
        writeln!(
            out,
            "{:width$}  {:7}  {:3}  {number:4}  {generation:21}  {hop:8}",
            "", "", ""
        )?;
    }
    if let Some(fault) = &own.led.fault {
        writeln!(out, "{:width$}  LED: {}", "", Escaped(fault))?;
    }
    Ok(())
}

fn ball_columns(ball: &crate::http::BallStatus) -> (String, String, String) {
    let frozen = if ball.frozen { "*" } else { "" };
    (
        format!("{}{frozen}", ball.ball),
        Escaped(ball.generation.as_deref().unwrap_or("-")).to_string(),
        ball.hop.unwrap_or(0).to_string(),
    )
}

fn link(node: &NodeStatus) -> String {
    let name = Escaped(&node.name);
    match (node.state.as_str(), node.round_trip_ms) {
        ("up", Some(span)) => format!("{name} {span:.1}ms"),
        ("up", None) => format!("{name} ok"),
        (state, _) => format!("{name} {}", Escaped(state)),
    }
}

/// `down` if anyone who can tell says so, `up` if it is linked but did not answer us, else `unknown`.
fn state_by_others(name: &str, answers: &[&Status]) -> &'static str {
    let words = || {
        answers
            .iter()
            .flat_map(|answer| &answer.nodes)
            .filter(|node| node.name == name)
    };
    if words().any(|node| node.state == "up") {
        "up"
    } else if words().any(|node| node.state == "down") {
        "down"
    } else {
        "unknown"
    }
}

/// A line for every ball that nobody who answered has.
fn newest_words(answers: &[&Status]) -> Vec<String> {
    let Some(first) = answers.first() else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for ball in &first.balls {
        let words = || {
            answers
                .iter()
                .flat_map(|answer| &answer.balls)
                .filter(|word| word.ball == ball.ball)
        };
        if words().any(|word| word.here) {
            continue;
        }
        let frozen = words().any(|word| word.frozen);
        let last = words().max_by_key(|word| word.hop);
        let holder = last
            .and_then(|word| word.holder.as_deref())
            .unwrap_or("nobody yet, as nodes wait one lease after their start");
        let holder = Escaped(holder);
        lines.push(if frozen {
            format!(
                "ball {} stands still (*): no majority renews its lease",
                ball.ball
            )
        } else {
            format!(
                "ball {} is with none of the nodes that answered; last known holder: {holder}",
                ball.ball
            )
        });
    }
    lines
}

fn unreached(asked: &[Asked], out: &mut impl io::Write) -> io::Result<()> {
    for asked in asked {
        if let Some(error) = &asked.error {
            let who = asked.node.as_ref().unwrap_or(&asked.address);
            writeln!(out, "{}: {error}", Escaped(who))?;
        }
    }
    Ok(())
}
