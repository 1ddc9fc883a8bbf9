//! The lower bound: a 64-byte token, blocking sockets, TCP_NODELAY, no acknowledgement.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{Children, free_ports, watch};
use super::{Figures, NODES};

const TOKEN: usize = 64;

/// Runs the ring for `span`.
pub(crate) fn run(span: Duration, strace: bool) -> Figures {
    let ports = free_ports(NODES);
    // The first node counts; it answers on a port of its own.
    let counter = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let counting = counter.local_addr().expect("an address").port();
    let program = std::env::current_exe().expect("this program");
    let children = (0..NODES).map(|index| {
        let counting = if index == 0 { counting } else { 0 };
        Command::new(&program)
            .args([
                "bare-node",
                &ports[index].to_string(),
                &ports[(index + 1) % NODES].to_string(),
                &counting.to_string(),
            ])
            .stdin(Stdio::null())
            .spawn()
            .expect("a child")
    });
    let children = Children(children.collect());
    let (stream, _) = counter.accept().expect("the first node");
    watch(&children, span, strace, || ask(&stream))
}

fn ask(mut stream: &TcpStream) -> u64 {
    stream.write_all(&[0]).expect("a question");
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).expect("an answer");
    u64::from_be_bytes(answer)
}

/// One node: its port, the next one's, and where to tell the count (0: nowhere).
pub(crate) fn node(arguments: &[String]) {
    let [mine, next, counting] =
        [0, 1, 2].map(|index| arguments[index].parse::<u16>().expect("a port"));
    let listener = TcpListener::bind(("127.0.0.1", mine)).expect("my port");
    let mut outgoing = loop {
        match TcpStream::connect(("127.0.0.1", next)) {
            Ok(stream) => break stream,
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let (mut incoming, _) = listener.accept().expect("the node before");
    outgoing.set_nodelay(true).expect("a socket option");
    let mut token = [b'.'; TOKEN];
    let laps = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    if counting != 0 {
        let laps = std::sync::Arc::clone(&laps);
        let mut stream = TcpStream::connect(("127.0.0.1", counting)).expect("the bench");
        std::thread::spawn(move || {
            let mut question = [0];
            while stream.read_exact(&mut question).is_ok() {
                let hops = laps.load(std::sync::atomic::Ordering::Relaxed) * NODES as u64;
                stream.write_all(&hops.to_be_bytes()).expect("the bench");
            }
        });
        outgoing.write_all(&token).expect("the next node");
    }
    // Ends with its connections, when the bench kills its neighbours.
    while incoming.read_exact(&mut token).is_ok() && outgoing.write_all(&token).is_ok() {
        laps.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}
