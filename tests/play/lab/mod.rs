//! The lab of a real node: students' programs, hostile clients, memory, and the ring beside it.

mod hostile;
mod interop;
mod memory;
mod network;
mod saturation;
mod tools;
mod wall;
mod watch;

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Output};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Cluster, Plan, get, run, wait_for};

/// A command that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A ring of one: its ball bounces, and its lab is there.
fn one_node() -> Cluster {
    Cluster::start_whole(Plan {
        nodes: 1,
        ..Plan::five(Duration::from_millis(200))
    })
}

fn list(ring: &Cluster, path: &str) -> Value {
    let (code, body) = get(ring.ports[0].http, path).unwrap();
    assert_eq!(code, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The list, once it counts so many messages or runs.
fn list_of(ring: &Cluster, path: &str, count: u64) -> Value {
    wait_for(Duration::from_secs(20), path, || {
        let list = list(ring, path);
        (list["count"].as_u64() >= Some(count)).then_some(list)
    })
}

fn connect(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()
}

/// Sends a message as the simplest program would.
fn say(port: u16, text: &str) {
    connect(port).write_all(text.as_bytes()).unwrap();
}

/// A program of students, written from the chapter.
fn program(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop")
        .join(name)
}

/// A measured run of 5,000 bytes in chunks of 100, on one connection or on one for each.
fn rate_of_chunks(address: &str, connect: &str) -> Output {
    run(&[
        "rate",
        address,
        "--bytes",
        "5000",
        "--chunk",
        "100",
        "--connect",
        connect,
    ])
}
