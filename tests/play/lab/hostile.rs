//! Hostile clients of the lab: each costs its own connection, and others are served.

use std::fs::read_dir;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{connect, list, list_of, rate_of_chunks, say};
use crate::harness::{Cluster, Plan, exclusive, text, wait_for};

const CROWD: usize = 2_000;
const MOST_LOG_LINES: usize = 99;

/// Limits for one address, and for connections that are being closed: see `src/lab/limits.rs`.
const PER_ADDRESS: usize = 64;
const LEAVING: usize = 64;

fn ring_of_three() -> Cluster {
    Cluster::start_whole(Plan {
        nodes: 3,
        ..Plan::five(Duration::from_millis(100))
    })
}

fn descriptors(ring: &Cluster) -> usize {
    let folder = format!("/proc/{}/fd", ring.process(0).id());
    read_dir(folder).unwrap().count()
}

/// Everything that has come so far, and whether the other end has closed.
fn heard(stream: &mut TcpStream) -> (String, bool) {
    stream.set_nonblocking(true).unwrap();
    let mut bytes = Vec::new();
    let closed = match stream.read_to_end(&mut bytes) {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    (String::from_utf8_lossy(&bytes).into_owned(), closed)
}

/// More descriptors than most shells allow.
fn allow_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// A message that its sender resets is reported as such.
fn reset_in_mid_message(ring: &Cluster) {
    let reset = connect(ring.ports[0].receiver);
    (&reset).write_all(b"half a mess").unwrap();
    sleep(Duration::from_millis(100));
    let reset = socket2::Socket::from(reset);
    reset.set_linger(Some(Duration::ZERO)).unwrap();
    drop(reset);
    let broken = wait_for(Duration::from_secs(2), "the reset to be told", || {
        let list = list(ring, "/messages");
        let mut latest = list["latest"].as_array().unwrap().iter().cloned();
        latest.find(|message| message["end"] == "reset")
    });
    assert_eq!(broken["text"], "half a mess");
}

#[test]
fn thousands_of_idle_connections_drips_and_resets_disturb_nobody() {
    let _exclusive = exclusive();
    allow_descriptors();
    let ring = ring_of_three();
    let nodes = ring.running();
    let [elections, hops] = ["elections", "hops"].map(|name| ring.counter(&nodes, name));
    let before = descriptors(&ring);
    let ports = ring.ports[0];

    let mut crowd: Vec<TcpStream> = Vec::new();
    for number in 0..CROWD {
        crowd.push(connect(if number % 2 == 0 {
            ports.receiver
        } else {
            ports.rate
        }));
    }
    let open = descriptors(&ring) - before;
    println!("{CROWD} connections: the node holds {open}");
    assert!(open <= 2 * (PER_ADDRESS + LEAVING) + 8, "{open}");
    sleep(Duration::from_millis(1_200));
    let told = crowd.iter_mut().map(heard).filter(|(line, closed)| {
        assert!(!closed || line.starts_with("carom: "), "{line:?}");
        *closed
    });
    let told = told.count();
    println!("{told} were told in one line and closed");
    assert!(told >= CROWD - 2 * PER_ADDRESS);

    // Others are served, even from the same address, because silent connections are evicted.
    say(ports.receiver, "still there?");
    let message = &list_of(&ring, "/messages", 1)["latest"][0];
    assert_eq!(message["text"], "still there?");
    let address = format!("127.0.0.1:{}", ports.rate);
    let done = rate_of_chunks(&address, "per-chunk");
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(list(&ring, "/rates")["latest"][0]["connections"], 50);

    // A byte a second, beside another client.
    let mut drip = connect(ports.receiver);
    for _ in 0..3 {
        drip.write_all(b"x").unwrap();
        sleep(Duration::from_secs(1));
    }
    say(ports.receiver, "beside the drip");
    assert_eq!(
        list_of(&ring, "/messages", 2)["latest"][0]["text"],
        "beside the drip"
    );
    drop(drip);

    reset_in_mid_message(&ring);
    drop(crowd);
    let flown = ring.counter(&nodes, "hops") - hops;
    assert_eq!(ring.counter(&nodes, "elections"), elections, "no election");
    assert!(flown > 20, "the ball never stops");
    ring.assert_one_ball();
    let lines = ring.log(0).lines().count();
    println!("{flown} hops meanwhile, {lines} log lines");
    assert!(lines <= MOST_LOG_LINES, "{}", ring.log(0));
}

#[test]
fn a_flood_of_messages_is_remembered_in_part_and_logged_in_part() {
    let _exclusive = exclusive();
    let ring = ring_of_three();
    let mut stream = connect(ring.ports[0].receiver);
    for number in 0..10_000 {
        writeln!(stream, "\u{1b}[2J message {number}").unwrap();
    }
    let list = list_of(&ring, "/messages", 10_000);
    let latest: &Vec<Value> = list["latest"].as_array().unwrap();
    assert_eq!(latest.len(), 100);
    assert_eq!(latest[0]["text"], "\\u{1b}[2J message 9999");
    let log = ring.log(0);
    assert!(log.lines().count() <= MOST_LOG_LINES, "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}
