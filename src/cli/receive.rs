//! `carom receive`: the receiver alone, without a ring.

use std::io::ErrorKind::{AddrInUse, PermissionDenied};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{SyncSender, sync_channel};

use clap::Args;
use tracing::Level;

use super::failure::Failure;
use super::size;
use crate::daemon::listen::bind_tcp;
use crate::lab::{self, Limits, Message, Priority, Report, ServiceHandle};
use crate::program::log;

/// Messages and runs that may wait to be printed; beyond this, the senders wait.
const MOST_WAITING: usize = 64;

/// Receives messages and prints each one; needs no ring
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom receive\n  carom receive --listen 127.0.0.1:10000 --once\n  \
    carom receive --rate 10100     # and a rate endpoint, for carom rate\n  \
    carom receive --read-rate 64k  # reads slowly: the senders' window closes\n\
    A message ends with a newline or at the end of its connection. Nothing is sent back: an echo client \
    would wait in vain. Ctrl-C ends the command."
)]
pub(super) struct Arguments {
    /// Where to listen: a port, or IP:PORT
    #[arg(long, value_name = "ADDR", default_value = "10000", value_parser = listen_address)]
    listen: ListenAddress,
    /// End after the first message
    #[arg(long)]
    once: bool,
    /// Also measure runs of `carom rate` there: a port, or IP:PORT
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    rate: Option<ListenAddress>,
    /// Read only so many bytes a second of each connection, such as 64k
    #[arg(long, value_name = "N", value_parser = size::parse)]
    read_rate: Option<u64>,
}

/// A port to listen on, at one address or at all.
#[derive(Clone, Copy, Debug)]
struct ListenAddress {
    address: Option<IpAddr>,
    port: u16,
}

fn listen_address(text: &str) -> Result<ListenAddress, String> {
    if let Ok(port) = text.parse() {
        return Ok(ListenAddress {
            address: None,
            port,
        });
    }
    let parsed = text.parse::<SocketAddr>().map(|socket| ListenAddress {
        address: Some(socket.ip()),
        port: socket.port(),
    });
    parsed
        .map_err(|_| "write a port, such as 10000, or IP:PORT, such as 127.0.0.1:10000".to_owned())
}

/// What was received and is to be printed.
enum Received {
    Message(Message),
    Run(Report),
}

pub(super) fn receive(arguments: &Arguments) -> Result<(), Failure> {
    let _log = log::init(log::level(Level::WARN)).map_err(Failure::run)?;
    let (sender, received) = sync_channel(MOST_WAITING);
    let limits = Limits {
        read_rate: arguments.read_rate,
        ..Limits::default()
    };
    let (_receiver, address) = receiver(arguments.listen, limits, sender.clone())?;
    let mut out = io::stdout().lock();
    writeln!(out, "receiving messages on {address}")?;
    let rate = arguments.rate.map(|at| rate(at, limits, sender));
    let rate = rate.transpose()?;
    if let Some((_, address)) = &rate {
        writeln!(out, "measuring runs on {address}")?;
    }
    out.flush()?;
    for received in received {
        let is_message = matches!(received, Received::Message(_));
        match received {
            Received::Message(message) => {
                writeln!(out, "{message}")?;
                if !message.cut {
                    writeln!(out, "    {}", message.figures())?;
                }
            }
            Received::Run(report) => writeln!(out, "{report}")?,
        }
        out.flush()?;
        if is_message && arguments.once {
            break;
        }
    }
    Ok(())
}

fn receiver(
    at: ListenAddress,
    limits: Limits,
    sender: SyncSender<Received>,
) -> Result<(ServiceHandle, SocketAddr), Failure> {
    let (listener, address) = listen(at)?;
    let observer = Box::new(move |message: &Message| {
        // Fails only if this command is about to end.
        let _ = sender.send(Received::Message(message.clone()));
    });
    let handle =
        lab::start_receiver(listener, limits, Priority::Usual, observer).map_err(Failure::run)?;
    Ok((handle, address))
}

fn rate(
    at: ListenAddress,
    limits: Limits,
    sender: SyncSender<Received>,
) -> Result<(ServiceHandle, SocketAddr), Failure> {
    let (listener, address) = listen(at)?;
    let observer = Box::new(move |report: &Report| {
        // Fails only if this command is about to end.
        let _ = sender.send(Received::Run(report.clone()));
    });
    let handle =
        lab::start_rate(listener, limits, Priority::Usual, observer).map_err(Failure::run)?;
    Ok((handle, address))
}

fn listen(at: ListenAddress) -> Result<(TcpListener, SocketAddr), Failure> {
    let bind = |address| bind_tcp(SocketAddr::new(address, at.port));
    let bound = match at.address {
        Some(address) => bind(address),
        // Without IPv6 in the kernel, IPv4 remains.
        None => match bind(Ipv6Addr::UNSPECIFIED.into()) {
            Err(error) if !matches!(error.kind(), AddrInUse | PermissionDenied) => {
                bind(Ipv4Addr::UNSPECIFIED.into())
            }
            bound => bound,
        },
    };
    let port = at.port;
    let listener = bound.map_err(|error| {
        Failure::Run(format!(
            "cannot listen on port {port} ({error}): stop the program that uses it, or choose another port"
        ))
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
