//! `carom send`: sends one message and shows how long each step took.

use std::io::{self, Write as _};

use clap::Args;

use super::address;
use super::delay;
use super::failure::Failure;
use super::size;
use crate::config::defaults;
use crate::escape::Escaped;
use crate::lab::Count;
use crate::lab::client::{self, Content, Sent};

/// The port of an address that gives none.
const DEFAULT_PORT: u16 = defaults::PORTS.receiver;

/// Sends one message, which ends in a newline, and shows how long each step took
#[derive(Args)]
#[command(after_help = "Examples:\n  carom send pi1.local 'Hello, World!'\n  \
    carom send 192.168.7.12:10000 --bytes 600000\n  \
    carom send pi1.local < picture.jpg\n\
    It works with every receiver that reads until a newline or the end of the stream.")]
pub(super) struct Arguments {
    /// The receiver: HOST or HOST:PORT; port 10000 unless given
    #[arg(value_name = "ADDR")]
    address: String,
    /// The message; standard input unless given
    #[arg(value_name = "TEXT", conflicts_with = "bytes")]
    text: Option<String>,
    /// Send this many bytes instead, such as 600000 or 2GiB: X repeated, and a newline
    #[arg(long, value_name = "N", value_parser = size::parse)]
    bytes: Option<u64>,
    /// Print the figures as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn send(arguments: &Arguments) -> Result<(), Failure> {
    let (host, port) = address::parse(&arguments.address, DEFAULT_PORT)?;
    let mut input = io::stdin().lock();
    let content = match (&arguments.text, arguments.bytes) {
        (Some(text), _) => Content::Text(text),
        (None, Some(bytes)) => Content::Bytes(bytes),
        (None, None) => Content::From(&mut input),
    };
    let sent = client::send(&host, port, content, delay::print).map_err(Failure::run)?;
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer(&mut out, &sent).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        show(&sent, &mut out)?;
    }
    if !sent.closed {
        return Err(Failure::Run(format!(
            "{} did not end its stream: it may not have read all",
            sent.peer
        )));
    }
    Ok(())
}

fn show(sent: &Sent, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "resolving  {:.6} s  {}", sent.resolving, sent.peer)?;
    writeln!(
        out,
        "set-up     {:.6} s  SYN, SYN-ACK, ACK from {}",
        sent.setting_up, sent.from
    )?;
    writeln!(
        out,
        "sending    {:.6} s  {} in {}, until the kernel had taken them",
        sent.sending,
        Count(sent.bytes, "byte"),
        Count(sent.writes, "write")
    )?;
    writeln!(
        out,
        "closing    {:.6} s  FIN, until the receiver's FIN",
        sent.closing
    )?;
    if let (Some(data), Some(all), Some(again), Some(span)) = (
        sent.segments,
        sent.all_segments,
        sent.retransmitted,
        sent.round_trip_ms,
    ) {
        writeln!(
            out,
            "segments   {data} with data, {all} sent in all, {again} sent again; round trip {span:.3} ms"
        )?;
    }
    for line in sent.answer.lines().take(8) {
        writeln!(out, "answer     {}", Escaped(line))?;
    }
    Ok(())
}
