//! The proxy of one link: it forwards bytes in both directions until it is cut or held.
//!
//! *Cut* closes open connections and refuses new ones. A *held* direction forwards nothing and loses
//! nothing: the bytes arrive late, as TCP would send them again until they are acknowledged.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use super::free_ports;

/// A direction of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the dialling node to the other.
    Forth,
    Back,
}

#[derive(Default)]
struct State {
    /// The directions that forward nothing now.
    held: Vec<Direction>,
    refuses: bool,
    listens: bool,
    ended: bool,
    open: Vec<TcpStream>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    port: u16,
    target: u16,
}

/// A proxy in front of one port of 127.0.0.1.
pub(crate) struct Proxy(Arc<Shared>);

impl Proxy {
    pub(crate) fn open(target: u16) -> Self {
        let [port] = free_ports();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            port,
            target,
        });
        let proxy = Self(Arc::clone(&shared));
        thread::spawn(move || shared.accept());
        drop(proxy.0.wait_until(|state| state.listens));
        proxy
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port
    }

    /// Closes every connection and refuses new ones.
    pub(crate) fn cut(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.refuses = true;
        close_all(&mut state);
        drop(state);
        self.0.wake();
        drop(self.0.wait_until(|state| !state.listens));
    }

    /// Forwards nothing in that direction until it is healed; closes nothing.
    pub(crate) fn hold(&self, direction: Direction) {
        self.0.state.lock().unwrap().held.push(direction);
    }

    /// Ends the cut and all holds.
    pub(crate) fn heal(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.refuses = false;
        state.held.clear();
        drop(state);
        self.0.changed.notify_all();
        drop(self.0.wait_until(|state| state.listens));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap();
        state.ended = true;
        close_all(&mut state);
        drop(state);
        self.0.wake();
    }
}

fn close_all(state: &mut State) {
    for stream in state.open.drain(..) {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

impl Shared {
    fn wait_until(&self, met: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.state.lock().unwrap();
        let waiting = self.changed.wait_while(state, |state| !met(state));
        waiting.unwrap()
    }

    /// Wakes all threads so that they check the state; a connection wakes the one that accepts.
    fn wake(&self) {
        self.changed.notify_all();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }

    fn accept(self: Arc<Self>) {
        loop {
            let mut state = self.wait_until(|state| state.ended || !state.refuses);
            if state.ended {
                return;
            }
            let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
            state.listens = true;
            drop(state);
            self.changed.notify_all();
            self.accept_while_open(&listener);
            drop(listener);
            self.state.lock().unwrap().listens = false;
            self.changed.notify_all();
        }
    }

    fn accept_while_open(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let (client, _) = listener.accept().unwrap();
            let mut state = self.state.lock().unwrap();
            if state.refuses || state.ended {
                return;
            }
            state.open.push(client.try_clone().unwrap());
            drop(state);
            let shared = Arc::clone(self);
            thread::spawn(move || shared.carry(client));
        }
    }

    /// Waits while the direction is held; returns whether it may forward.
    fn passes(&self, direction: Direction) -> bool {
        let state = self
            .wait_until(|state| state.ended || state.refuses || !state.held.contains(&direction));
        !state.ended && !state.refuses
    }

    fn carry(self: &Arc<Self>, mut client: TcpStream) {
        if !self.passes(Direction::Forth) {
            return;
        }
        // A client that has closed meanwhile is never forwarded.
        let Some(early) = received_so_far(&mut client) else {
            return;
        };
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", self.target)) else {
            return drop(client.shutdown(Shutdown::Both));
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        self.state
            .lock()
            .unwrap()
            .open
            .push(server.try_clone().unwrap());
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let shared = Arc::clone(self);
        thread::spawn(move || shared.pump(to, from, Direction::Back));
        if server.write_all(&early).is_ok() {
            self.pump(client, server, Direction::Forth);
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            // The end of a connection is forwarded no earlier than its bytes.
            if !self.passes(direction) || count == 0 || to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

/// What a client has sent so far, unless it has closed the connection.
fn received_so_far(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut said = Vec::new();
    client.set_nonblocking(true).ok()?;
    let read = client.read_to_end(&mut said);
    client.set_nonblocking(false).ok()?;
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        .then_some(said)
}
