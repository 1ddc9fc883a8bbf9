//! `carom rate --watch`: what TCP does during one run, drawn live in a terminal, and once more at the end.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde::Serialize;

use super::quantity::amount;
use super::table;
use super::watch_chart::{self, usual_most};
use crate::cli::delay;
use crate::cli::failure::Failure;
use crate::lab::Count;
use crate::lab::client::{self, Measured, Plan, Sample, Watcher};

/// The columns of a curve, in characters.
const WIDTH: usize = 32;

/// A curve's characters, from zero to its highest value.
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const CSV_HEAD: &str = "seconds,congestion_window_segments,slow_start_threshold_segments,segment_bytes,\
in_flight_bytes,round_trip_ms,round_trip_variance_ms,retransmitted,lost,receive_window_bytes,\
delivery_bytes_per_second,acknowledged_bytes";

/// One run and its samples, to be written as JSON.
#[derive(Serialize)]
struct Watched<'a> {
    #[serde(flatten)]
    measured: &'a Measured,
    samples: &'a [Sample],
}

/// How to show what was seen.
pub(super) struct Output<'a> {
    /// As one line of JSON.
    pub(super) json: bool,
    pub(super) csv: Option<File>,
    pub(super) svg: Option<File>,
    /// The receiver as the user calls it.
    pub(super) peer: &'a str,
}

/// Makes one run, and shows it and its samples.
pub(super) fn run(
    addresses: &[SocketAddr],
    plan: &Plan,
    output: Output<'_>,
    out: &mut impl io::Write,
) -> Result<Measured, Failure> {
    let (measured, samples) = measure(addresses, plan)?;
    if output.json {
        let (measured, samples) = (&measured, samples.as_slice());
        let watched = Watched { measured, samples };
        serde_json::to_writer(&mut *out, &watched).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        table::run(plan, &measured, out)?;
        let all = Count(samples.len() as u64, "sample");
        writeln!(
            out,
            "\nthis end's TCP over time, {all}, the last value of each:"
        )?;
        for line in panel(&samples) {
            writeln!(out, "{line}")?;
        }
    }
    if let Some(mut file) = output.csv {
        file.write_all(to_csv(&samples).as_bytes())?;
    }
    if let Some(mut file) = output.svg {
        let drawn = watch_chart::draw(&samples, output.peer).map_err(Failure::Run)?;
        file.write_all(drawn.as_bytes())?;
    }
    Ok(measured)
}

/// Makes the run, and samples its connection; on a terminal, shows the samples while it lasts.
fn measure(addresses: &[SocketAddr], plan: &Plan) -> Result<(Measured, Vec<Sample>), Failure> {
    let mut watcher = None;
    let is_terminal = io::stderr().is_terminal();
    let mut on_open = |stream: &TcpStream| {
        watcher = Some(Watcher::start(stream, move |samples| {
            if is_terminal {
                show(samples);
            }
        }));
    };
    let measured = client::measure_opened(addresses, plan, &mut delay::print, &mut on_open);
    let watcher = watcher.transpose();
    let samples = watcher.map(|watcher| watcher.map_or_else(Vec::new, Watcher::finish));
    if is_terminal {
        // Clears what was shown. Fails only if the terminal is gone.
        let _ = write!(io::stderr(), "\x1b[J");
    }
    Ok((measured.map_err(Failure::run)?, samples?))
}

/// Draws over what was drawn before. A terminal that cannot be written does not matter to the measurement.
fn show(samples: &[Sample]) {
    let lines = panel(samples);
    let mut text = String::new();
    for line in &lines {
        text.push_str(&format!("\r{line}\x1b[K\n"));
    }
    let _ = write!(io::stderr(), "{text}\x1b[{}A\r", lines.len());
    let _ = io::stderr().flush();
}

/// A line for each figure: its name, its curve from the beginning to now, its value now.
fn panel(samples: &[Sample]) -> Vec<String> {
    let Some(last) = samples.last() else {
        return vec!["this kernel does not tell what TCP does".to_owned()];
    };
    let line = |name: &str, value: &dyn Fn(&Sample) -> Option<f64>, now: String| {
        format!("{name:<18} {} {now}", curve(samples, value))
    };
    let segments = |count: u64| Count(count, "segment").to_string();
    let threshold = last.slow_start_threshold;
    let unknown = || "-".to_owned();
    vec![
        line(
            "congestion window",
            &|one| Some(one.congestion_window as f64),
            segments(last.congestion_window),
        ),
        line(
            "slow-start limit",
            &|one| one.slow_start_threshold.map(|it| it as f64),
            threshold.map_or_else(|| "none yet".to_owned(), segments),
        ),
        line(
            "in flight",
            &|one| Some(one.in_flight_bytes as f64),
            amount(last.in_flight_bytes),
        ),
        line(
            "receiver's window",
            &|one| one.receive_window.map(|it| it as f64),
            last.receive_window.map_or_else(unknown, amount),
        ),
        line(
            "round trip",
            &|one| Some(one.round_trip_ms),
            format!(
                "{:.3} ms, varies by {:.3} ms",
                last.round_trip_ms, last.round_trip_variance_ms
            ),
        ),
        line(
            "delivery rate",
            &|one| one.delivery_rate.map(|it| it as f64),
            last.delivery_rate
                .map_or_else(unknown, |rate| format!("{}/s", amount(rate))),
        ),
        line(
            "sent again",
            &|one| Some(one.retransmitted as f64),
            segments(last.retransmitted),
        ),
    ]
}

/// The highest values of equal parts of the time, as characters.
fn curve(samples: &[Sample], value: &dyn Fn(&Sample) -> Option<f64>) -> String {
    let end = samples.last().map_or(0.0, |last| last.seconds).max(1e-9);
    let most = usual_most(samples, value);
    let mut parts = [None::<f64>; WIDTH];
    for sample in samples {
        let at = (sample.seconds / end * WIDTH as f64) as usize;
        if let (Some(part), Some(value)) = (parts.get_mut(at.min(WIDTH - 1)), value(sample)) {
            *part = Some(part.map_or(value, |before| before.max(value)));
        }
    }
    let mut before = None;
    let characters = parts.into_iter().map(|part| {
        // A part of the time without a sample goes on as the one before.
        before = part.or(before);
        let share = before.unwrap_or(0.0) / most.max(1e-9);
        let level = (share * 8.0).ceil() as usize;
        // What is beyond the usual is as high as that.
        LEVELS.get(level).copied().unwrap_or('█')
    });
    characters.collect()
}

/// A line for each sample; what the kernel does not tell is empty.
fn to_csv(samples: &[Sample]) -> String {
    let mut text = format!("{CSV_HEAD}\n");
    let known = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    for one in samples {
        text.push_str(&format!(
            "{:.6},{},{},{},{},{:.3},{:.3},{},{},{},{},{}\n",
            one.seconds,
            one.congestion_window,
            known(one.slow_start_threshold),
            one.segment_bytes,
            one.in_flight_bytes,
            one.round_trip_ms,
            one.round_trip_variance_ms,
            one.retransmitted,
            one.lost,
            known(one.receive_window),
            known(one.delivery_rate),
            known(one.acknowledged_bytes),
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_shows_the_highest_value_of_each_part_and_goes_on_where_nothing_is_known() {
        let samples: Vec<Sample> = [(0.0, 0), (0.5, 80), (0.51, 10), (1.0, 40)]
            .map(|(seconds, congestion_window)| Sample {
                seconds,
                congestion_window,
                ..Sample::default()
            })
            .to_vec();
        let curve = curve(&samples, &|one| Some(one.congestion_window as f64));
        let expected = format!("{}{}▄", " ".repeat(WIDTH / 2), "█".repeat(WIDTH / 2 - 1));
        assert_eq!(curve, expected);
    }

    #[test]
    fn a_sample_has_as_many_values_as_the_head_has_names() {
        let text = to_csv(&[Sample::default()]);
        let counts: Vec<usize> = text.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(counts, [12, 12]);
        assert!(
            text.ends_with("0.000000,0,,0,0,0.000,0.000,0,0,,,\n"),
            "{text}"
        );
    }
}
