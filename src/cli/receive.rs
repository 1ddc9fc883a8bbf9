//! `carom receive`: the receiver alone, without a ring.

use std::io::ErrorKind::{AddrInUse, PermissionDenied};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{SyncSender, sync_channel};

use clap::Args;
use tracing::Level;

use super::failure::Failure;
use crate::daemon::log;
use crate::lab::{self, Limits, Message, Priority, Report, ServiceHandle};

/// Lines that wait to be printed at the most; then the senders wait.
const MOST_WAITING: usize = 64;

/// Shows every message that comes, in the foreground, without a ring
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom receive\n  carom receive --listen 127.0.0.1:10000 --once\n  \
    carom receive --rate 10100     # and a rate endpoint, for carom rate\n\
    A message ends with a newline or with its connection. Ctrl-C ends it."
)]
pub(super) struct Arguments {
    /// Where to listen: a port, or IP:PORT
    #[arg(long, value_name = "ADDR", default_value = "10000", value_parser = place)]
    listen: Place,
    /// End after the first message
    #[arg(long)]
    once: bool,
    /// Also measure runs of `carom rate` there: a port, or IP:PORT
    #[arg(long, value_name = "ADDR", value_parser = place)]
    rate: Option<Place>,
}

/// A port, perhaps of one address only.
#[derive(Clone, Copy, Debug)]
struct Place {
    address: Option<IpAddr>,
    port: u16,
}

fn place(text: &str) -> Result<Place, String> {
    if let Ok(port) = text.parse() {
        return Ok(Place {
            address: None,
            port,
        });
    }
    let place = text.parse::<SocketAddr>().map(|place| Place {
        address: Some(place.ip()),
        port: place.port(),
    });
    place.map_err(|_| "write a port, such as 10000, or IP:PORT, such as 127.0.0.1:10000".to_owned())
}

/// What there is to print.
enum News {
    Message(Message),
    Run(Report),
}

pub(super) fn receive(arguments: &Arguments) -> Result<(), Failure> {
    log::init(log::level(Level::WARN));
    let (sender, news) = sync_channel(MOST_WAITING);
    let (_receiver, address) = receiver(arguments.listen, sender.clone())?;
    let mut out = io::stdout().lock();
    writeln!(out, "receiving messages on {address}")?;
    let rate = arguments
        .rate
        .map(|place| rate(place, sender))
        .transpose()?;
    if let Some((_, address)) = &rate {
        writeln!(out, "measuring runs on {address}")?;
    }
    out.flush()?;
    for news in news {
        let message = matches!(news, News::Message(_));
        match news {
            News::Message(message) => {
                writeln!(out, "{message}")?;
                if !message.cut {
                    writeln!(out, "    {}", message.figures())?;
                }
            }
            News::Run(report) => writeln!(out, "{report}")?,
        }
        out.flush()?;
        if message && arguments.once {
            break;
        }
    }
    Ok(())
}

fn receiver(place: Place, news: SyncSender<News>) -> Result<(ServiceHandle, SocketAddr), Failure> {
    let (listener, address) = listen(place)?;
    let observer = Box::new(move |message: &Message| {
        // Fails only where we are about to end.
        let _ = news.send(News::Message(message.clone()));
    });
    let serving = lab::start_receiver(listener, Limits::default(), Priority::Usual, observer)
        .map_err(Failure::run)?;
    Ok((serving, address))
}

fn rate(place: Place, news: SyncSender<News>) -> Result<(ServiceHandle, SocketAddr), Failure> {
    let (listener, address) = listen(place)?;
    let observer = Box::new(move |report: &Report| {
        // Fails only where we are about to end.
        let _ = news.send(News::Run(report.clone()));
    });
    let serving = lab::start_rate(listener, Limits::default(), Priority::Usual, observer)
        .map_err(Failure::run)?;
    Ok((serving, address))
}

fn listen(place: Place) -> Result<(TcpListener, SocketAddr), Failure> {
    let bind = |address| TcpListener::bind(SocketAddr::new(address, place.port));
    let bound = match place.address {
        Some(address) => bind(address),
        // A kernel without IPv6 has only the other.
        None => match bind(Ipv6Addr::UNSPECIFIED.into()) {
            Err(error) if !matches!(error.kind(), AddrInUse | PermissionDenied) => {
                bind(Ipv4Addr::UNSPECIFIED.into())
            }
            bound => bound,
        },
    };
    let port = place.port;
    let listener = bound.map_err(|error| {
        Failure::Run(format!(
            "cannot listen on port {port} ({error}): stop the program that uses it, or choose another port"
        ))
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
