//! An endpoint with limits so short that they can be met.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::lab::{End, Message, Outcome, Report, start_rate, start_receiver};

const SOON: Duration = Duration::from_secs(5);

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn receiver(limits: Limits) -> (ServiceHandle, SocketAddr, mpsc::Receiver<Message>) {
    let (listener, address) = listener();
    let (sender, messages) = mpsc::channel();
    let observer = Box::new(move |message: &Message| sender.send(message.clone()).unwrap());
    (
        start_receiver(listener, limits, Priority::BehindTheRing, observer).unwrap(),
        address,
        messages,
    )
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn last_line(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_silent_sender_is_cut_off_with_a_reason_and_its_bytes_are_kept() {
    let (_serving, address, messages) = receiver(Limits {
        idle: Duration::from_millis(50),
        ..Limits::default()
    });
    let mut stream = connect(address);
    stream.write_all(b"half").unwrap();
    assert_eq!(
        last_line(stream),
        "carom: cut off: nothing more came in time\n"
    );
    let message = messages.recv_timeout(SOON).unwrap();
    assert_eq!((message.text.as_str(), message.end), ("half", End::Idle));
}

#[test]
fn a_dripping_sender_is_cut_off_at_the_age_limit() {
    let (_serving, address, _messages) = receiver(Limits {
        total: Duration::from_millis(150),
        ..Limits::default()
    });
    let stream = connect(address);
    let mut dripping = stream.try_clone().unwrap();
    let drips = std::thread::spawn(move || {
        // Ends when the other end has closed.
        while dripping.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(last_line(stream), "carom: cut off: it took too long\n");
    drips.join().unwrap();
}

#[test]
fn a_connection_over_the_limit_is_refused_with_a_reason_and_the_others_are_served() {
    let (_serving, address, messages) = receiver(Limits {
        per_address: 2,
        ..Limits::default()
    });
    let two = [connect(address), connect(address)];
    for mut stream in &two {
        stream.write_all(b"first\n").unwrap();
        assert_eq!(messages.recv_timeout(SOON).unwrap().text, "first");
    }
    let refused = last_line(connect(address));
    assert!(
        refused.starts_with("carom: refused: 2 connections of your address are open"),
        "{refused}"
    );
    for mut stream in &two {
        stream.write_all(b"second\n").unwrap();
        assert_eq!(messages.recv_timeout(SOON).unwrap().text, "second");
    }
    drop(two);
}

#[test]
fn a_sender_that_waits_after_its_y_sees_an_end_and_may_still_send_its_newline() {
    let (listener, address) = listener();
    let (sender, reports) = mpsc::channel();
    let observer = Box::new(move |report: &Report| sender.send(report.clone()).unwrap());
    let _serving = start_rate(listener, Limits::default(), Priority::Usual, observer).unwrap();
    let mut stream = connect(address);
    stream.write_all(b"XXY").unwrap();
    assert_eq!(last_line(stream.try_clone().unwrap()), "");
    stream.write_all(b"\n").unwrap();
    let report = reports.recv_timeout(SOON).unwrap();
    assert_eq!((report.bytes, report.outcome), (4, Outcome::Complete));
    assert!(report.unanswered, "what was ended cannot be answered");

    // A sender that waits for its answer gets it after a silence, and the silence does not count.
    let mut stream = connect(address);
    stream.write_all(b"XXXX\n").unwrap();
    let answer: Report = serde_json::from_str(&last_line(stream)).unwrap();
    assert_eq!((answer.bytes, answer.outcome), (5, Outcome::Complete));
    assert!(answer.after_silence && !answer.unanswered && answer.seconds < 0.5);
}

#[test]
fn a_sender_that_ends_its_stream_gets_its_answer_with_a_newline_and_without() {
    let (listener, address) = listener();
    let observer = Box::new(|_: &Report| {});
    let _serving = start_rate(listener, Limits::default(), Priority::Usual, observer).unwrap();
    for (bytes, outcome) in [
        (&b"XXXX\n"[..], Outcome::Complete),
        (b"XXXX", Outcome::BrokenOff),
    ] {
        let mut stream = connect(address);
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer: Report = serde_json::from_str(&last_line(stream)).unwrap();
        assert_eq!(
            (answer.bytes, answer.outcome),
            (bytes.len() as u64, outcome)
        );
        assert!(!answer.after_silence && !answer.unanswered);
    }
}

#[test]
fn a_run_of_binary_data_is_complete_when_its_last_byte_is_here() {
    let (listener, address) = listener();
    let (sender, reports) = mpsc::channel();
    let observer = Box::new(move |report: &Report| sender.send(report.clone()).unwrap());
    let _serving = start_rate(listener, Limits::default(), Priority::Usual, observer).unwrap();
    let mut data = vec![0; 300_000];
    fastrand::Rng::with_seed(7).fill(&mut data);
    data.push(b'\n');
    let mut stream = connect(address);
    // Every piece ends in a newline, and after some of them the sender pauses.
    for piece in data.split_inclusive(|&byte| byte == b'\n') {
        stream.write_all(piece).unwrap();
        if piece.len() > 1_000 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answer: Report = serde_json::from_str(&last_line(stream)).unwrap();
    assert_eq!(
        (answer.bytes, answer.outcome),
        (data.len() as u64, Outcome::Complete)
    );
    assert_eq!(reports.recv_timeout(SOON).unwrap().bytes, answer.bytes);
    assert!(reports.try_recv().is_err(), "one run");
}

#[test]
fn an_endpoint_that_is_dropped_ends_its_connections_and_frees_its_port() {
    let (serving, address, messages) = receiver(Limits::default());
    let mut stream = connect(address);
    stream.write_all(b"one\ntwo").unwrap();
    assert_eq!(messages.recv_timeout(SOON).unwrap().text, "one");
    let (answer, answered) = smol::channel::bounded(1);
    serving.list_requester().request(answer);
    let list = answered.recv_blocking().unwrap();
    assert!(
        String::from_utf8(list)
            .unwrap()
            .contains("\"text\":\"one\"")
    );
    let requester = serving.list_requester();
    drop(serving);
    let last = messages.recv_timeout(SOON).unwrap();
    assert_eq!((last.text.as_str(), last.end), ("two", End::Stopped));
    TcpListener::bind(address).unwrap();
    let (answer, answered) = smol::channel::bounded(1);
    requester.request(answer);
    assert!(
        answered.recv_blocking().is_err(),
        "nobody is there to answer"
    );
}

#[test]
fn a_read_rate_slows_the_reads_and_loses_nothing() {
    let (_serving, address, messages) = receiver(Limits {
        read_rate: Some(100_000),
        ..Limits::default()
    });
    let mut stream = connect(address);
    let started = clock::monotonic_nanos();
    stream.write_all(&[b'X'; 30_000]).unwrap();
    drop(stream);
    let message = messages.recv_timeout(SOON).unwrap();
    assert_eq!((message.bytes, message.end), (30_000, End::EndOfStream));
    assert!(message.reads >= 6, "{} reads", message.reads);
    // Before each piece but the first there was a pause.
    assert!(clock::monotonic_nanos() - started >= 240_000_000);
}
