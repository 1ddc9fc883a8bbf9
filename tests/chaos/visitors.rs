//! Pages that are open and senders that saturate the rate endpoint, at every node, for the whole run.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{Builder, sleep};
use std::time::Duration;

use super::ring::nodes;
use super::testbed::address;

/// Open pages; each follows the events of every node, as a page does.
const PAGES: usize = 20;

/// Senders to the rate endpoint of every node.
const SENDERS: usize = 2;

/// The port of the rate endpoint.
const RATE: u16 = 10100;

/// A visitor whose node does not answer tries again after this time.
const AGAIN: Duration = Duration::from_millis(300);

/// A follower hears something every two seconds; a sender that is not read for so long begins anew.
const SILENCE: Duration = Duration::from_secs(5);

/// The first argument of the process that has all visitors.
pub(crate) const ROLE: &str = "visitors";

/// What the visitors have read of `/events`, and sent to the rate endpoints, in bytes.
static READ: AtomicU64 = AtomicU64::new(0);
static SENT: AtomicU64 = AtomicU64::new(0);

/// The process of the visitors, at ordinary priority.
pub(crate) struct Visitors(Child);

impl Visitors {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([ROLE, &nodes().to_string()])
            .stdin(Stdio::piped());
        Self(command.stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Ends them. Returns how many bytes they have read and sent.
    pub(crate) fn end(self) -> (u64, u64) {
        // The end of its input is the end of the process.
        let output = self.0.wait_with_output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let (read, sent) = told.trim().split_once(' ').unwrap();
        (read.parse().unwrap(), sent.parse().unwrap())
    }
}

/// Runs in the process of the visitors, until the end of its input.
pub(crate) fn run() {
    for node in 0..nodes() {
        for _ in 0..PAGES {
            start(move || follow(address(node)));
        }
        let rate = SocketAddr::new(address(node).ip(), RATE);
        for _ in 0..SENDERS {
            start(move || send(rate));
        }
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    println!("{} {}", READ.load(Relaxed), SENT.load(Relaxed));
}

fn start(visit: impl Fn() -> std::io::Result<()> + Send + 'static) {
    let again = move || {
        loop {
            let _ = visit();
            sleep(AGAIN);
        }
    };
    Builder::new().stack_size(64 * 1024).spawn(again).unwrap();
}

fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

fn follow(node: SocketAddr) -> std::io::Result<()> {
    let mut stream = connect(node)?;
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => READ.fetch_add(count as u64, Relaxed),
        };
    }
}

fn send(endpoint: SocketAddr) -> std::io::Result<()> {
    let mut stream = connect(endpoint)?;
    loop {
        let count = stream.write(&[b'X'; 16 * 1024])?;
        SENT.fetch_add(count as u64, Relaxed);
    }
}
