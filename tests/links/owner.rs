//! The thread that owns the links of a node in these tests, as the ring's thread does in the daemon.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use carom::clock;
use carom::net::{Event, LinkReport, LinkSet};
use carom::poller::{Poller, TIMER, Token};
use carom::ring::{Incarnation, Input, Message, NodeId, Topology};
use rustix::event::{EventfdFlags, eventfd};

const COMMANDS: Token = Token(u64::MAX - 1);

/// What a test asks of the thread.
enum Command {
    Net(Event),
    Send(NodeId, Incarnation, Box<Message>),
}

/// What the thread tells.
pub(crate) enum News {
    /// What a node would be told.
    Input(Input),
    /// What those who make connections are told.
    Report(LinkReport),
}

/// The thread. It ends when this is dropped, and its links with it.
pub(crate) struct Owner {
    commands: Sender<Command>,
    signal: Arc<OwnedFd>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Owner {
    /// Starts the thread of the node `me`; its news go to `news`.
    pub(crate) fn start(
        topology: Arc<Topology>,
        me: NodeId,
        news: smol::channel::Sender<News>,
    ) -> Self {
        let (commands, received) = channel();
        let signal = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (signal, stop) = (Arc::clone(&signal), Arc::clone(&stop));
            std::thread::spawn(move || run(topology, me, &signal, &received, &stop, &news))
        };
        Self {
            commands,
            signal,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn pass_on(&self, event: Event) {
        self.commands.send(Command::Net(event)).unwrap();
        self.wake();
    }

    pub(crate) fn send(&self, to: NodeId, recipient: Incarnation, message: Message) {
        let command = Command::Send(to, recipient, Box::new(message));
        self.commands.send(command).unwrap();
        self.wake();
    }

    fn wake(&self) {
        rustix::io::write(&self.signal, &1_u64.to_ne_bytes()).unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn run(
    topology: Arc<Topology>,
    me: NodeId,
    signal: &OwnedFd,
    commands: &Receiver<Command>,
    stop: &AtomicBool,
    news: &smol::channel::Sender<News>,
) {
    let heartbeat = topology.heartbeat();
    let mut links = LinkSet::new(topology, me);
    let mut poller = Poller::new().unwrap();
    poller.watch_signals(signal, COMMANDS).unwrap();
    let mut next_heartbeat = clock::now() + heartbeat;
    let tell = |input| drop(news.try_send(News::Input(input)));
    while !stop.load(Ordering::Acquire) {
        poller.wait(Some(next_heartbeat)).unwrap();
        for index in 0..poller.ready_count() {
            let ready = poller.ready(index).unwrap();
            match ready.token {
                TIMER => {}
                COMMANDS => {
                    for command in commands.try_iter() {
                        match command {
                            Command::Net(Event::Link(new)) => {
                                links.add(&poller, *new).into_iter().for_each(tell);
                            }
                            Command::Net(Event::Close(peer, reason)) => links.close(peer, reason),
                            Command::Net(Event::Accept(keys)) => links.close_other_keys(&keys),
                            Command::Net(Event::Duplicate) => tell(Input::Duplicate),
                            Command::Net(Event::Died(peer, incarnation)) => {
                                tell(Input::Died { peer, incarnation });
                            }
                            Command::Send(to, recipient, message) => {
                                links.queue(to, recipient, &message);
                            }
                        }
                    }
                }
                link => {
                    links.on_ready(&poller, ready);
                    while let Some(input) = links.next_input(link) {
                        tell(input);
                    }
                }
            }
        }
        if clock::now() >= next_heartbeat {
            next_heartbeat = clock::now() + heartbeat;
            links.on_heartbeat();
        }
        links.flush(&poller);
        while let Some(link) = links.next_resumed(&poller) {
            while let Some(input) = links.next_input(link) {
                tell(input);
            }
        }
        while let Some(input) = links.next_down() {
            tell(input);
        }
        while let Some(report) = links.next_report() {
            drop(news.try_send(News::Report(report)));
        }
    }
}
