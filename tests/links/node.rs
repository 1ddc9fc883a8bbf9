//! Two nodes of a ring, and what their links report.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::{Async, Timer};
use carom::config::{Config, Overrides};
use carom::endpoint::Endpoint;
use carom::key::{Key, Keys};
use carom::net::{Links, Settings};
use carom::obituary::Secret;
use carom::ring::{Incarnation, Input, Message, NodeId};
use smol::channel::{Receiver, unbounded};
use smol::{LocalExecutor, Task, future};

use crate::owner::{News, Owner};

/// How long a test waits for what must happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// So long a test waits for what must not happen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(600);

/// One node: its links, and what it is told of them.
pub(crate) struct Node {
    pub(crate) links: Rc<Links>,
    pub(crate) events: Receiver<Input>,
    pub(crate) id: NodeId,
    /// What proves its end.
    pub(crate) secret: Secret,
    owner: Rc<Owner>,
    _tasks: [Task<()>; 2],
}

/// The keys of these bytes, each repeated: the first is used.
pub(crate) fn keys(bytes: &[u8]) -> Option<Keys> {
    let mut keys = bytes.iter().map(|&byte| Key::from_bytes([byte; 32]));
    Some(Keys::new(keys.next()?, keys.next()))
}

/// Two listeners of nodes that are not started yet.
pub(crate) fn listeners() -> [TcpListener; 2] {
    [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap())
}

/// A port at which nobody listens.
pub(crate) fn dead() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Where the listeners can be reached.
pub(crate) fn addresses(listeners: &[TcpListener; 2]) -> [SocketAddr; 2] {
    [0, 1].map(|index| listeners[index].local_addr().unwrap())
}

/// Starts the node `id` of two; node 0 dials node 1.
pub(crate) fn start(
    executor: &Rc<LocalExecutor<'static>>,
    id: u16,
    listener: TcpListener,
    addresses: [SocketAddr; 2],
    keys: Option<Keys>,
) -> Node {
    let ring = "[ring]\nname = \"links\"\nlease = \"2s\"\n[[node]]\nname = \"left\"\nhost = \"127.0.0.1\"\nports = { ring = 1 }\n\
                [[node]]\nname = \"right\"\nhost = \"127.0.0.1\"\nports = { ring = 2, http = 3, receiver = 4, rate = 5 }\n";
    let config = Config::parse("ring.toml", ring, &[], &Overrides::default()).unwrap();
    let endpoint = |address: SocketAddr| Endpoint {
        host: address.ip().to_string(),
        port: address.port(),
    };
    let secret = Secret::draw().unwrap();
    let settings = Settings {
        topology: Arc::new(config.topology()),
        me: NodeId(id),
        incarnation: Incarnation(u64::from(id) + 1),
        addresses: addresses.map(endpoint).to_vec(),
        keys,
        commitment: Some(secret.commitment()),
    };
    let id = NodeId(id);
    let (sender, net_events) = unbounded();
    let (news_sender, news) = unbounded();
    let owner = Owner::start(Arc::clone(&settings.topology), id, news_sender);
    let owner = Rc::new(owner);
    let listener = Async::new(listener).unwrap();
    let links = Rc::new(Links::start(executor, settings, listener, sender));
    let (inputs, events) = unbounded();
    let passing_on = {
        let owner = Rc::clone(&owner);
        executor.spawn(async move {
            while let Ok(event) = net_events.recv().await {
                owner.pass_on(event);
            }
        })
    };
    let telling = {
        let links = Rc::clone(&links);
        executor.spawn(async move {
            while let Ok(news) = news.recv().await {
                match news {
                    News::Input(input) => inputs.try_send(input).unwrap(),
                    News::Report(report) => drop(links.on_report(report)),
                }
            }
        })
    };
    Node {
        links,
        events,
        id,
        secret,
        owner,
        _tasks: [passing_on, telling],
    }
}

/// Runs a test on an executor of its own.
pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce(Rc<LocalExecutor<'static>>) -> F) {
    let executor = Rc::new(LocalExecutor::new());
    let test = test(Rc::clone(&executor));
    async_io::block_on(executor.run(test));
}

/// A pair of nodes with these keys.
pub(crate) fn pair(
    executor: &Rc<LocalExecutor<'static>>,
    left: Option<Keys>,
    right: Option<Keys>,
) -> [Node; 2] {
    let listeners = listeners();
    let addresses = addresses(&listeners);
    let [first, second] = listeners;
    [
        start(executor, 0, first, addresses, left),
        start(executor, 1, second, addresses, right),
    ]
}

impl Node {
    /// The next event.
    pub(crate) async fn next(&self) -> Input {
        let late = async {
            Timer::after(SOON).await;
            panic!("nothing happened at {:?}", self.id);
        };
        let event = async { self.events.recv().await.unwrap() };
        future::or(event, late).await
    }

    /// Waits for the link to come up.
    pub(crate) async fn up(&self) {
        let event = self.next().await;
        assert!(matches!(event, Input::LinkUp { .. }), "{event:?}");
    }

    /// The next event within a while.
    pub(crate) async fn next_or_nothing(&self) -> Option<Input> {
        let event = async { Some(self.events.recv().await.unwrap()) };
        let late = async {
            Timer::after(A_WHILE).await;
            None
        };
        future::or(event, late).await
    }

    /// Waits for a while, in which nothing may happen.
    pub(crate) async fn nothing(&self) {
        assert_eq!(self.next_or_nothing().await, None);
    }

    /// Sends the other node a heartbeat that says `at`.
    pub(crate) fn send(&self, at: u64) {
        let (echo, since) = (None, 0);
        let message = Message::Heartbeat {
            at,
            echo,
            since,
            near: false,
        };
        let to = NodeId(1 - self.id.0);
        let recipient = Incarnation(u64::from(to.0) + 1);
        self.owner.send(to, recipient, message);
    }

    /// Waits for a heartbeat that says `at`, which must be the next event.
    pub(crate) async fn receives(&self, expected: u64) {
        let event = self.next().await;
        let Input::Received {
            message: Message::Heartbeat { at, .. },
            ..
        } = event
        else {
            panic!("{event:?}");
        };
        assert_eq!(at, expected);
    }
}
