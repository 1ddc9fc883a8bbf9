//! `carom ladder`: a capture as a time-sequence diagram, for laptops.

mod capture;
mod connection;
mod segment;
mod shown;
mod svg;
mod text;

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use connection::Connection;

/// Connections that are shown at once.
const MOST_CONNECTIONS: usize = 12;

/// Shows the TCP segments of a capture in their order, as text or as a picture
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom ladder lab.pcapng\n  carom ladder lab.pcapng --svg lab.svg --port 10000\n  \
    carom ladder lab.pcapng --connection 3 --segments 200\n\
    Captures are made with Wireshark, or with: sudo tshark -i any -f tcp -w lab.pcapng\n\
    Numbers of bytes are relative: the first byte of data has the number 1."
)]
pub(super) struct Arguments {
    /// The capture: pcap or pcapng
    #[arg(value_name = "FILE")]
    capture: PathBuf,
    /// Draw an SVG, instead of printing text
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Only this connection, by its number
    #[arg(long, value_name = "N")]
    connection: Option<usize>,
    /// Only connections of this port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// How many segments of each connection: the first, and the last quarter of them
    #[arg(long, value_name = "N", default_value = "40", value_parser = clap::value_parser!(u16).range(4..=2000))]
    segments: u16,
}

pub(super) fn ladder(arguments: &Arguments) -> Result<(), Failure> {
    let read = capture::read(&arguments.capture).map_err(Failure::Run)?;
    let connections = connection::connections(read.segments);
    let shown = choose(arguments, &connections)?;
    let most = usize::from(arguments.segments);
    let mut notes = Vec::new();
    let all = connections.len();
    if arguments.connection.is_none() && shown.len() < all {
        notes.push(format!(
            "{} of the {} connections of the capture are shown; --connection N shows one alone.",
            shown.len(),
            shown::number(all as u64)
        ));
    }
    if let Some(cut) = read.cut {
        notes.push(format!("The capture goes on or is damaged: {cut}."));
    }
    let Some(path) = &arguments.svg else {
        text::print(&shown, most, &notes, &mut io::stdout().lock())?;
        return Ok(());
    };
    let name = arguments.capture.file_name().unwrap_or_default();
    let drawn = svg::draw(&name.to_string_lossy(), &shown, most, &notes).map_err(Failure::run)?;
    fs::write(path, drawn).map_err(|error| Failure::unwritable(path, &error))
}

/// The connections to show, with their numbers in the capture.
fn choose<'a>(
    arguments: &Arguments,
    connections: &'a [Connection],
) -> Result<Vec<(usize, &'a Connection)>, Failure> {
    let is_wanted = |number: usize, connection: &Connection| {
        let ports = [connection.client.port(), connection.server.port()];
        arguments.connection.is_none_or(|wanted| wanted == number)
            && arguments.port.is_none_or(|port| ports.contains(&port))
    };
    let shown: Vec<_> = (1..)
        .zip(connections)
        .filter(|(number, connection)| is_wanted(*number, connection))
        .take(MOST_CONNECTIONS)
        .collect();
    if shown.is_empty() {
        let which = match (arguments.connection, arguments.port) {
            (Some(number), None) => format!("no connection {number}"),
            (None, Some(port)) => format!("no connection with port {port}"),
            (Some(number), Some(port)) => format!("no connection {number} with port {port}"),
            (None, None) => "no connection".to_owned(),
        };
        return Err(Failure::Run(format!(
            "{} has {which}: it has {} in all",
            arguments.capture.display(),
            connections.len()
        )));
    }
    Ok(shown)
}

#[cfg(test)]
mod tests;
