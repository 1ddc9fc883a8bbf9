//! A sweep as comma-separated values, one line per point; a value that is not known is empty.

use std::io;

use crate::lab::Mode;
use crate::lab::client::Point;

const HEAD: &str = "size_bytes,connection,nagle,bytes,writes,connections,segments_sent,\
retransmitted,segments_received,reads,sender_seconds,receiver_seconds,bytes_per_second,\
setup_min_us,setup_median_us,setup_p99_us";

pub(super) fn write(points: &[Point], out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "{HEAD}")?;
    for point in points {
        let sender = &point.measured.sender;
        let receiver = point.measured.receiver.as_ref();
        let rate = point.measured.speed();
        let count = |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
        let connection = match point.connect {
            Mode::Kept => "kept",
            Mode::Reopened => "reopened",
        };
        writeln!(
            out,
            "{},{connection},{},{},{},{},{},{},{},{},{:.9},{},{},{:.3},{:.3},{:.3}",
            point.size,
            if point.nagle { "on" } else { "off" },
            sender.bytes,
            sender.writes,
            sender.connections,
            count(sender.segments),
            count(sender.retransmitted),
            count(receiver.and_then(|it| it.segments)),
            count(receiver.map(|it| it.reads)),
            sender.confirmed_seconds.unwrap_or(sender.seconds),
            receiver.map_or_else(String::new, |it| format!("{:.9}", it.seconds)),
            rate.map_or_else(String::new, |rate| format!("{rate:.0}")),
            sender.setup.min * 1e6,
            sender.setup.median * 1e6,
            sender.setup.p99 * 1e6,
        )?;
    }
    Ok(())
}
