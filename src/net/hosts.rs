//! Which addresses the hosts of the ring file stand for: a hello is believed only from one of these.
//!
//! This is what a ring without a key has. Why each answer is as it is: decision 0023.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use smol::future;
use smol::lock::{Mutex, Semaphore};

use crate::clock;
use crate::connect;
use crate::endpoint::Endpoint;
use crate::ring::{NodeId, Time};

/// How long the addresses of a name count without a new lookup.
const FRESH: Duration = Duration::from_secs(30);

/// The time between two lookups of a name that cannot be looked up.
const RETRY: Duration = Duration::from_secs(5);

/// How long a hello waits for a lookup. The lookup goes on after that, for the next attempt.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

/// How long a hello waits for the node's ring port. With the lookup, it is less than the peer waits.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// So many lookups run at a time; each needs a thread.
const MOST_LOOKUPS: usize = 8;

type LookUp = fn(&str) -> io::Result<Vec<IpAddr>>;

/// Whether a connection comes from the node that its hello names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// The node's host stands for the address.
    Yes,
    /// The name of the host could not be looked up here since this process began.
    Unknown,
    /// The node's host stands for other addresses.
    No,
}

/// The two addresses of an accepted connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    peer: IpAddr,
    local: IpAddr,
}

impl Source {
    pub(super) fn new(peer: IpAddr, local: IpAddr) -> Self {
        let (peer, local) = (peer.to_canonical(), local.to_canonical());
        Self { peer, local }
    }

    /// The address of the other end.
    pub(super) fn peer(self) -> IpAddr {
        self.peer
    }

    /// Whether the host with these addresses may connect from here.
    fn fits(self, addresses: &[IpAddr]) -> bool {
        addresses.contains(&self.peer)
            || self.is_this_machine() && addresses.iter().any(|&address| is_own(address))
    }

    /// Whether the connection came from this machine. The system then chose the address: the one
    /// that was dialled or, for any loopback address, the first one.
    fn is_this_machine(self) -> bool {
        let first = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        self.peer == self.local || first.contains(&self.peer)
    }
}

/// Whether the address is one of this machine.
fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

/// What the hosts of all nodes stand for, as far as it has been looked up.
pub(super) struct Hosts {
    names: Vec<Mutex<Name>>,
    lookups: Arc<Semaphore>,
    look_up: LookUp,
}

/// The name of one node's host.
#[derive(Default)]
struct Name {
    host: String,
    /// What the last successful lookup gave. Later failures do not change it: the name of a host that
    /// is switched off cannot be looked up in mDNS.
    addresses: Option<Vec<IpAddr>>,
    /// When the last lookup ended, and whether it was successful.
    looked_up: Option<(Time, bool)>,
    running: Option<smol::Task<io::Result<Vec<IpAddr>>>>,
    /// When a hello first waited for the lookup that is running.
    begun: Option<Time>,
}

impl Hosts {
    pub(super) fn new(nodes: usize) -> Self {
        Self::with(nodes, connect::look_up)
    }

    fn with(nodes: usize, look_up: LookUp) -> Self {
        Self {
            names: (0..nodes).map(|_| Mutex::default()).collect(),
            lookups: Arc::new(Semaphore::new(MOST_LOOKUPS)),
            look_up,
        }
    }

    /// Whether a connection from there comes from that node, whose ring port is at `endpoint`.
    ///
    /// A host may have more addresses than the ring file or a lookup tells: a cable and Wi-Fi, IPv4 and
    /// IPv6. So another address is believed if the node's own ring port answers at its host. That is
    /// not so while the node is switched off.
    pub(super) async fn belief(&self, node: NodeId, endpoint: &Endpoint, source: Source) -> Belief {
        let Some(addresses) = self.addresses(node, &endpoint.host).await else {
            return Belief::Unknown;
        };
        if source.fits(&addresses) || answers(&addresses, endpoint.port).await {
            Belief::Yes
        } else {
            Belief::No
        }
    }

    /// What the host of that node stands for; `None` if it could never be looked up.
    async fn addresses(&self, node: NodeId, host: &str) -> Option<Vec<IpAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(vec![address.to_canonical()]);
        }
        let mut name = self.names.get(node.index())?.lock().await;
        name.refresh(host, &self.lookups, self.look_up).await;
        name.addresses.clone()
    }

    /// Whether any of these hosts is known to stand for the address; looks nothing up.
    pub(super) fn any_fits(&self, endpoints: &[Endpoint], source: Source) -> bool {
        let mut pairs = endpoints.iter().zip(&self.names);
        pairs.any(|(Endpoint { host, .. }, name)| {
            if let Ok(address) = host.parse::<IpAddr>() {
                return source.fits(&[address.to_canonical()]);
            }
            let known = name.try_lock().filter(|name| name.host == *host);
            known.is_some_and(|name| name.addresses.as_ref().is_some_and(|all| source.fits(all)))
        })
    }
}

impl Name {
    /// Looks the host up, unless that was done a moment ago.
    async fn refresh(&mut self, host: &str, lookups: &Arc<Semaphore>, look_up: LookUp) {
        if self.host != host {
            *self = Self::default();
            host.clone_into(&mut self.host);
        }
        let is_recent = |(then, successful): (Time, bool)| {
            clock::now().since(then) < if successful { FRESH } else { RETRY }
        };
        if self.looked_up.is_some_and(is_recent) {
            return;
        }
        // Wait only once for a slow lookup: many hellos must not queue up behind it.
        let now = clock::now();
        let deadline = *self.begun.get_or_insert(now) + LOOKUP_LIMIT;
        let running = async {
            if self.running.is_none() {
                let permit = lookups.acquire_arc().await;
                let host = host.to_owned();
                self.running = Some(smol::unblock(move || {
                    let found = look_up(&host);
                    drop(permit);
                    found
                }));
            }
            match &mut self.running {
                Some(running) => Some(running.await),
                None => None,
            }
        };
        let late = async {
            Timer::after(now.until(deadline)).await;
            None
        };
        if let Some(found) = future::or(running, late).await {
            (self.begun, self.running) = (None, None);
            self.looked_up = Some((clock::now(), found.is_ok()));
            if let Ok(addresses) = found {
                self.addresses = Some(addresses);
            }
        }
    }
}

/// Whether something accepts connections at one of these addresses of a node, at its ring port.
///
/// The host is not looked up again: the name of a node that is switched off may take seconds.
async fn answers(addresses: &[IpAddr], port: u16) -> bool {
    let targets: Vec<SocketAddr> = addresses
        .iter()
        .map(|&address| SocketAddr::new(address, port))
        .collect();
    let answer = connect::connect_to_first(&targets, ANSWER_LIMIT).await;
    answer.is_some_and(|answer| answer.is_ok())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_io::block_on;

    use super::*;

    fn source(peer: &str, local: &str) -> Source {
        Source::new(peer.parse().unwrap(), local.parse().unwrap())
    }

    fn at(host: &str, port: u16) -> Endpoint {
        let host = host.to_owned();
        Endpoint { host, port }
    }

    fn belief(hosts: &Hosts, host: &str, peer: &str) -> Belief {
        // The discard port: nothing answers there.
        let from = source(peer, "127.0.0.1");
        block_on(hosts.belief(NodeId(0), &at(host, 9), from))
    }

    #[test]
    fn an_address_is_believed_in_every_spelling_and_no_other_is() {
        let hosts = Hosts::new(1);
        for (host, peer, believed) in [
            ("192.168.7.15", "192.168.7.15", Belief::Yes),
            ("192.168.7.15", "::ffff:192.168.7.15", Belief::Yes),
            ("::ffff:192.168.7.15", "192.168.7.15", Belief::Yes),
            ("fd00::15", "fd00:0::0015", Belief::Yes),
            ("127.0.0.1", "192.168.7.15", Belief::No),
            ("127.0.0.1", "fd00::15", Belief::No),
        ] {
            assert_eq!(belief(&hosts, host, peer), believed, "{host} from {peer}");
        }
    }

    #[test]
    fn a_node_of_this_machine_may_connect_from_the_address_that_the_system_chooses() {
        let own = |peer, local, host: &str| source(peer, local).fits(&[host.parse().unwrap()]);
        // Debian gives a machine's own name the address 127.0.1.1.
        assert!(own("127.0.0.1", "127.0.1.1", "127.0.1.1"));
        assert!(own("::1", "::1", "127.0.0.1"));
        assert!(own("192.168.7.11", "192.168.7.11", "127.0.0.1"));
        assert!(!own("127.0.0.9", "127.0.0.1", "127.0.0.1"));
        assert!(!own("127.0.0.1", "127.0.0.1", "192.0.2.1"));
        assert!(!own("192.168.7.12", "192.168.7.11", "127.0.0.1"));
        assert!(is_own("127.0.0.9".parse().unwrap()));
        assert!(!is_own("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_name_stands_for_what_the_last_successful_lookup_gave() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        let hosts = Hosts::with(1, |_| {
            if LOOKUPS.fetch_add(1, Ordering::Relaxed) == 0 {
                return Ok(vec!["192.0.2.3".parse().unwrap()]);
            }
            Err(io::ErrorKind::NotFound.into())
        });
        assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.3"), Belief::Yes);
        assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.4"), Belief::No);
        assert_eq!(LOOKUPS.load(Ordering::Relaxed), 1, "the answer is fresh");
        let mut name = hosts.names[0].try_lock().unwrap();
        name.looked_up = Some((Time::from_micros(0), true));
        drop(name);
        assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.3"), Belief::Yes);
        assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.4"), Belief::No);
        assert_eq!(LOOKUPS.load(Ordering::Relaxed), 2, "it failed a moment ago");
        // A reload has changed the host.
        assert_eq!(belief(&hosts, "pi4.invalid", "192.0.2.3"), Belief::Unknown);
    }

    #[test]
    fn a_slow_lookup_is_awaited_for_a_second_and_ends_in_the_background() {
        let hosts = Hosts::with(1, |_| {
            std::thread::sleep(LOOKUP_LIMIT * 3 / 2);
            Ok(vec!["192.0.2.3".parse().unwrap()])
        });
        let waited = |expected| {
            let begun = clock::now();
            assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.3"), expected);
            clock::now().since(begun)
        };
        assert!(waited(Belief::Unknown) >= LOOKUP_LIMIT);
        assert!(waited(Belief::Unknown) < LOOKUP_LIMIT / 2, "only once");
        std::thread::sleep(LOOKUP_LIMIT);
        assert!(waited(Belief::Yes) < LOOKUP_LIMIT / 2);
        let endpoints = [at("pi3.invalid", 9)];
        assert!(hosts.any_fits(&endpoints, source("192.0.2.3", "127.0.0.1")));
        assert!(!hosts.any_fits(&endpoints, source("192.0.2.4", "127.0.0.1")));
    }

    #[test]
    fn another_address_of_a_host_is_believed_while_the_ring_port_answers_there() {
        let hosts = Hosts::new(1);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ask = |host| {
            let from = source("192.0.2.4", "192.0.2.1");
            block_on(hosts.belief(NodeId(0), &at(host, port), from))
        };
        for host in ["localhost", "127.0.0.1"] {
            assert_eq!(ask(host), Belief::Yes, "{host}");
        }
        drop(listener);
        for host in ["localhost", "127.0.0.1"] {
            assert_eq!(ask(host), Belief::No, "{host}");
        }
    }
}
