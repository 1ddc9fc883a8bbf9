//! The figures of a run or a sweep, as tables.

use std::io;

use super::quantity::speed;
use crate::cli::size;
use crate::lab::client::{Measured, Plan, Point, SIZES};
use crate::lab::{Mode, Outcome};

/// Prints one run, both ends side by side.
pub(super) fn run(plan: &Plan, measured: &Measured, out: &mut impl io::Write) -> io::Result<()> {
    let ours = &measured.sender;
    let theirs = measured.receiver.as_ref();
    let connect = match plan.connect {
        Mode::Kept => "one connection",
        Mode::Reopened => "a connection for each",
    };
    let nagle = if plan.nagle { "on" } else { "off" };
    writeln!(
        out,
        "{} in chunks of {}, {connect}, Nagle {nagle}",
        ours.peer,
        size::show(plan.chunk)
    )?;
    writeln!(out, "{:26}{:>16}{:>16}", "", "sender", "receiver")?;
    for (name, ours, theirs) in rows(measured) {
        writeln!(out, "{name:26}{ours:>16}{theirs:>16}")?;
    }
    let setup = ours.setup;
    writeln!(
        out,
        "set-up of a connection: min {:.6} s, median {:.6} s, p99 {:.6} s",
        setup.min, setup.median, setup.p99
    )?;
    if let Some(shared) = measured.shared() {
        writeln!(
            out,
            "writes that shared a segment with another: at least {shared}"
        )?;
    }
    match theirs {
        None => writeln!(
            out,
            "The receiver gave no answer line: only this end's side is shown."
        ),
        Some(report) if report.outcome == Outcome::Complete && !report.overlapped => Ok(()),
        Some(report) => writeln!(out, "The receiver says: {report}"),
    }
}

/// The name of a figure, the sender's value and the receiver's.
type Row = (&'static str, String, String);

fn rows(measured: &Measured) -> [Row; 9] {
    let ours = &measured.sender;
    let theirs = measured.receiver.as_ref();
    let unknown = || "-".to_owned();
    let count = |number: Option<u64>| number.map_or_else(unknown, |number| number.to_string());
    let time = |span: Option<f64>| span.map_or_else(unknown, |span| format!("{span:.6} s"));
    let trip = |span: Option<f64>| span.map_or_else(unknown, |span| format!("{span:.3} ms"));
    [
        (
            "bytes",
            ours.bytes.to_string(),
            count(theirs.map(|it| it.bytes)),
        ),
        (
            "connections",
            ours.connections.to_string(),
            count(theirs.map(|it| it.connections)),
        ),
        (
            "writes, reads",
            ours.writes.to_string(),
            count(theirs.map(|it| it.reads)),
        ),
        (
            "segments with data",
            count(ours.segments),
            count(theirs.and_then(|it| it.segments)),
        ),
        (
            "sent again, out of order",
            count(ours.retransmitted),
            count(theirs.and_then(|it| it.out_of_order)),
        ),
        (
            "round trip",
            trip(ours.round_trip_ms),
            trip(theirs.and_then(|it| it.round_trip_ms)),
        ),
        (
            "time",
            time(Some(ours.seconds)),
            time(theirs.map(|it| it.seconds)),
        ),
        ("until the answer", time(ours.confirmed_seconds), unknown()),
        (
            "speed",
            measured.speed().map_or_else(unknown, speed),
            theirs
                .and_then(|it| it.bytes_per_second)
                .map_or_else(unknown, speed),
        ),
    ]
}

/// Prints a sweep, one line per size.
pub(super) fn sweep(points: &[Point], out: &mut impl io::Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>8}  {:^37}  {:^37}",
        "bytes in", "one connection for all", "a connection for each write"
    )?;
    writeln!(
        out,
        "{:>8}  {:>11} {:>11} {:>13}  {:>11} {:>11} {:>13}",
        "a write", "no Nagle", "Nagle", "segments/write", "no Nagle", "Nagle", "set-up median"
    )?;
    for size in SIZES {
        let find = |connect, nagle| {
            let mut of_size = points.iter().filter(|point| point.size == size);
            of_size.find(|point| point.connect == connect && point.nagle == nagle)
        };
        let rate = |connect, nagle| {
            let rate = find(connect, nagle).and_then(|point| point.measured.speed());
            rate.map_or_else(|| "-".to_owned(), speed)
        };
        let held = find(Mode::Kept, true).and_then(segments_per_write);
        let setup = find(Mode::Reopened, false).map(|point| point.measured.sender.setup.median);
        writeln!(
            out,
            "{:>8}  {:>11} {:>11} {:>14}  {:>11} {:>11} {:>13}",
            size::show(size),
            rate(Mode::Kept, false),
            rate(Mode::Kept, true),
            held.map_or_else(String::new, |ratio| format!("{ratio:.4}")),
            rate(Mode::Reopened, false),
            rate(Mode::Reopened, true),
            setup.map_or_else(String::new, |span| format!("{:.0} us", span * 1e6)),
        )?;
    }
    writeln!(
        out,
        "segments/write: with Nagle, how many segments a write cost; below 1, writes shared one"
    )?;
    if points.iter().any(|point| point.measured.receiver.is_none()) {
        writeln!(
            out,
            "The receiver gave no answer line: what it read is not known."
        )?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio has four digits that count"
)]
fn segments_per_write(point: &Point) -> Option<f64> {
    let sender = &point.measured.sender;
    (sender.writes > 0).then_some(sender.segments? as f64 / sender.writes as f64)
}
