//! How fast the rate endpoint takes bytes, against iperf3, and connections, against a bare loop
//! that accepts, reads and closes.
//!
//! `cargo bench --bench rate [-- --pairs 7 --seconds 1]`. Both are run in turn, pair by pair, on the
//! loopback, and only the ratio within a pair counts: the noise of the machine hits both.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark ends with a panic where it cannot measure, prints, and times itself"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SIZES: [usize; 4] = [100, 1_448, 16 * 1024, 128 * 1024];

/// Opened, used and closed in one go: few enough that no port is used twice in a minute.
const CONNECTIONS: usize = 1_000;

/// A child that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "bare-loop") {
        bare_loop();
        return;
    }
    let pairs = number(&arguments, "--pairs").unwrap_or(7);
    let seconds = number(&arguments, "--seconds").unwrap_or(1);
    let ports = free_ports();
    let _carom = carom_endpoint(ports[0], ports[1]);
    if Command::new("iperf3").arg("--version").output().is_ok() {
        against_iperf3(ports[1], ports[2], pairs, seconds);
    } else {
        println!("skipped: iperf3 is not installed");
    }
    against_bare_loop(ports[1], pairs);
}

fn number(arguments: &[String], name: &str) -> Option<u64> {
    let index = arguments.iter().position(|argument| argument == name)?;
    arguments.get(index + 1)?.parse().ok()
}

/// Ports of the loopback that were free a moment ago.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

fn carom_endpoint(receiver: u16, rate: u16) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_carom"))
        .args(["receive", "--listen", &format!("127.0.0.1:{receiver}")])
        .args(["--rate", &format!("127.0.0.1:{rate}")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("carom");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    for _ in 0..2 {
        lines.next().expect("a line").expect("a line");
    }
    // It prints a line for each run, and must not block because nobody reads them.
    std::thread::spawn(move || lines.count());
    Running(child)
}

/// Bytes a second of carom for so long, as its own receiver counts.
fn carom(port: u16, size: usize, bytes: u64) -> (f64, f64) {
    let output = Command::new(env!("CARGO_BIN_EXE_carom"))
        .args([
            "rate",
            &format!("127.0.0.1:{port}"),
            "--json",
            "--nagle",
            "on",
        ])
        .args(["--bytes", &bytes.to_string(), "--chunk", &size.to_string()])
        .output()
        .expect("carom");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let sender = &told["sender"];
    let seconds = sender["confirmed_seconds"].as_f64().expect("an answer");
    assert_eq!(told["receiver"]["bytes"], sender["bytes"]);
    (sender["bytes"].as_f64().expect("bytes") / seconds, seconds)
}

/// Bytes a second of iperf3 for so long, as its receiver counts.
fn iperf3(port: u16, size: usize, seconds: u64) -> f64 {
    let output = Command::new("iperf3")
        .args(["-J", "-c", "127.0.0.1", "-p", &port.to_string()])
        .args(["-l", &size.to_string(), "-t", &seconds.to_string()])
        .output()
        .expect("iperf3");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let received = &told["end"]["sum_received"]["bits_per_second"];
    received.as_f64().expect("a rate") / 8.0
}

fn against_iperf3(carom_port: u16, iperf_port: u16, pairs: u64, seconds: u64) {
    let server = Command::new("iperf3")
        .args(["-s", "-B", "127.0.0.1", "-p", &iperf_port.to_string()])
        .stdout(Stdio::null())
        .spawn();
    let _server = Running(server.expect("iperf3"));
    std::thread::sleep(Duration::from_millis(300));
    println!(
        "{pairs} pairs of {seconds} s for each size; MB/s; a kept connection, Nagle on in both"
    );
    println!("bytes a write  carom MB/s  iperf3 MB/s  carom/iperf3 (median, least to most)");
    for size in SIZES {
        let (rate, _) = carom(carom_port, size, size as u64 * 20_000);
        let bytes = (rate * seconds as f64) as u64;
        let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..pairs {
            let (mine, _) = carom(carom_port, size, bytes);
            let its = iperf3(iperf_port, size, seconds);
            ratios.push(mine / its);
            ours.push(mine / 1e6);
            theirs.push(its / 1e6);
        }
        println!(
            "{size:13}  {:10.0}  {:11.0}  {}",
            middle(&mut ours),
            middle(&mut theirs),
            spread(&mut ratios)
        );
    }
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn spread(ratios: &mut [f64]) -> String {
    let median = middle(ratios);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    format!("{median:.2} ({least:.2} to {most:.2})")
}

/// The least that any receiver does: accept, read to the end, close.
fn bare_loop() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let (mut stream, _) = listener.accept().expect("a connection");
        while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
    }
}

/// Opens, sends 100 bytes and closes, one after the other; connections a second.
fn reopen(port: u16) -> f64 {
    let mut chunk = [b'X'; 100];
    chunk[99] = b'Y';
    let begun = Instant::now();
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.write_all(&chunk).expect("a write");
        if number == CONNECTIONS - 1 {
            stream.write_all(b"\n").expect("a write");
        }
        stream.shutdown(std::net::Shutdown::Write).expect("an end");
        // The receiver's end of stream: it has done its work for this one.
        let _ = stream.read(&mut [0; 1024]);
    }
    CONNECTIONS as f64 / begun.elapsed().as_secs_f64()
}

fn against_bare_loop(carom_port: u16, pairs: u64) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .arg("bare-loop")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    out.read_line(&mut line).expect("a port");
    let _bare = Running(child);
    let port: u16 = line.trim().parse().expect("a port");
    let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..pairs {
        let its = reopen(port);
        let mine = reopen(carom_port);
        ratios.push(mine / its);
        ours.push(mine);
        theirs.push(its);
    }
    println!(
        "open, 100 bytes, close: carom {:.0} a second, bare accept loop {:.0}: {}",
        middle(&mut ours),
        middle(&mut theirs),
        spread(&mut ratios)
    );
}
