//! The name of a node leads to another machine: with a key, the address of the last link counts, too.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use async_io::Timer;
use carom::ring::Input;

use crate::node::{Node, SOON, addresses, dead, keys, listeners, run, start};

/// Something that accepts connections and is no node of the ring.
struct Impostor {
    address: SocketAddr,
    /// The connections so far; `None` once it is to end.
    accepted: Arc<Mutex<Option<Vec<TcpStream>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Impostor {
    /// It says `words` to everybody, and nothing else.
    fn start(listener: TcpListener, words: &'static str) -> Self {
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(Mutex::new(Some(Vec::new())));
        let held = Arc::clone(&accepted);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut held = held.lock().unwrap();
                let Some(held) = held.as_mut() else { return };
                stream.write_all(words.as_bytes()).unwrap();
                held.push(stream);
            }
        });
        Self {
            address,
            accepted,
            thread: Some(thread),
        }
    }

    fn count(&self) -> usize {
        self.accepted.lock().unwrap().as_ref().map_or(0, Vec::len)
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        *self.accepted.lock().unwrap() = None;
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

async fn down(node: &Node) {
    let event = node.next().await;
    assert!(matches!(event, Input::LinkDown { .. }), "{event:?}");
}

/// Listens where another node may have listened until a moment ago.
async fn listener(address: SocketAddr) -> TcpListener {
    let end = carom::clock::now() + SOON;
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) => assert!(carom::clock::now() < end, "{address}: {error}"),
        }
        Timer::after(Duration::from_millis(10)).await;
    }
}

#[test]
fn the_last_address_is_dialled_first_and_the_looked_up_one_if_that_fails() {
    run(async |executor| {
        let [first, second] = listeners();
        let [address, last] = addresses(&[first.try_clone().unwrap(), second]);
        // To the left node, the name of the right one leads to another program.
        let looked_up = SocketAddr::from(([127, 0, 0, 2], last.port()));
        let left = start(&executor, 0, first, [address, looked_up], keys(&[1]));
        // Only one of these right nodes can dial.
        let dialling = async |at| {
            let listener = listener(at).await;
            start(&executor, 1, listener, [address, last], keys(&[1]))
        };
        let silent = async |at| {
            let listener = listener(at).await;
            start(&executor, 1, listener, [dead(), last], keys(&[1]))
        };
        let impostor = Impostor::start(listener(looked_up).await, "SSH-2.0\n");
        let right = dialling(last).await;
        left.up().await;
        drop(right);
        down(&left).await;
        let before = impostor.count();
        let right = silent(last).await;
        left.up().await;
        assert_eq!(impostor.count(), before, "the last address comes first");
        drop((right, impostor));
        down(&left).await;
        // Now the name is right, and another program has the last address: it says what is no handshake, or nothing.
        for words in ["SSH-2.0\n", ""] {
            let right = dialling(last).await;
            left.up().await;
            drop(right);
            down(&left).await;
            let impostor = Impostor::start(listener(last).await, words);
            let right = silent(looked_up).await;
            left.up().await;
            assert!(impostor.count() > 0, "the last address comes first");
            drop((right, impostor));
            down(&left).await;
        }
    });
}
