//! Every sender of the chapter, and every way to break off.

use super::*;

const SECOND: Nanos = 1_000_000_000;

fn peer(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 50_000))
}

/// One connection from its accept to its end; the reports.
fn connect(runs: &mut Runs, host: u8, at: Nanos, reads: &[&[u8]], end: End) -> Vec<Report> {
    let mut connection = runs.open(peer(host), at);
    let info = TcpInfo {
        data_segments_in: Some(reads.len() as u64),
        ..TcpInfo::default()
    };
    for read in reads {
        runs.read(&mut connection, read, at + SECOND);
    }
    // The end comes later than the last byte, and does not count.
    let is_whole = reads.last().is_some_and(|read| read.ends_with(b"\n"));
    let later = if is_whole { SECOND / 2 } else { 0 };
    runs.close(connection, end, Some(info), at + SECOND + later)
}

fn only(reports: Vec<Report>) -> Report {
    let [report] = reports.try_into().expect("one report");
    report
}

#[test]
fn a_kept_connection_is_a_run_of_its_own_up_to_its_newline() {
    let mut runs = Runs::default();
    let mut reads: Vec<&[u8]> = vec![b"XXXXXXXXX"; 500];
    reads.push(b"\n");
    let report = only(connect(&mut runs, 1, 5, &reads, End::EndOfStream));
    assert_eq!(
        (report.bytes, report.reads, report.connections),
        (4_501, 501, 1)
    );
    assert_eq!(
        (report.connect, report.outcome),
        (Mode::Kept, Outcome::Complete)
    );
    let figures = (report.seconds, report.bytes_per_second);
    assert_eq!(figures, (1.0, Some(4_501.0)));
    assert!(!report.after_silence && !report.unanswered);
    assert_eq!(report.segments, Some(501));
    assert!(runs.reopened.is_empty() && runs.busy.is_empty());
}

#[test]
fn reopened_connections_are_one_run_however_the_newline_comes() {
    let chunk: &[u8] = &[[b'X'; 99].as_slice(), b"Y"].concat();
    let whole: &[u8] = &[chunk, b"\n"].concat();
    // `println` on Windows writes a carriage return before the newline.
    let windows: &[u8] = &[chunk, b"\r\n"].concat();
    for last in [
        vec![whole],
        vec![chunk, b"\n"],
        vec![&chunk[..40], &chunk[40..], b"\n"],
        vec![windows],
        vec![chunk, b"\r\n"],
        vec![chunk, b"\r", b"\n"],
    ] {
        let bytes = 4_900 + last.iter().map(|read| read.len() as u64).sum::<u64>();
        let mut runs = Runs::default();
        for at in 0..49 {
            assert!(connect(&mut runs, 1, at * 2 * SECOND, &[chunk], End::EndOfStream).is_empty());
        }
        let report = only(connect(&mut runs, 1, 98 * SECOND, &last, End::EndOfStream));
        assert_eq!((report.bytes, report.connections), (bytes, 50));
        assert_eq!(report.reads, 49 + last.len() as u64);
        assert_eq!((report.seconds, report.overlapped), (99.0, false));
        assert_eq!(
            (report.connect, report.outcome),
            (Mode::Reopened, Outcome::Complete)
        );
        assert!(runs.reopened.is_empty() && runs.busy.is_empty());
    }
}

#[test]
fn a_newline_that_is_followed_by_bytes_ends_nothing() {
    let mut runs = Runs::default();
    let reads: [&[u8]; 5] = [b"\0\xff\n", b"Y", b"\n", b"abc\r\n", b"last\n"];
    let report = only(connect(&mut runs, 1, 0, &reads, End::EndOfStream));
    assert_eq!((report.bytes, report.reads), (15, 5));
    assert_eq!(
        (report.connect, report.outcome),
        (Mode::Kept, Outcome::Complete)
    );
    let report = only(connect(&mut runs, 1, 0, &[b"a\n", b"b"], End::EndOfStream));
    assert_eq!((report.bytes, report.outcome), (3, Outcome::BrokenOff));
    // Cut off by this end, nobody knows whether more would have come.
    let report = only(connect(&mut runs, 1, 0, &[b"a\n"], End::Stopped));
    assert_eq!((report.bytes, report.outcome), (2, Outcome::CutOff));
    assert!(runs.reopened.is_empty() && runs.busy.is_empty());
}

#[test]
fn a_run_does_not_expire_while_its_last_connection_waits_for_its_end() {
    let mut runs = Runs::default();
    connect(&mut runs, 1, 0, &[b"XXY"], End::EndOfStream);
    let mut last = runs.open(peer(1), UNFINISHED_TIMEOUT);
    runs.read(&mut last, b"XXY\n", UNFINISHED_TIMEOUT);
    assert!(
        runs.expire_unfinished(UNFINISHED_TIMEOUT + 2 * SECOND)
            .is_empty()
    );
    let report = only(runs.close(last, End::Newline, None, UNFINISHED_TIMEOUT + 3 * SECOND));
    assert_eq!((report.bytes, report.connections), (7, 2));
    assert_eq!(report.seconds, 10.0, "up to the newline");
}

#[test]
fn what_was_not_measured_is_not_zero() {
    let mut runs = Runs::default();
    let mut connection = runs.open(peer(1), 5);
    runs.read(&mut connection, b"X\n", 5);
    let report = only(runs.close(connection, End::EndOfStream, None, 5));
    assert_eq!((report.bytes_per_second, report.segments), (None, None));
    assert_eq!((report.out_of_order, report.round_trip_ms), (None, None));
    let shown = report.to_string();
    assert!(
        shown.ends_with("2 bytes in 1 read on 1 connection"),
        "{shown}"
    );
}

#[test]
fn chunks_of_one_byte_and_runs_of_one_chunk_are_recognised() {
    let mut runs = Runs::default();
    assert!(connect(&mut runs, 1, 0, &[b"Y"], End::EndOfStream).is_empty());
    let report = only(connect(&mut runs, 1, 1, &[b"Y\n"], End::EndOfStream));
    assert_eq!((report.bytes, report.connections), (3, 2));
    let report = only(connect(&mut runs, 1, 2, &[b"XXXY\n"], End::EndOfStream));
    assert_eq!((report.bytes, report.connections), (5, 1));
    let report = only(connect(&mut runs, 1, 3, &[b"\n"], End::EndOfStream));
    assert_eq!((report.bytes, report.connect), (1, Mode::Kept));
}

#[test]
fn runs_of_different_clients_and_kept_beside_reopened_are_kept_apart() {
    let mut runs = Runs::default();
    for _ in 0..3 {
        connect(&mut runs, 1, 0, &[b"XY"], End::EndOfStream);
        connect(&mut runs, 2, 0, &[b"XXXY"], End::EndOfStream);
        let kept = only(connect(
            &mut runs,
            1,
            0,
            &[b"XXXXX", b"X\n"],
            End::EndOfStream,
        ));
        assert_eq!((kept.bytes, kept.connections), (7, 1));
    }
    let one = only(connect(&mut runs, 1, 0, &[b"XY\n"], End::EndOfStream));
    let two = only(connect(&mut runs, 2, 0, &[b"XXXY\n"], End::EndOfStream));
    assert_eq!((one.bytes, one.connections), (9, 4));
    assert_eq!((two.bytes, two.connections), (17, 4));
}

#[test]
fn overlapping_connections_are_reported_but_not_one_that_is_idle_after_its_y() {
    let mut runs = Runs::default();
    let mut first = runs.open(peer(1), 0);
    runs.read(&mut first, b"XXY", 0);
    let mut second = runs.open(peer(1), 1);
    assert!(!second.tally.overlapped);
    runs.close(first, End::EndOfStream, None, 2);
    runs.read(&mut second, b"XX", 2);
    let third = runs.open(peer(1), 3);
    assert!(third.tally.overlapped);
    runs.read(&mut second, b"Y\n", 4);
    let report = only(runs.close(second, End::Newline, None, 5));
    assert!(report.after_silence, "no end of stream");
    assert!(!report.overlapped, "the third was not part of it");
    assert_eq!(report.segments, None);
}

#[test]
fn a_run_that_breaks_off_is_reported_as_such_with_its_bytes() {
    for (end, outcome) in [
        (End::EndOfStream, Outcome::BrokenOff),
        (End::Reset, Outcome::Reset),
        (End::Idle, Outcome::CutOff),
    ] {
        let mut runs = Runs::default();
        let report = only(connect(&mut runs, 1, 0, &[b"XXX", b"XX"], end));
        assert_eq!(
            (report.outcome, report.bytes, report.connect),
            (outcome, 5, Mode::Kept)
        );
        connect(&mut runs, 1, 0, &[b"XXY"], End::EndOfStream);
        let report = only(connect(&mut runs, 1, 0, &[b"X"], end));
        assert_eq!((report.outcome, report.bytes), (outcome, 4));
        assert_eq!(report.connect, Mode::Reopened);
        assert!(
            connect(&mut runs, 1, 0, &[], end).is_empty(),
            "a connection without a byte"
        );
    }
}

#[test]
fn a_run_that_never_ends_expires_but_not_while_its_next_chunk_is_received() {
    let mut runs = Runs::default();
    assert_eq!(runs.deadline(), None);
    connect(&mut runs, 1, 0, &[b"XXY"], End::EndOfStream);
    assert_eq!(runs.deadline(), Some(SECOND + UNFINISHED_TIMEOUT));
    assert!(runs.expire_unfinished(UNFINISHED_TIMEOUT).is_empty());
    let slow = runs.open(peer(1), UNFINISHED_TIMEOUT);
    assert!(
        runs.expire_unfinished(SECOND + UNFINISHED_TIMEOUT)
            .is_empty()
    );
    runs.close(slow, End::EndOfStream, None, 2 * UNFINISHED_TIMEOUT);
    let report = only(runs.expire_unfinished(3 * UNFINISHED_TIMEOUT));
    assert_eq!((report.outcome, report.bytes), (Outcome::NeverEnded, 3));
    assert_eq!(runs.deadline(), None);
}

#[test]
fn unfinished_runs_of_many_addresses_take_bounded_memory() {
    let mut runs = Runs::default();
    let mut ended = 0;
    for number in 0..2_000_u32 {
        let peer = SocketAddr::from((number.to_be_bytes(), 1));
        let mut connection = runs.open(peer, number.into());
        runs.read(&mut connection, b"Y", number.into());
        ended += runs
            .close(connection, End::EndOfStream, None, number.into())
            .len();
    }
    assert_eq!(
        (runs.reopened.len(), ended),
        (MOST_UNFINISHED, 2_000 - MOST_UNFINISHED)
    );
    assert!(runs.busy.is_empty());
}
