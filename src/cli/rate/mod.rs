//! `carom rate`: one measured run, or the whole experiment.

mod chart;
mod csv;
mod progress;
mod quantity;
mod table;
mod watch;
mod watch_chart;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};

use super::address;
use super::delay;
use super::failure::Failure;
use super::size;
use crate::config::defaults;
use crate::lab::Mode;
use crate::lab::client::{self, Measured, Plan, Volume};

/// The port of an address that gives none.
const DEFAULT_PORT: u16 = defaults::PORTS.rate;

/// Longer chunks would only measure the memory of this machine.
const LONGEST_CHUNK: u64 = 64 << 20;

/// Measures one run, or a whole experiment, and shows the figures of both ends
#[derive(Args)]
#[command(
    group(ArgGroup::new("series").args(["sweep", "watch"])),
    after_help = "Examples:\n  carom rate pi1.local --bytes 5000 --chunk 10\n  \
    carom rate pi1.local --bytes 5000 --chunk 100 --connect per-chunk\n  \
    carom rate pi1.local --bytes 1GiB --chunk 128KiB --nagle on\n  \
    carom rate pi1.local --sweep --csv rates.csv --svg rates.svg\n  \
    carom rate pi1.local --bytes 20MiB --chunk 64KiB --watch --svg window.svg\n\
    It also works with the chapter's own receivers; then only the sender's figures are shown."
)]
pub(super) struct Arguments {
    /// The rate endpoint: HOST or HOST:PORT; port 10100 unless given
    #[arg(value_name = "ADDR")]
    address: String,
    /// How many bytes to send, such as 5000 or 1GiB; a newline is added
    #[arg(long, value_name = "N", value_parser = size::parse, required_unless_present = "sweep", conflicts_with = "sweep")]
    bytes: Option<u64>,
    /// How many bytes to write at a time, such as 10 or 128KiB
    #[arg(long, value_name = "M", value_parser = chunk, required_unless_present = "sweep", conflicts_with = "sweep")]
    chunk: Option<usize>,
    /// Use one connection for all, or open one for every chunk
    #[arg(long, value_enum, default_value_t = Connect::Once, conflicts_with = "sweep")]
    connect: Connect,
    /// Nagle's algorithm: let the kernel hold small segments back until the last one is acknowledged
    #[arg(long, value_enum, default_value_t = Switch::Off, conflicts_with = "sweep")]
    nagle: Switch,
    /// Print the figures as one line of JSON
    #[arg(long, conflicts_with = "sweep")]
    json: bool,
    /// Show what TCP does over time: its windows, round trips, and what it sends again
    #[arg(long, conflicts_with = "sweep")]
    watch: bool,
    /// Measure sizes from 1 B to 1 MiB, connection kept and reopened, Nagle on and off
    #[arg(long)]
    sweep: bool,
    /// Write the sweep, or what --watch has seen, as comma-separated values
    #[arg(long, value_name = "FILE", requires = "series")]
    csv: Option<PathBuf>,
    /// Draw an SVG: of a sweep speed against size, of --watch the windows and round trips over time
    #[arg(long, value_name = "FILE", requires = "series")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Connect {
    Once,
    PerChunk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn chunk(text: &str) -> Result<usize, String> {
    let bytes = size::parse(text)?;
    let short_enough = usize::try_from(bytes)
        .ok()
        .filter(|_| bytes <= LONGEST_CHUNK);
    short_enough.ok_or_else(|| "a chunk may be 64MiB long".to_owned())
}

pub(super) fn rate(arguments: &Arguments) -> Result<(), Failure> {
    let (host, port) = address::parse(&arguments.address, DEFAULT_PORT)?;
    let addresses = client::resolve(&host, port).map_err(Failure::run)?;
    let mut out = io::stdout().lock();
    let (Some(bytes), Some(chunk)) = (arguments.bytes, arguments.chunk) else {
        return sweep(arguments, &addresses, &mut out);
    };
    let plan = Plan {
        volume: Volume::Bytes(bytes),
        chunk,
        connect: match arguments.connect {
            Connect::Once => Mode::Kept,
            Connect::PerChunk => Mode::Reopened,
        },
        nagle: arguments.nagle == Switch::On,
    };
    if arguments.watch {
        if plan.connect == Mode::Reopened {
            let sentence =
                "--watch follows one connection: leave out --watch or --connect per-chunk";
            return Err(Failure::Usage(sentence.to_owned()));
        }
        let output = watch::Output {
            json: arguments.json,
            csv: arguments.csv.as_deref().map(create).transpose()?,
            svg: arguments.svg.as_deref().map(create).transpose()?,
            peer: &arguments.address,
        };
        return require_speed(&watch::run(&addresses, &plan, output, &mut out)?);
    }
    let measured = client::measure(&addresses, &plan, &mut delay::print).map_err(Failure::run)?;
    if arguments.json {
        serde_json::to_writer(&mut out, &measured).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        table::run(&plan, &measured, &mut out)?;
    }
    require_speed(&measured)
}

fn require_speed(measured: &Measured) -> Result<(), Failure> {
    if measured.speed().is_none() {
        return Err(Failure::Run(format!(
            "{} neither answered nor ended its stream: whether it has read anything is not known, and so no speed is",
            measured.sender.peer
        )));
    }
    Ok(())
}

/// Creates a file of the results. Before the measuring, so that one that cannot be written is reported at once.
fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure::unwritable(path, &error))
}

fn sweep(
    arguments: &Arguments,
    addresses: &[SocketAddr],
    out: &mut impl io::Write,
) -> Result<(), Failure> {
    let csv = arguments.csv.as_deref().map(create).transpose()?;
    let svg = arguments.svg.as_deref().map(create).transpose()?;
    let mut bar = progress::Bar::new();
    let progress = |done, all| bar.show(done, all);
    let points = client::sweep(addresses, progress, &mut delay::print);
    drop(bar);
    let points = points.map_err(Failure::run)?;
    table::sweep(&points, out)?;
    if let Some(file) = csv {
        let mut file = BufWriter::new(file);
        csv::write(&points, &mut file)?;
        file.flush()?;
    }
    if let Some(mut file) = svg {
        let drawn = chart::draw(&points, &arguments.address).map_err(Failure::Run)?;
        file.write_all(drawn.as_bytes())?;
    }
    Ok(())
}
