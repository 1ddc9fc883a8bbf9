//! The rate endpoint of the lab: connections that open, send and end in any order. No byte is lost or counted twice.

#![no_main]

mod common;

use std::net::SocketAddr;

use carom::lab::fuzzing::RateEndpoint;
use carom::lab::{End, Report};
use libfuzzer_sys::fuzz_target;

const SECOND: u64 = 1_000_000_000;
const ENDS: [End; 7] = [
    End::Newline,
    End::EndOfStream,
    End::Reset,
    End::Idle,
    End::TooLong,
    End::Evicted,
    End::Stopped,
];

// Two bytes are a step: what happens, with how many bytes, and to which connection.
fuzz_target!(|data: &[u8]| {
    let mut endpoint = RateEndpoint::default();
    let (mut now, mut sent) = (SECOND, 0);
    let mut steps = data;
    while let [what, which, rest @ ..] = steps {
        steps = rest;
        let open = endpoint.open_connections();
        let index = usize::from(*which).checked_rem(open).unwrap_or(0);
        now += u64::from(*which) * SECOND / 64;
        match what % 8 {
            0 | 1 => {
                let peer = SocketAddr::from(([10, 0, 0, which % 4], 1));
                endpoint.on_open(peer, now);
            }
            2..=5 => {
                let count = usize::from(what / 8).min(steps.len());
                let (bytes, rest) = steps.split_at(count);
                steps = rest;
                if open > 0 {
                    endpoint.on_read(index, bytes, now);
                    sent += bytes.len() as u64;
                }
            }
            6 => endpoint.on_close(index, ENDS[usize::from(what / 8) % ENDS.len()], now),
            _ => endpoint.on_time(now),
        }
    }
    while endpoint.open_connections() > 0 {
        endpoint.on_close(0, End::EndOfStream, now);
    }
    while let Some(deadline) = endpoint.deadline() {
        assert!(
            deadline <= now + 10 * SECOND,
            "a run expires ten seconds after its last connection"
        );
        now = now.max(deadline);
        endpoint.on_time(now);
    }
    let reports = endpoint.reports();
    assert_eq!(reports.iter().map(|report| report.bytes).sum::<u64>(), sent);
    reports.iter().for_each(check_report);
});

fn check_report(report: &Report) {
    assert!(report.bytes >= report.reads && report.reads > 0 && report.connections > 0);
    assert!(report.seconds >= 0.0 && report.bytes_per_second.is_none_or(f64::is_finite));
    common::assert_one_safe_line(&report.to_string());
    let json = serde_json::to_string(report).expect("JSON");
    let again: Report = serde_json::from_str(&json).expect("our own JSON");
    let close = |one: f64, other: f64| (one - other).abs() <= one.abs() * 1e-12;
    assert!(close(again.seconds, report.seconds));
    let rate = |report: &Report| report.bytes_per_second.unwrap_or(-1.0);
    assert!(close(rate(&again), rate(report)));
    let figures = |report: &Report| {
        (
            report.bytes,
            report.reads,
            report.connections,
            report.outcome,
        )
    };
    assert_eq!(figures(&again), figures(report));
}
